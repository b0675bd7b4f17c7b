import Dispatch
import FlyingFox
import FlyingSocks
import Foundation
import Synchronization

/// Answers `GET /metrics` and `GET /healthz` over HTTP, beside a process's work, until the process ends.
///
/// `/metrics` is Prometheus' text. `/healthz` is 200 while the process's own loop answers, otherwise 503: a process that
/// hangs does not look healthy because another thread of it speaks HTTP. Nothing is asked of who connects, and nothing can
/// be changed from here.
package enum MonitoringServer {
    /// The process is asked for at most so long, and listening begins at most so long after the start, unless told
    /// otherwise. What a client takes to ask and to read has no bound, nor has the number of clients: the address is
    /// for those who are trusted not to wear the process out.
    package static let patienceSeconds = 15.0
    /// Where listening ends by an error, such as too many open files, it begins anew after so long.
    private static let restSeconds = 1.0

    /// Listens at `address`; gives the address that it is bound to, as `HOST:PORT`. Throws `MonitoringError` where it cannot
    /// listen there.
    ///
    /// `onFailure` is told, on any thread, of what ended listening later, which begins anew.
    package static func start(
        at address: MonitoringAddress, desk: MonitoringDesk, patienceSeconds: Double = patienceSeconds,
        onFailure: @escaping @Sendable (MonitoringError) -> Void
    ) async throws -> String {
        let server: HTTPServer
        do {
            server =
                address.isIPv6
                ? HTTPServer(
                    address: try sockaddr_in6.inet6(ip6: address.host, port: address.port), timeout: patienceSeconds,
                    logger: .disabled)
                : HTTPServer(
                    address: try sockaddr_in.inet(ip4: address.host, port: address.port), timeout: patienceSeconds,
                    logger: .disabled)
        } catch {
            throw MonitoringError(
                "--metrics \(address): expected an IP address and a port; the host is neither IPv4 nor IPv6")
        }
        return try await withCheckedThrowingContinuation { continuation in
            let start = Start(continuation)
            Task.detached {
                await addRoutes(to: server, desk: desk)
                while true {
                    do { try await server.run() } catch {
                        let failure = failure(error, at: address)
                        if start.tell(.failure(failure)) { return }
                        onFailure(failure)
                    }
                    try? await Task.sleep(for: .seconds(restSeconds))
                }
            }
            Task.detached {
                do {
                    try await server.waitUntilListening(timeout: patienceSeconds)
                    start.tell(.success(await server.listeningAddress.map(text) ?? "\(address)"))
                } catch {
                    start.tell(
                        .failure(
                            MonitoringError("--metrics \(address): nothing listens after \(Int(patienceSeconds)) s")))
                }
            }
        }
    }

    /// The same, for a thread that is none of the concurrency pool's: it waits.
    package static func startAndWait(
        at address: MonitoringAddress, desk: MonitoringDesk, onFailure: @escaping @Sendable (MonitoringError) -> Void
    ) throws -> String {
        let outcome = Outcome()
        let isKnown = DispatchSemaphore(value: 0)
        Task.detached {
            let result: Result<String, any Error>
            do { result = .success(try await start(at: address, desk: desk, onFailure: onFailure)) } catch {
                result = .failure(error)
            }
            outcome.value.withLock { $0 = result }
            isKnown.signal()
        }
        isKnown.wait()
        return try outcome.value.withLock { $0 }.get()
    }

    private final class Outcome: Sendable {
        let value = Mutex<Result<String, any Error>>(.failure(MonitoringError("--metrics: nothing was started")))
    }

    /// Tells what became of a start once: what is told first counts.
    private final class Start: Sendable {
        private let continuation: Mutex<CheckedContinuation<String, any Error>?>

        init(_ continuation: CheckedContinuation<String, any Error>) { self.continuation = Mutex(continuation) }

        /// Whether it was the first.
        @discardableResult
        func tell(_ result: Result<String, MonitoringError>) -> Bool {
            let continuation = continuation.withLock { continuation in
                defer { continuation = nil }
                return continuation
            }
            continuation?.resume(with: result.mapError { $0 })
            return continuation != nil
        }
    }

    private static func addRoutes(to server: HTTPServer, desk: MonitoringDesk) async {
        await server.appendRoute("GET /metrics") { _ in
            guard let page = await desk.ask() else { return hangs }
            return HTTPResponse(
                statusCode: .ok, headers: [.contentType: Metric.textType], body: Data(page.utf8))
        }
        await server.appendRoute("GET /healthz") { _ in
            await desk.ask() == nil ? hangs : plain(.ok, "ok\n")
        }
    }

    private static var hangs: HTTPResponse {
        plain(
            .serviceUnavailable, "the process has not answered in time\n")
    }

    private static func plain(_ status: HTTPStatusCode, _ text: String) -> HTTPResponse {
        HTTPResponse(
            statusCode: status, headers: [.contentType: "text/plain; charset=utf-8"], body: Data(text.utf8))
    }

    private static func failure(_ error: any Error, at address: MonitoringAddress) -> MonitoringError {
        if case .failed(_, _, let reason)? = error as? SocketError {
            return MonitoringError("--metrics: cannot listen at \(address): \(reason)")
        }
        return MonitoringError("--metrics: cannot listen at \(address): \(error)")
    }

    private static func text(_ address: Socket.Address) -> String {
        switch address {
        case .ip4(let host, let port): "\(host):\(port)"
        case .ip6(let host, let port): "[\(host)]:\(port)"
        case .unix(let path): path
        }
    }
}

/// `HOST:PORT` with an IP address, an IPv6 one in brackets; port 0 takes a free one.
package struct MonitoringAddress: Sendable, CustomStringConvertible {
    /// The environment variable that names one for a process that no option names one for.
    package static let variable = "DISTILLERY_METRICS"

    package let host: String
    package let port: UInt16
    package var isIPv6: Bool { host.contains(":") }

    /// Throws `MonitoringError` for what is none.
    package init(_ text: String) throws {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw Self.refusal(text)
        }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, isBracketed == host.contains(":") else { throw Self.refusal(text) }
        self.host = host == "localhost" ? "127.0.0.1" : String(host)
        self.port = port
    }

    private static func refusal(_ text: String) -> MonitoringError {
        MonitoringError("'\(text)': expected HOST:PORT, for example 127.0.0.1:9464, [::1]:9464 or 0.0.0.0:9464")
    }

    package var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Monitoring cannot be served as it was asked for.
package struct MonitoringError: Error, CustomStringConvertible, Sendable {
    package let description: String
    init(_ description: String) { self.description = description }
}
