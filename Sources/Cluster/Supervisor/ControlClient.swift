import Foundation
package import Transport
import Wire

/// Asks a running coordinator one thing, for `status`, `scale`, `drain` and `stop`.
package final class ControlClient {
    package static let deadlineMilliseconds: UInt64 = 5000
    private let deadlineMilliseconds: UInt64

    private let context: MessageContext
    private let socket: DealerSocket
    private let poller = Poller()
    private let clock = SystemClock()
    private let endpoint: String

    package init(
        endpoint: String, key: NodeKey? = nil, deadlineMilliseconds: UInt64 = ControlClient.deadlineMilliseconds
    ) throws {
        self.endpoint = endpoint
        self.deadlineMilliseconds = deadlineMilliseconds
        context = try MessageContext()
        var options = SocketOptions()
        options.identity = try PeerIdentity("client-\(UInt64.random(in: 0...UInt64.max))")
        options.lingerMilliseconds = 0
        if let key { options.security = key.security }
        socket = try DealerSocket(context, options: options)
        try socket.connect(endpoint)
        poller.add(socket)
    }

    package func status() throws -> (status: ClusterStatus, json: String) {
        guard case .statusAnswer(let json) = try ask(.statusRequest) else {
            throw ClusterError("the coordinator did not answer with a status")
        }
        return (try ClusterStatus(json: json), json)
    }

    package func scale(actors: Int) throws { _ = try ask(.scale(actors: actors)) }
    package func drain(node: String) throws { _ = try ask(.drain(node: node)) }
    package func stop() throws { _ = try ask(.stop) }

    private func ask(_ message: Wire.Message) throws -> Wire.Message {
        _ = try socket.send(Envelope(message, request: 1).encoded())
        let deadline = clock.now + deadlineMilliseconds * 1_000_000
        while clock.now < deadline {
            try poller.wait(milliseconds: 100)
            while let answer = try socket.receive() {
                let envelope = try answer.withUnsafeBytes { try Envelope(decoding: $0) }
                if case .failure(let reason) = envelope.message { throw ClusterError(reason) }
                return envelope.message
            }
        }
        throw ClusterError(
            "no answer from \(endpoint) within \(deadlineMilliseconds) ms: is a coordinator listening there, "
                + "and does it allow this key (--keys)? "
                + "A run's endpoint stands in its \(Supervisor.endpointFile) and in logs/coordinator-0.log")
    }
}
