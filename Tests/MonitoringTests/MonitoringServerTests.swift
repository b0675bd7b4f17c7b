import FlyingFox
import FlyingSocks
import Foundation
import Monitoring
import Synchronization
import Testing

@Suite("A process that is looked at from outside", .serialized)
struct MonitoringServerTests {
    private func get(_ path: String, at address: String) async throws -> (status: Int, type: String?, body: String) {
        let address = try MonitoringAddress(address)
        var client = HTTPClient()
        let request = HTTPRequest(
            method: .GET, version: .http11, path: path, query: [], headers: [:], body: Data())
        let response =
            address.isIPv6
            ? try await client.sendHTTPRequest(request, to: sockaddr_in6.inet6(ip6: address.host, port: address.port))
            : try await client.sendHTTPRequest(request, to: sockaddr_in.inet(ip4: address.host, port: address.port))
        let body = try await response.bodyData
        return (response.statusCode.code, response.headers[.contentType], String(decoding: body, as: UTF8.self))
    }

    /// A process's loop that answers as long as `body` runs.
    private func answering(
        _ desk: MonitoringDesk, _ page: @escaping @Sendable () -> [Metric], _ body: () async throws -> Void
    ) async throws {
        let loop = Task {
            while !Task.isCancelled {
                desk.answer(page)
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        defer { loop.cancel() }
        try await body()
    }

    private final class Number: Sendable {
        let value = Mutex(1.0)
    }

    @Test("shows its numbers of this moment, and that it is well", arguments: ["127.0.0.1:0", "[::1]:0"])
    func answers(address: String) async throws {
        // Tests beside this one may keep the concurrency pool's threads for long.
        let desk = MonitoringDesk(patienceSeconds: 600)
        let bound = try await MonitoringServer.start(at: MonitoringAddress(address), desk: desk) { _ in }
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
        let bound = try await MonitoringServer.start(at: MonitoringAddress("127.0.0.1:0"), desk: desk) { _ in }
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
        let bound = try await MonitoringServer.start(at: MonitoringAddress("127.0.0.1:0"), desk: MonitoringDesk()) {
            _ in
        }
        let error = await #expect(throws: MonitoringError.self) {
            try await MonitoringServer.start(at: MonitoringAddress(bound), desk: MonitoringDesk()) { _ in }
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
