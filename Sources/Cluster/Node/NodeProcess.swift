import Glibc
package import Logging
package import Processes
package import Transport
import Wire

/// Puts sockets, a clock and signals around a role: the loop of every process of a cluster but the coordinator's.
///
/// One thread: sends what the role wants sent, takes what has come, lets the role work, waits when there is nothing.
package final class NodeProcess {
    /// Messages that are taken from a socket before the role works again.
    private static let messagesPerTurn = 64
    private static let tickIntervalNanoseconds: UInt64 = 50_000_000

    private let context: MessageContext
    private let clock = SystemClock()
    private var session: NodeSession
    private let coordinator: String
    /// Of the sockets that this node connects with; they carry its name.
    private var options: SocketOptions
    private var control: DealerSocket
    private let server: RouterSocket?
    private let authenticator: Authenticator?
    private var allowedGeneration: UInt64 = 0
    private var refusals = RefusalLog()
    private var memory = MemoryMeter()
    private let key: NodeKey?
    private var endpoints: [String: (socket: DealerSocket, token: Poller.Token, lastUse: UInt64)] = [:]
    /// Whoever is waited for is asked again each second: an endpoint that nobody has spoken to for so long is no more.
    private static let idleEndpointNanoseconds: UInt64 = 60_000_000_000
    /// Endpoints of which it was said once that we cannot speak to them.
    private var unusable: Set<String> = []
    private let poller = Poller()
    private var controlToken: Poller.Token
    private var serverToken: Poller.Token?
    private let signals: SignalWatcher
    private let signalToken: Poller.Token
    private var inbox = Inbox()
    private var unsent = UnsentMessages()
    private var complaints = ComplaintLimit()
    /// Peers of which it was said once that they take nothing.
    private var saidFull: Set<Address> = []
    private var outbox = Outbox()
    private let logger: Logger
    private var signalCount = 0
    private var name: String

    /// - Parameters:
    ///   - bind: where a learner or a recorder listens; nil for roles that nobody connects to.
    ///   - announce: the host under which others reach it, where it is not the one that it is bound to.
    ///   - key: nil in a cluster without keys.
    package init(
        role: any Role, coordinator: String, bind: String?, announce: String? = nil, key: NodeKey? = nil,
        insecure: Bool = false, logger: Logger, signals: SignalWatcher
    ) throws {
        self.key = key
        self.logger = logger
        self.signals = signals
        self.coordinator = coordinator
        context = try MessageContext()
        let host = hostName()
        name = Self.makeName(role.name)
        var options = SocketOptions()
        options.identity = try PeerIdentity(name)
        options.receiveQueueMessages = Inbox.receiveQueueMessages
        options.insecure = insecure
        if let key { options.security = key.security }
        self.options = options
        control = try DealerSocket(context, options: options)
        try control.connect(coordinator)
        authenticator = bind != nil && key != nil ? try Authenticator(context) : nil
        var endpoint = ""
        if let bind {
            var serverOptions = SocketOptions()
            serverOptions.insecure = insecure
            serverOptions.receiveQueueMessages = Inbox.receiveQueueMessages
            var serverKey: SecretKey?
            if let authenticator {
                // Nothing of it outlives the process: the coordinator tells its public half to whom it sends here.
                let secret = try SecretKey.generate()
                serverOptions.security = .server(secret, authenticator)
                serverKey = secret
            }
            let server = try RouterSocket(context, options: serverOptions)
            let announced = try announcedEndpoint(
                bound: try server.bind(bind), coordinator: coordinator, host: announce)
            endpoint = ServerAddress(endpoint: announced, key: serverKey?.publicKey).description
            self.server = server
        } else {
            server = nil
        }
        session = NodeSession(
            role: role, name: name, host: host, process: Int(getpid()), endpoint: endpoint, now: clock.now)
        controlToken = poller.add(control)
        if let server { serverToken = poller.add(server) }
        signalToken = poller.add(descriptor: signals.descriptor)
    }

    /// Runs until the role is finished. Throws what ends it before; returns the signal that asked it to end, if any.
    package func run() throws -> Signal? {
        var interruption: Signal?
        var nextTick: UInt64 = 0
        while !session.isFinished {
            if session.mustRejoin { try rejoin() }
            let isBusy = try session.work(now: clock.now, outbox: &outbox)
            try flush()
            let moment = clock.now
            let untilTick = nextTick > moment ? (nextTick - moment) / 1_000_000 : 0
            let isReady = try poller.wait(milliseconds: isBusy || !inbox.isEmpty ? 0 : Int(untilTick))
            if isReady || !inbox.isEmpty {
                if isReady, poller.isReadable(signalToken), let signal = signals.next(), signal.asksToEnd {
                    signalCount += 1
                    interruption = signal
                    if signalCount > 1 { break }
                    session.drain(now: clock.now)
                }
                try receive(isReady: isReady)
            }
            if clock.now >= nextTick {
                watchClients()
                closeIdleEndpoints()
                try session.tick(now: clock.now, outbox: &outbox)
                nextTick = clock.now + Self.tickIntervalNanoseconds
            }
        }
        outbox.send(.drain(node: name), to: .coordinator)
        try flush()
        return interruption
    }

    private static func makeName(_ role: RoleName) -> String {
        "\(role.rawValue)-\(hostName())-\(getpid())-\(UInt32.random(in: 0...UInt32.max))".asNodeName
    }

    /// Comes back as a new node: what is still on its way to the old one or from it reaches nobody.
    private func rejoin() throws {
        logger.notice("the coordinator does not know this node any more; it joins again", metadata: ["was": "\(name)"])
        for entry in endpoints.values { close(entry.socket, entry.token) }
        close(control, controlToken)
        endpoints = [:]
        unsent.removeAll()
        saidFull = []
        outbox.removeAll()
        name = Self.makeName(session.role.name)
        options.identity = try PeerIdentity(name)
        control = try DealerSocket(context, options: options)
        try control.connect(coordinator)
        controlToken = poller.add(control)
        session = session.renewed(name: name, now: clock.now)
    }

    /// Learners and recorders come and go; a connection to one that has gone would be tried for ever.
    private func closeIdleEndpoints() {
        let moment = clock.now
        for (endpoint, entry) in endpoints where moment > entry.lastUse + Self.idleEndpointNanoseconds {
            close(entry.socket, entry.token)
            endpoints[endpoint] = nil
        }
    }

    private func close(_ socket: DealerSocket, _ token: Poller.Token) {
        poller.remove(token)
        socket.close()
    }

    /// Lets in whom the coordinator allows, and tells of those that were refused.
    private func watchClients() {
        session.counters["dropped_messages"] = Double(unsent.dropped) + Double(inbox.dropped)
        session.counters["resident_bytes"] = memory.bytes(now: clock.now)
        if let server { session.counters["refused_messages"] = Double(server.refusedMessages) }
        guard let authenticator else { return }
        if let allowed = session.allowedKeys, allowed.generation != allowedGeneration {
            allowedGeneration = allowed.generation
            authenticator.allow(Set(allowed.keys.compactMap(PublicKey.init(bytes:))))
        }
        session.counters["refused_connections"] = Double(authenticator.refusedConnections)
        refusals.report(authenticator, to: logger, now: clock.now)
    }

    // MARK: - In

    private func receive(isReady: Bool) throws {
        if isReady { try receiveFromThoseWeConnectTo() }
        if let server, let serverToken, isReady, poller.isReadable(serverToken) { try inbox.fill(from: server) }
        for _ in 0..<Self.messagesPerTurn {
            guard let (peer, message) = inbox.next() else { return }
            try deliver(message, from: .peer(peer.description))
        }
    }

    private func receiveFromThoseWeConnectTo() throws {
        if poller.isReadable(controlToken) {
            for _ in 0..<Self.messagesPerTurn {
                guard let message = try control.receive() else { break }
                try deliver(message, from: .coordinator)
            }
        }
        for (endpoint, entry) in endpoints where poller.isReadable(entry.token) {
            endpoints[endpoint]?.lastUse = clock.now
            for _ in 0..<Self.messagesPerTurn {
                guard let message = try entry.socket.receive() else { break }
                try deliver(message, from: .endpoint(endpoint))
            }
        }
    }

    private func deliver(_ message: Transport.Message, from sender: Address) throws {
        try message.withUnsafeBytes { try session.receive($0, from: sender, now: clock.now, outbox: &outbox) }
    }

    // MARK: - Out

    private func flush() throws {
        if !unsent.isEmpty { try unsent.retry { try transmit($0, to: $1) != .full } }
        for item in outbox.items {
            let message = Transport.Message(item.bytes)
            for address in item.addresses where !item.isComplaint || complaints.allows(address, now: clock.now) {
                try send(message, to: address)
            }
        }
        outbox.removeAll()
    }

    private func send(_ message: Transport.Message, to address: Address) throws {
        guard !unsent.contains(address) else { return keep(message, for: address) }
        // A peer that cannot be reached has gone; if it comes back it asks again.
        if try transmit(message, to: address) == .full { keep(message, for: address) }
    }

    private func transmit(_ message: Transport.Message, to address: Address) throws -> SendOutcome {
        switch address {
        case .coordinator: return try control.send(message)
        case .endpoint(let endpoint): return try socket(to: endpoint)?.send(message) ?? .unreachable
        case .peer(let name):
            guard let server, let peer = try? PeerIdentity(name) else { return .unreachable }
            return try server.send(message, to: peer)
        }
    }

    private func keep(_ message: Transport.Message, for address: Address) {
        guard !unsent.append(message, for: address), saidFull.count < UnsentMessages.peerLimit,
            saidFull.insert(address).inserted
        else { return }
        logger.warning(
            "a peer takes no messages; what is sent again later is dropped now", metadata: ["peer": "\(address)"])
    }

    /// Nil for an endpoint that we cannot speak to.
    private func socket(to endpoint: String) throws -> DealerSocket? {
        if let entry = endpoints[endpoint] {
            endpoints[endpoint]?.lastUse = clock.now
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
        endpoints[endpoint] = (socket, poller.add(socket), clock.now)
        return socket
    }
}

/// This host's name.
package func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

extension String {
    /// Only what `isAcceptableName` accepts, the end kept where it is too long.
    fileprivate var asNodeName: String {
        let cleaned = String(map { ($0.isASCII && ($0.isLetter || $0.isNumber)) || $0 == "-" ? $0 : "-" })
        guard cleaned.utf8.count > 64 else { return cleaned }
        return String(cleaned.prefix(20)) + "-" + String(cleaned.suffix(43))
    }
}
