import Foundation
import Glibc
import Monitoring
import Synchronization
import Testing

@Suite("A process that is looked at from outside", .serialized)
struct MonitoringServerTests {
    /// Asks by sockets that block, on a thread that is none of the concurrency pool's: tests beside this one may keep
    /// the pool's threads for long, and a client of the pool's would count that as the server's silence.
    private func get(_ path: String, at address: String) async throws -> (status: Int, type: String?, body: String) {
        let address = try MonitoringAddress(address)
        let answer = await withCheckedContinuation { continuation in
            Thread { continuation.resume(returning: Self.exchange("GET \(path) HTTP/1.1", with: address)) }.start()
        }
        let parts = answer.components(separatedBy: "\r\n\r\n")
        let lines = parts[0].components(separatedBy: "\r\n")
        let type = lines.first { $0.lowercased().hasPrefix("content-type: ") }.map { String($0.dropFirst(14)) }
        let status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) }
        return (try #require(status, "\(answer)"), type, parts.dropFirst().joined(separator: "\r\n\r\n"))
    }

    /// All that comes back before the server closes; empty where nothing can be reached.
    private static func exchange(_ request: String, with address: MonitoringAddress) -> String {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, "\(address.port)", &hints, &found) == 0, let found else { return "" }
        defer { freeaddrinfo(found) }
        let descriptor = socket(found.pointee.ai_family, found.pointee.ai_socktype, 0)
        defer { close(descriptor) }
        guard connect(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else { return "" }
        let bytes = Array("\(request)\r\nHost: here\r\nConnection: close\r\n\r\n".utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &piece, piece.count, 0)
            guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
            answer += piece[..<count]
        }
    }

    /// A process's loop, a thread of its own, that answers as long as `body` runs.
    private func answering(
        _ desk: MonitoringDesk, _ page: @escaping @Sendable () -> [Metric], _ body: () async throws -> Void
    ) async throws {
        let loop = Loop(desk, page)
        Thread { loop.run() }.start()
        defer { loop.ends.store(true, ordering: .relaxed) }
        try await body()
    }

    private final class Loop: Sendable {
        let ends = Atomic(false)
        private let desk: MonitoringDesk
        private let page: @Sendable () -> [Metric]

        init(_ desk: MonitoringDesk, _ page: @escaping @Sendable () -> [Metric]) {
            self.desk = desk
            self.page = page
        }

        func run() {
            while !ends.load(ordering: .relaxed) {
                desk.answer(page)
                usleep(5000)
            }
        }
    }

    private final class Number: Sendable {
        let value = Mutex(1.0)
    }

    @Test("shows its numbers of this moment, and that it is well", arguments: ["127.0.0.1:0", "[::1]:0"])
    func answers(address: String) async throws {
        // The server itself waits for the pool's threads as well, which tests beside this one may keep for long.
        let desk = MonitoringDesk(patienceSeconds: 600)
        let bound = try await MonitoringServer.start(
            at: MonitoringAddress(address), desk: desk, patienceSeconds: 600
        ) { _ in }
        let number = Number()
        try await answering(
            desk,
            {
                [Metric("x", .gauge, "X.", number.value.withLock { $0 })]
            }
        ) {
            let first = try await get("/metrics", at: bound)
            #expect(first.status == 200 && first.type == Metric.textType && first.body.hasSuffix("\nx 1\n"))
            number.value.withLock { $0 = 2 }
            #expect(try await get("/metrics", at: bound).body.hasSuffix("\nx 2\n"))
            let health = try await get("/healthz", at: bound)
            #expect(health.status == 200 && health.body == "ok\n")
            #expect(try await get("/", at: bound).status == 404)
        }
    }

    @Test("does not look well when its own loop hangs, though it speaks HTTP") func hangs() async throws {
        let desk = MonitoringDesk(patienceSeconds: 0.2)
        let bound = try await MonitoringServer.start(
            at: MonitoringAddress("127.0.0.1:0"), desk: desk, patienceSeconds: 600
        ) { _ in }
        let (status, _, body) = try await get("/healthz", at: bound)
        #expect(status == 503 && body.contains("has not answered"))
    }

    @Test("has room for so many questions, and says so to the others at once") func bound() async {
        let desk = MonitoringDesk(patienceSeconds: 600)
        await withTaskGroup(of: String?.self) { group in
            for _ in 0..<(MonitoringDesk.questionLimit + 1) { group.addTask { await desk.ask() } }
            // All others wait for a loop that does not answer yet.
            #expect(await group.next() == .some(nil))
            desk.answer { [Metric("x", .gauge, "X.", 1)] }
            var answers = 0
            for await answer in group where answer != nil { answers += 1 }
            #expect(answers == MonitoringDesk.questionLimit)
        }
    }

    @Test("cannot listen where another does, and says why") func inUse() async throws {
        let bound = try await MonitoringServer.start(
            at: MonitoringAddress("127.0.0.1:0"), desk: MonitoringDesk(), patienceSeconds: 600
        ) { _ in }
        let error = await #expect(throws: MonitoringError.self) {
            try await MonitoringServer.start(
                at: MonitoringAddress(bound), desk: MonitoringDesk(), patienceSeconds: 600
            ) { _ in }
        }
        #expect(error?.description == "--metrics: cannot listen at \(bound): Address already in use")
    }

    @Test(
        "is at an address and a port",
        arguments: [
            "", ":9464", "9464", "127.0.0.1", "127.0.0.1:", "::1:9464", "[]:1", "a:b", "[1.2.3.4]:5", "1.2.3.4:65536",
        ])
    func address(text: String) {
        #expect(throws: MonitoringError.self) { try MonitoringAddress(text) }
    }
}
