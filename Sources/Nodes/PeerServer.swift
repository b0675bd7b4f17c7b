package import Logging
package import Transport

/// The side of a process that others connect to: a ROUTER whose peers take turns, so that a flood of one delays no
/// other; who may connect; and what was refused of it. A learner and a recorder have one, and so has the coordinator.
///
/// Belongs to the thread of the process's sockets, like everything that it holds.
package final class PeerServer {
    /// As it is bound: with the port that the system chose, where it was to choose one.
    package let endpoint: String
    private let socket: RouterSocket
    private let poller: Poller
    private let token: Poller.Token
    private let authenticator: Authenticator?
    private var inbox = Inbox()
    private var restraintLog = RestraintLog()
    private var refusals = RefusalLog()
    private let logger: Logger

    /// Listens at once. Throws `TransportError` where it cannot.
    /// - Parameters:
    ///   - options: with the server's key where the cluster has keys.
    ///   - authenticator: the one that `options` name; nil in a cluster without keys.
    package init(
        _ context: MessageContext, bind: String, options: SocketOptions, authenticator: Authenticator?, poller: Poller,
        logger: Logger
    ) throws {
        var options = options
        options.receiveQueueMessages = Inbox.receiveQueueMessages
        self.authenticator = authenticator
        self.poller = poller
        self.logger = logger
        socket = try RouterSocket(context, options: options)
        endpoint = try socket.bind(bind)
        token = poller.add(socket)
    }

    /// Messages that were dropped on their way in, since the beginning.
    package var dropped: UInt64 { inbox.dropped }
    package var hasWaitingMessages: Bool { !inbox.isEmpty }

    /// Takes what has come from the socket, whose own queue must never fill. `onArrival` hears the sender of each
    /// message.
    package func fill(now: UInt64, onArrival: (PeerIdentity) -> Void = { _ in }) throws {
        if poller.isReadable(token) { try inbox.fill(from: socket, now: now, onArrival: onArrival) }
    }

    /// The next message, by turns.
    package func next() -> (peer: PeerIdentity, message: Frame)? { inbox.next() }

    /// Lets go of all messages that wait.
    package func removeWaitingMessages() { inbox.removeAll() }

    /// Carries out what the role finds of its peers.
    package func apply(_ changes: [PeerStandings.Change], now: UInt64) {
        guard !changes.isEmpty else { return }
        inbox.apply(changes, now: now)
        restraintLog.report(changes, to: logger)
    }

    /// Never blocks; a name that cannot be one is unreachable.
    package func send(_ message: Frame, to name: String) throws -> SendOutcome {
        guard let peer = try? PeerIdentity(name) else { return .unreachable }
        return try socket.send(message, to: peer)
    }

    /// Puts what was refused into a process's `counters`, and refused connections into the log.
    package func report(into counters: inout [String: Double], now: UInt64) {
        counters["refused_messages"] = Double(socket.refusedMessages)
        counters["restrained_peers"] = Double(inbox.restrainedPeers)
        counters["cut_connections"] = Double(inbox.cuts)
        guard let authenticator else { return }
        counters["refused_connections"] = Double(authenticator.refusedConnections)
        refusals.report(authenticator, to: logger, now: now)
    }

    /// What was refused since the last report would go with this process.
    package func reportLastRefusals(now: UInt64) {
        guard let authenticator else { return }
        var last = RefusalLog()
        last.report(authenticator, to: logger, now: now)
    }
}
