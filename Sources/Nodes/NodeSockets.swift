import Logging
import Transport
import Wire

/// A node's sockets: to the coordinator, to the servers that it speaks to, and its own where others connect to it.
/// All belong to the thread of `NodeProcess`, since a ZeroMQ socket must not be shared.
///
/// Messages of servers and of clients wait in two inboxes, so that a flood of clients does not delay the servers'
/// answers; messages that a peer's queue cannot take wait in `UnsentMessages`. None of this knows what the messages
/// mean.
final class NodeSockets {
    /// A node asks each server that it waits for again each second: a connection over which nothing went for so
    /// long belongs to a server that has gone, and is closed.
    private static let idleEndpointNanoseconds: UInt64 = 60_000_000_000
    /// Messages that are taken from a socket in one go.
    private static let messagesPerTurn = 64

    private let poller: Poller
    /// The address under which other nodes reach this one; empty where this node has no server.
    let endpoint: String
    /// Decides which clients may connect; nil where this node has no server or the cluster no keys.
    let authenticator: Authenticator?
    private let context: MessageContext
    private let coordinator: String
    private let key: NodeKey?
    /// Options of the sockets that this node connects with; they carry its name.
    private var options: SocketOptions
    private var control: DealerSocket
    private var controlToken: Poller.Token
    /// Of other nodes; nil for roles that none connects to.
    private let server: PeerServer?
    private var endpoints: [String: (socket: DealerSocket, token: Poller.Token, lastUse: UInt64)] = [:]
    /// Endpoints that we cannot speak to, each logged once.
    private var unusable: Set<String> = []
    /// Messages of the servers that we connect to, under their endpoints as names. No server is a stranger: we
    /// chose them.
    private var fromEndpoints = Inbox(knowsAll: true)
    private var unsent = UnsentMessages()
    private var complaints = ComplaintLimit()
    /// Peers that take no messages, each logged once.
    private var saidFull: Set<Address> = []
    private let logger: Logger

    init(
        name: String, coordinator: String, bind: String?, announce: String?, key: NodeKey?, insecure: Bool,
        poller: Poller, logger: Logger
    ) throws {
        self.poller = poller
        self.key = key
        self.logger = logger
        self.coordinator = coordinator
        context = try MessageContext()
        var options = SocketOptions()
        options.identity = try PeerIdentity(name)
        options.receiveQueueMessages = Inbox.receiveQueueMessages
        options.insecure = insecure
        if let key { options.security = key.security }
        self.options = options
        control = try DealerSocket(context, options: options)
        try control.connect(coordinator)
        authenticator = bind != nil && key != nil ? try Authenticator(context) : nil
        if let bind {
            var options = SocketOptions()
            options.insecure = insecure
            // Nothing of it outlives the process: the coordinator tells its public half to whom it sends here.
            let secret = try authenticator.map { _ in try SecretKey.generate() }
            if let authenticator, let secret { options.security = .server(secret, authenticator) }
            let server = try PeerServer(
                context, bind: bind, options: options, authenticator: authenticator, poller: poller, logger: logger)
            let announced = try announcedEndpoint(bound: server.endpoint, coordinator: coordinator, host: announce)
            (self.server, endpoint) = (server, ServerAddress(endpoint: announced, key: secret?.publicKey).description)
        } else {
            (server, endpoint) = (nil, "")
        }
        controlToken = poller.add(control)
    }

    /// Messages that were dropped on their way in or out, since the beginning.
    private var dropped: UInt64 { unsent.dropped + (server?.dropped ?? 0) + fromEndpoints.dropped }
    /// Messages of other nodes have come and wait.
    var hasWaitingMessages: Bool { server?.hasWaitingMessages ?? false || !fromEndpoints.isEmpty }

    /// Goes on under another name: all connections are closed and made again, and what is still on its way to the
    /// old name, or from it, is lost. The server's socket stays, since its endpoint is announced.
    func rename(_ name: String) throws {
        for entry in endpoints.values { close(entry.socket, entry.token) }
        close(control, controlToken)
        endpoints = [:]
        unsent.removeAll()
        saidFull = []
        fromEndpoints.removeAll()
        server?.removeWaitingMessages()
        options.identity = try PeerIdentity(name)
        control = try DealerSocket(context, options: options)
        try control.connect(coordinator)
        controlToken = poller.add(control)
    }

    /// Learners and recorders come and go; a connection to one that has gone would be tried for ever.
    func closeIdleEndpoints(now: UInt64) {
        for (endpoint, entry) in endpoints where now > entry.lastUse + Self.idleEndpointNanoseconds {
            close(entry.socket, entry.token)
            endpoints[endpoint] = nil
        }
    }

