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

    /// Waits for all sockets here, and for the descriptors that `NodeProcess` adds.
    let poller = Poller()
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
    private let server: RouterSocket?
    private let serverToken: Poller.Token?
    private var endpoints: [String: (socket: DealerSocket, token: Poller.Token, lastUse: UInt64)] = [:]
    /// Endpoints that we cannot speak to, each logged once.
    private var unusable: Set<String> = []
    private var fromPeers = Inbox()
    /// Messages of the servers that we connect to, under their endpoints as names. No server is a stranger: we
    /// chose them.
    private var fromEndpoints = Inbox(knowsAll: true)
    private var unsent = UnsentMessages()
    private var complaints = ComplaintLimit()
    /// Peers that take no messages, each logged once.
    private var saidFull: Set<Address> = []
    private var restraintLog = RestraintLog()
    private let logger: Logger

    init(
        name: String, coordinator: String, bind: String?, announce: String?, key: NodeKey?, insecure: Bool,
        logger: Logger, now: UInt64
    ) throws {
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
            let (server, endpoint) = try Self.makeServer(
                context, bind, authenticator, insecure: insecure, coordinator: coordinator, announce: announce)
            (self.server, self.endpoint) = (server, endpoint)
            serverToken = poller.add(server)
        } else {
            (server, endpoint, serverToken) = (nil, "", nil)
        }
        controlToken = poller.add(control)
    }

    private static func makeServer(
        _ context: MessageContext, _ bind: String, _ authenticator: Authenticator?, insecure: Bool,
        coordinator: String, announce: String?
    ) throws -> (RouterSocket, endpoint: String) {
        var options = SocketOptions()
        options.insecure = insecure
        options.receiveQueueMessages = Inbox.receiveQueueMessages
        var key: SecretKey?
        if let authenticator {
            // Nothing of it outlives the process: the coordinator tells its public half to whom it sends here.
            let secret = try SecretKey.generate()
            options.security = .server(secret, authenticator)
            key = secret
        }
        let server = try RouterSocket(context, options: options)
        let announced = try announcedEndpoint(bound: try server.bind(bind), coordinator: coordinator, host: announce)
        return (server, ServerAddress(endpoint: announced, key: key?.publicKey).description)
    }

    /// Messages that were dropped on their way in or out, since the beginning.
    var dropped: UInt64 { unsent.dropped + fromPeers.dropped + fromEndpoints.dropped }
    /// Messages that the server's socket refused; nil where this node has no server.
    var refusedMessages: UInt64? { server?.refusedMessages }
    /// Peers of this node's server whose messages are nearly all refused.
    var restrainedPeers: Int { fromPeers.restrainedPeers }
    /// How often the connection of one of them was cut off.
    var cutConnections: UInt64 { fromPeers.cuts }
    /// Messages of other nodes have come and wait.
    var hasWaitingMessages: Bool { !fromPeers.isEmpty || !fromEndpoints.isEmpty }

    /// Goes on under another name: all connections are closed and made again, and what is still on its way to the
    /// old name, or from it, is lost. The server's socket stays, since its endpoint is announced.
    func rename(_ name: String) throws {
        for entry in endpoints.values { close(entry.socket, entry.token) }
        close(control, controlToken)
        endpoints = [:]
        unsent.removeAll()
        saidFull = []
        fromEndpoints.removeAll()
        fromPeers.removeAll()
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

    // MARK: - In

    /// What the role finds of the peers of this node's server.
    func apply(_ changes: [PeerStandings.Change], now: UInt64) {
        guard !changes.isEmpty else { return }
        fromPeers.apply(changes, now: now)
        restraintLog.report(changes, to: logger)
    }

    /// Takes what other nodes have sent from the sockets, whose own queues must never fill. `onArrival` hears of each
    /// peer that has sent something to this node's server.
    func fill(now: UInt64, onArrival: (PeerIdentity) -> Void) throws {
        if let server, let serverToken, poller.isReadable(serverToken) {
            try fromPeers.fill(from: server, now: now, onArrival: onArrival)
        }
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
        return fromPeers.next().map { RoleMailbox.Parcel(message: $0.message, sender: .peer($0.peer.description)) }
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
        for item in items {
            let message = Frame(item.bytes)
            for address in item.addresses where !item.isComplaint || complaints.allows(address, now: now) {
                try send(message, to: address, now: now)
            }
        }
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
        case .peer(let name):
            guard let server, let peer = try? PeerIdentity(name) else { return .unreachable }
            return try server.send(message, to: peer)
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
