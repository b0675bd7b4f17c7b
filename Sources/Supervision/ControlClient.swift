import Foundation
import Nodes
package import Transport
import Wire

/// Asks a running coordinator one thing, for `status`, `scale`, `drain` and `stop`. Used by one thread, which it
/// blocks until the answer is there.
///
/// ```swift
/// let client = try ControlClient(endpoint: "tcp://127.0.0.1:5555")
/// try client.scale(actors: 200)
/// print(try client.status())
/// ```
///
/// It is no node: it says no hello, and the coordinator keeps nothing of it. With keys its name ends in its key's
/// fingerprint, by which the coordinator knows what it may order.
package final class ControlClient {
    /// How long an answer is waited for, unless the caller says otherwise.
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

    /// The cluster's status as a JSON document, as `ClusterStatus` reads it. Throws `ClusterError` without an
    /// answer in time.
    package func status() throws -> String {
        guard case .statusAnswer(let json) = try ask(.statusRequest) else {
            throw ClusterError("the coordinator did not answer with a status")
        }
        return json
    }

    /// The same within `milliseconds`, for a caller that asks again and again: nil when no coordinator has answered
    /// by then, or `isUnwanted` says that the caller wants no answer any more.
    package func status(
        milliseconds: UInt64, unless isUnwanted: () -> Bool
    ) throws -> String? {
        // It may be an answer to an earlier question, from a coordinator that was away: it is of now all the same.
        guard case .statusAnswer(let json)? = try answer(to: .statusRequest, milliseconds, unless: isUnwanted) else {
            return nil
        }
        return json
    }

    /// Sets how many actors the cluster carries. Throws `ClusterError` with the coordinator's reason where it
    /// refuses.
    package func scale(actors: Int) throws { _ = try ask(.scale(actors: actors)) }
    /// Asks the node of this name to leave; returns when the coordinator has taken the order, not when the node has
    /// left.
    package func drain(node: String) throws { _ = try ask(.drain(node: node)) }
    /// Ends the run in good order; returns when the coordinator has taken the order.
    package func stop() throws { _ = try ask(.stop) }

    /// The answer, or `ClusterError` where it is a failure or does not come in time.
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