    private func close(_ socket: DealerSocket, _ token: Poller.Token) {
        poller.remove(token)
        socket.close()
    }

    /// Puts what was dropped and refused into the node's `counters`, and refused connections into the log. `more`:
    /// messages that were dropped elsewhere in this process.
    func report(into counters: inout [String: Double], droppedElsewhere more: UInt64, now: UInt64) {
        counters["dropped_messages"] = Double(dropped + more)
        server?.report(into: &counters, now: now)
    }

    // MARK: - In

    /// What the role finds of the peers of this node's server.
    func apply(_ changes: [PeerStandings.Change], now: UInt64) { server?.apply(changes, now: now) }

    /// Takes what other nodes have sent from the sockets, whose own queues must never fill. `onArrival` hears of each
    /// peer that has sent something to this node's server.
    func fill(now: UInt64, onArrival: (PeerIdentity) -> Void) throws {
        try server?.fill(now: now, onArrival: onArrival)
        for (endpoint, entry) in endpoints where poller.isReadable(entry.token) {
            endpoints[endpoint]?.lastUse = now
            let name = PeerIdentity(received: Array(endpoint.utf8))
            for _ in 0..<Self.messagesPerTurn {
                guard let message = try entry.socket.receive() else { break }
                fromEndpoints.append(message, from: name, now: now)
            }
        }
    }

    /// The next message of another node, by turns.
    func next() -> RoleMailbox.Parcel? {
        if let (endpoint, message) = fromEndpoints.next() {
            let address = Address.endpoint(String(decoding: endpoint.bytes, as: UTF8.self))
            return RoleMailbox.Parcel(message: message, sender: address)
        }
        return server?.next().map { RoleMailbox.Parcel(message: $0.message, sender: .peer($0.peer.description)) }
    }

    /// The coordinator's messages that have come, so many at most.
    func receiveFromCoordinator(_ take: (Frame) throws -> Void) throws {
        guard poller.isReadable(controlToken) else { return }
        for _ in 0..<Self.messagesPerTurn {
            guard let message = try control.receive() else { return }
            try take(message)
        }
    }

    // MARK: - Out

    /// Sends what peers could not take before, as far as they take it now.
    func retryUnsent(now: UInt64) throws {
        if !unsent.isEmpty { try unsent.retry { try transmit($0, to: $1, now: now) != .full } }
    }

    /// Hands messages to the sockets, which never block. What a full peer cannot take waits, and is dropped beyond
    /// the bounds of `UnsentMessages`; complaints beyond `ComplaintLimit` are dropped at once.
    func send(_ items: [Outbox.Item], now: UInt64) throws {
        try complaints.pass(items, now: now) { try send($0, to: $1, now: now) }
    }

    private func send(_ message: Frame, to address: Address, now: UInt64) throws {
        guard !unsent.contains(address) else { return keep(message, for: address) }
        // A peer that cannot be reached has gone; if it comes back it asks again.
        if try transmit(message, to: address, now: now) == .full { keep(message, for: address) }
    }

    private func transmit(_ message: Frame, to address: Address, now: UInt64) throws -> SendOutcome {
        switch address {
        case .coordinator: return try control.send(message)
        case .endpoint(let endpoint): return try socket(to: endpoint, now: now)?.send(message) ?? .unreachable
        case .peer(let name): return try server?.send(message, to: name) ?? .unreachable
        }
    }

    private func keep(_ message: Frame, for address: Address) {
        guard !unsent.append(message, for: address), saidFull.count < UnsentMessages.peerLimit,
            saidFull.insert(address).inserted
        else { return }
        logger.warning(
            "a peer takes no messages; what is sent again later is dropped now", metadata: ["peer": "\(address)"])
    }

    /// Nil for an endpoint that we cannot speak to.
    private func socket(to endpoint: String, now: UInt64) throws -> DealerSocket? {
        if let entry = endpoints[endpoint] {
            endpoints[endpoint]?.lastUse = now
            return entry.socket
        }
        guard let address = try? ServerAddress(endpoint), (address.key == nil) == (key == nil) else {
            if unusable.insert(endpoint).inserted {
                logger.error(
                    "this is no endpoint to speak to; either all nodes of a cluster have keys or none",
                    metadata: ["endpoint": "\(endpoint)"])
            }
            return nil
        }
        var options = options
        if let key, let server = address.key { options.security = .client(key.secret, server: server) }
        let socket = try DealerSocket(context, options: options)
        do { try socket.connect(address.endpoint) } catch {
            if unusable.insert(endpoint).inserted { logger.error("\(error)") }
            return nil
        }
        endpoints[endpoint] = (socket, poller.add(socket), now)
        return socket
    }
}
