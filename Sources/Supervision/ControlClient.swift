import Foundation
import Nodes
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
        endpoint: String, key: NodeKey? = nil, insecure: Bool = false,
        deadlineMilliseconds: UInt64 = ControlClient.deadlineMilliseconds
    ) throws {
        self.endpoint = endpoint
        self.deadlineMilliseconds = deadlineMilliseconds
        context = try MessageContext()
        var options = SocketOptions()
        options.identity = try PeerIdentity(
            boundName("client-\(UInt64.random(in: 0...UInt64.max))", to: key?.secret.publicKey))
        options.lingerMilliseconds = 0
        options.insecure = insecure
        if let key { options.security = key.security }
        socket = try DealerSocket(context, options: options)
        try socket.connect(endpoint)
        poller.add(socket)
    }

    /// The cluster's status as a JSON document.
    package func status() throws -> String {
        guard case .statusAnswer(let json) = try ask(.statusRequest) else {
            throw ClusterError("the coordinator did not answer with a status")
        }
        return json
    }

    /// The cluster's status as a JSON document. Nil when no coordinator has answered by then, or the caller wants no answer any more.
    package func status(
        milliseconds: UInt64, unless isUnwanted: () -> Bool
    ) throws -> String? {
        // It may be an answer to an earlier question, from a coordinator that was away: it is of now all the same.
        guard case .statusAnswer(let json)? = try answer(to: .statusRequest, milliseconds, unless: isUnwanted) else {
            return nil
        }
        return json
    }

    package func scale(actors: Int) throws { _ = try ask(.scale(actors: actors)) }
    package func drain(node: String) throws { _ = try ask(.drain(node: node)) }
    package func stop() throws { _ = try ask(.stop) }

    private func ask(_ message: Message) throws -> Message {
        if let answer = try answer(to: message, deadlineMilliseconds) { return answer }
        throw ClusterError(
            "no answer from \(endpoint) within \(deadlineMilliseconds) ms: is a coordinator listening there, "
                + "and does it allow this key (--keys)? "
                + "A run's endpoint stands in its \(Supervisor.endpointFile) and in logs/coordinator-0.log")
    }

    private func answer(
        to message: Message, _ milliseconds: UInt64, unless isUnwanted: () -> Bool = { false }
    ) throws -> Message? {
        _ = try socket.send(Envelope(message, request: 1).encoded())
        let deadline = clock.now + milliseconds * nanosecondsPerMillisecond
        while clock.now < deadline, !isUnwanted() {
            try poller.wait(milliseconds: 50)
            var last: Message?
            while let answer = try socket.receive() {
                let envelope = try answer.withUnsafeBytes { try Envelope(decoding: $0) }
                if case .failure(let reason) = envelope.message { throw ClusterError(reason) }
                last = envelope.message
            }
            if let last { return last }
        }
        return nil
    }
}
