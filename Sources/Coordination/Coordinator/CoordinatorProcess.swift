package import Logging
package import Monitoring
import Nodes
package import Processes
package import Transport
import Wire

/// Puts a socket, a clock and signals around the coordinator: the process of `distillery coordinator`, all on one
/// thread.
///
/// A turn takes up to 256 messages, then a tick if 50 ms have passed, then writes down what was decided, then
/// sends. The server is a ROUTER whose peers take turns (`Inbox`), so that a node that floods it delays no other.
package final class CoordinatorProcess {
    /// Messages that are taken before what they have brought about is written down and sent.
    private static let messagesPerTurn = 256
    /// Nodes that do not leave within this time after the end are left behind.
    package static let farewellMilliseconds: UInt64 = 10_000

    /// ZeroMQ's context, which the socket and the authenticator share. It has to outlive both.
    private let context: MessageContext
    private let turns: ProcessTurns
    private let server: PeerServer
    private let clients: AllowedClients?
    private let monitoring: MonitoringDesk?
    private var standings = PeerStandings()
    private var outbox = Outbox()
    private var complaints = ComplaintLimit()
    /// Nodes are waited for until then; nil before the end.
    private var farewellDeadline: UInt64?
    private var leavesNodesBehind = false

    /// `keys`: the coordinator's own key and who may connect; nil for a cluster without keys. `monitoring`: where this
    /// process is asked how it is; nil without `--metrics`. Throws `TransportError`
    /// where the endpoint cannot be bound, and where a cluster is open to the network without keys unless `insecure`
    /// allows it.
    package init(
        bind: String, keys: KeyFolder? = nil, insecure: Bool = false, monitoring: MonitoringDesk? = nil, logger: Logger,
        signals: SignalWatcher
    ) throws {
        self.monitoring = monitoring
        let context = try MessageContext()
        self.context = context
        turns = ProcessTurns(signals)
        var options = SocketOptions()
        options.insecure = insecure
        options.sendQueueMessages = 10_000
        let authenticator = try keys.map { _ in try Authenticator(context) }
        if let keys, let authenticator {
            clients = try AllowedClients(keys, authenticator: authenticator, logger: logger)
            options.security = .server(try keys.coordinatorKey(), authenticator)
        } else {
            clients = nil
        }
        server = try PeerServer(
            context, bind: bind, options: options, authenticator: authenticator, poller: turns.poller, logger: logger)
    }

    /// Where the coordinator listens.
    package var endpoint: String { server.endpoint }

    /// Nanoseconds in which this process ran; for the coordinator that is made beside it.
    package var now: UInt64 { turns.now }

    /// Runs until the run is finished and its nodes have left, or the second signal has come. Gives back the signal
    /// that asked for the end, if any.
    package func run(_ coordinator: Coordinator) throws -> Signal? {
        while try turn(coordinator) {}
        try flush(coordinator)
        server.reportLastRefusals(now: now)
        return turns.interruption
    }

    /// False when the process is to end.
    private func turn(_ coordinator: Coordinator) throws -> Bool {
        guard !coordinator.isFinished else { return false }
        try flush(coordinator)
        try turns.wait(maySleep: !server.hasWaitingMessages)
        switch turns.takeRequest() {
        case .nothing: break
        case .end: coordinator.isStopping = true
        case .endAtOnce: return false
        }
        try server.fill(now: now)
        try receive(coordinator)
        try turns.tickIfDue { try tick(coordinator, now: $0) }
        return !leavesNodesBehind
    }

    private func tick(_ coordinator: Coordinator, now: UInt64) throws {
        watchClients(coordinator, now: now)
        try coordinator.tick(now: now, outbox: &outbox)
        monitoring?.answer { coordinator.status(now: now).metrics }
        guard coordinator.isEnding else { return }
        let deadline = farewellDeadline ?? now + Self.farewellMilliseconds * nanosecondsPerMillisecond
        farewellDeadline = deadline
        leavesNodesBehind = now > deadline
    }

    /// Takes the list of clients in, and tells of those that were refused.
    private func watchClients(_ coordinator: Coordinator, now: UInt64) {
        if let keys = clients?.changed(now: now, wallClock: turns.wallClock) { coordinator.allow(keys) }
        coordinator.counters["resident_bytes"] = turns.residentBytes(now: now)
        coordinator.counters["dropped_messages"] = Double(server.dropped)
        server.report(into: &coordinator.counters, now: now)
    }

    /// Hands at most `messagesPerTurn` messages to the coordinator, and looks after each at how it was received.
    private func receive(_ coordinator: Coordinator) throws {
        for _ in 0..<Self.messagesPerTurn {
            guard let (peer, message) = server.next() else { return }
            let sender = Address.peer(peer.description)
            let before = outbox.verdicts
            try message.withUnsafeBytes { try coordinator.receive($0, from: sender, now: now, outbox: &outbox) }
            standings.note(sender, before, outbox.verdicts, now: now)
            server.apply(standings.takeChanges(), now: now)
        }
    }

    /// Writes down what was decided in this turn, and only then sends what tells of it.
    private func flush(_ coordinator: Coordinator) throws {
        try coordinator.commit(&outbox, now: now)
        try complaints.pass(outbox.items, now: now) { message, address in
            // What a full or absent peer misses is sent again: every command is acknowledged.
            if case .peer(let name) = address { _ = try server.send(message, to: name) }
        }
        outbox.removeAll()
    }
}
