package import Logging
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
    /// Time between two ticks of the coordinator, in which it leases, gives up and goes on to the next phase.
    private static let tickIntervalNanoseconds: UInt64 = 50_000_000
    /// Nodes that do not leave within this time after the end are left behind.
    package static let farewellMilliseconds: UInt64 = 10_000

    /// ZeroMQ's context, which the socket and the authenticator share. It has to outlive both.
    private let context: MessageContext
    private let server: RouterSocket
    /// While this process stood still no node could be heard.
    private let clock = WorkingClock()
    /// Signals that ask this process to end, taken from a descriptor and never in a handler.
    private let signals: SignalWatcher
    private let poller = Poller()
    /// What the poller waits for: messages on the socket, and signals.
    private let serverToken: Poller.Token
    private let signalToken: Poller.Token
    /// What the coordinator wants to say in this turn; emptied when it was sent.
    private var outbox = Outbox()
    /// Messages that were taken from the socket and wait for their peer's turn.
    private var inbox = Inbox()
    /// What was thought of each peer's messages: those that are refused too often are restrained.
    private var standings = PeerStandings()
    /// Decides which keys may connect; nil in a cluster without keys.
    private let authenticator: Authenticator?
    /// Nil, like `authenticator`, in a cluster without keys.
    private let clients: AllowedClients?
    private var restraintLog = RestraintLog()
    private var refusals = RefusalLog()
    private var memory = MemoryMeter()
    /// How often a peer is told that what it sends is refused.
    private var complaints = ComplaintLimit()
    private let logger: Logger
    /// Where the coordinator listens.
    package let endpoint: String

    /// `keys`: the coordinator's own key and who may connect; nil for a cluster without keys. Throws `TransportError`
    /// where the endpoint cannot be bound, and where a cluster is open to the network without keys unless `insecure`
    /// allows it.
    package init(
        bind: String, keys: KeyFolder? = nil, insecure: Bool = false, logger: Logger, signals: SignalWatcher
    ) throws {
        context = try MessageContext()
        self.logger = logger
        var options = SocketOptions()
        if let keys {
            let authenticator = try Authenticator(context)
            clients = try AllowedClients(keys, authenticator: authenticator, logger: logger)
            options.security = .server(try keys.coordinatorKey(), authenticator)
            self.authenticator = authenticator
        } else {
            (authenticator, clients) = (nil, nil)
        }
        options.insecure = insecure
        options.sendQueueMessages = 10_000
        options.receiveQueueMessages = Inbox.receiveQueueMessages
        server = try RouterSocket(context, options: options)
        endpoint = try server.bind(bind)
        self.signals = signals
        serverToken = poller.add(server)
        signalToken = poller.add(descriptor: signals.descriptor)
    }

    /// Nanoseconds in which this process ran; for the coordinator that is made beside it.
    package var now: UInt64 { clock.now }

    /// Runs until the run is finished and its nodes have left, or the second signal has come; `everyTurn` is called
    /// about every 50 ms. Gives back the signal that asked for the end, if any. A first signal lets nodes leave in
    /// order and keep what they have; a second one ends at once. Throws what the coordinator throws: a failure of the
    /// disk that is no lack of room, for example.
    package func run(_ coordinator: Coordinator, everyTurn: (Coordinator) throws -> Void = { _ in }) throws -> Signal? {
        var interruption: Signal?
        var farewell: UInt64?
        var nextTick: UInt64 = 0
        while !coordinator.isFinished {
            try flush(coordinator)
            let now = clock.now
            let wait = nextTick > now ? (nextTick - now) / nanosecondsPerMillisecond : 0
            let isReady = try poller.wait(milliseconds: inbox.isEmpty ? Int(wait) : 0)
            if isReady || !inbox.isEmpty {
                if isReady, poller.isReadable(signalToken), let signal = signals.next(), signal.asksToEnd {
                    if interruption != nil { break }
                    interruption = signal
                    coordinator.isStopping = true
                }
                if isReady, poller.isReadable(serverToken) { try inbox.fill(from: server, now: clock.now) }
                try receive(coordinator)
            }
            guard clock.now >= nextTick else { continue }
            watchClients(coordinator)
            try coordinator.tick(now: clock.now, outbox: &outbox)
            try everyTurn(coordinator)
            nextTick = clock.now + Self.tickIntervalNanoseconds
            if coordinator.isEnding {
                let deadline = farewell ?? clock.now + Self.farewellMilliseconds * nanosecondsPerMillisecond
                farewell = deadline
                if clock.now > deadline { break }
            }
        }
        try flush(coordinator)
        reportLastRefusals()
        return interruption
    }

    /// What was refused since the last report would go with this process.
    private func reportLastRefusals() {
        guard let authenticator else { return }
        var last = RefusalLog()
        last.report(authenticator, to: logger, now: clock.now)
    }

    /// Takes the list of clients in, and tells of those that were refused.
    private func watchClients(_ coordinator: Coordinator) {
        if let keys = clients?.changed(now: clock.now, wallClock: clock.wallClock) { coordinator.allow(keys) }
        coordinator.counters["refused_messages"] = Double(server.refusedMessages)
        coordinator.counters["resident_bytes"] = memory.bytes(now: clock.now)
        coordinator.counters["dropped_messages"] = Double(inbox.dropped)
        coordinator.counters["restrained_peers"] = Double(inbox.restrainedPeers)
        coordinator.counters["cut_connections"] = Double(inbox.cuts)
        guard let authenticator else { return }
        coordinator.counters["refused_connections"] = Double(authenticator.refusedConnections)
        refusals.report(authenticator, to: logger, now: clock.now)
    }

    /// Hands at most `messagesPerTurn` messages to the coordinator, and looks after each at how it was received.
    private func receive(_ coordinator: Coordinator) throws {
        for _ in 0..<Self.messagesPerTurn {
            guard let (peer, message) = inbox.next() else { return }
            let sender = Address.peer(peer.description)
            let before = outbox.verdicts
            try message.withUnsafeBytes { try coordinator.receive($0, from: sender, now: clock.now, outbox: &outbox) }
            let now = clock.now
            standings.note(sender, before, outbox.verdicts, now: now)
            let changes = standings.takeChanges()
            guard !changes.isEmpty else { continue }
            inbox.apply(changes, now: now)
            restraintLog.report(changes, to: logger)
        }
    }

    /// Writes down what was decided in this turn, and only then sends what tells of it.
    private func flush(_ coordinator: Coordinator) throws {
        try coordinator.commit(&outbox, now: clock.now)
        for item in outbox.items {
            let message = Frame(item.bytes)
            for case .peer(let name) in item.addresses {
                guard !item.isComplaint || complaints.allows(.peer(name), now: clock.now) else { continue }
                guard let peer = try? PeerIdentity(name) else { continue }
                // What a full or absent peer misses is sent again: every command is acknowledged.
                _ = try server.send(message, to: peer)
            }
        }
        outbox.removeAll()
    }
}
