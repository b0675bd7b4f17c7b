internal import CZeroMQ
internal import Glibc

/// One libzmq socket. It belongs to the thread that made it; neither send nor receive ever waits.
package class Socket {
    /// As they were when it was made.
    package let options: SocketOptions
    /// The library's handle, valid until `close`.
    let handle: UnsafeMutableRawPointer
    /// Refused messages since the beginning: of another number of frames than ours, from a client that has lost its
    /// permission, or under a name that does not belong to the sender's key.
    package fileprivate(set) var refusedMessages: UInt64 = 0
    /// Ports on which this socket listens.
    fileprivate private(set) var boundPorts: Set<UInt16> = []
    /// Keeps the library's threads alive as long as the socket is.
    private let context: MessageContext
    private var isOpen = true
    /// More refused messages than this in one call, and other work goes first.
    fileprivate static let maximumRefusedInARow = 64

    /// `type` is the library's. Throws `system` where the context has no room for another socket.
    fileprivate init(_ context: MessageContext, type: Int32, options: SocketOptions) throws(TransportError) {
        guard let handle = zmq_socket(context.handle, type) else { throw .last("open a ZeroMQ socket") }
        self.handle = handle
        self.context = context
        self.options = options
        try configure()
    }

    deinit { close() }

    /// Ends the socket; what it has not sent yet lingers in the background for `lingerMilliseconds` at most.
    ///
    /// May be called twice. Nothing may be sent or received afterwards.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        zmq_close(handle)
    }

    /// - Parameter text: for example `tcp://127.0.0.1:*` for any free port.
    /// - Returns: the endpoint that it became, with its port.
    ///
    /// Throws `exposed` for an address that other hosts reach without keys and without `insecure`, `addressInUse`, or
    /// `address`. A name is looked up, which may take seconds.
    @discardableResult
    package func bind(_ text: String) throws(TransportError) -> String {
        let endpoint = try Endpoint(text).resolved()
        let attempt = "bind to \(text)"
        guard endpoint.isLocal || options.insecure || options.security.authenticator != nil else {
            throw TransportError(
                .exposed, attempt: attempt,
                reason: "other hosts can reach this address, and nothing authenticates them",
                remedy: "make keys with distillery keys generate DIR and pass --keys DIR, bind to 127.0.0.1, "
                    + "or pass --insecure if the network is trusted")
        }
        try speak(endpoint)
        guard zmq_bind(handle, endpoint.text) == 0 else { throw explain(.last(attempt), endpoint) }
        let bound = try lastEndpoint()
        if let port = bound.split(separator: ":").last.flatMap({ UInt16($0) }) { boundPorts.insert(port) }
        return bound
    }

    /// Connects in the background, again and again; success says only that the endpoint is well formed. Throws
    /// `exposed` for another host without keys, since any host on the way could answer in its place.
    ///
    /// An address that does not answer costs nothing but attempts: the first pause is `reconnectIntervalMilliseconds`.
    package func connect(_ text: String) throws(TransportError) {
        let endpoint = try Endpoint(text)
        guard endpoint.isLocal || options.insecure || options.security.isClient else {
            throw TransportError(
                .exposed, attempt: "connect to \(text)",
                reason: "it is on another host, and without keys nobody can tell who answers there",
                remedy: "pass --keys with this node's key file, or --insecure if the network is trusted")
        }
        try speak(endpoint)
        guard zmq_connect(handle, text) == 0 else { throw explain(.last("connect to \(text)"), endpoint) }
    }

    /// IPv6 where it is needed, and nowhere else: with it the library writes addresses of IPv4 in another way.
    private func speak(_ endpoint: Endpoint) throws(TransportError) {
        try set(ZMQ_IPV6, endpoint.isIPv6 ? 1 : 0, "version of the internet protocol")
    }

    /// Stops connecting to `text`; an endpoint that was never connected is an error.
    ///
    /// What was queued for the connection may be lost.
    package func disconnect(_ text: String) throws(TransportError) {
        guard zmq_disconnect(handle, text) == 0 else { throw .last("disconnect from \(text)") }
    }

    /// Adds what a user can do to the errors that users meet.
    private func explain(_ error: TransportError, _ endpoint: Endpoint) -> TransportError {
        switch error.errorNumber {
        case EADDRINUSE:
            TransportError(
                .addressInUse, attempt: error.attempt,
                reason: "port \(endpoint.port) on \(endpoint.host) is in use (EADDRINUSE)",
                remedy: "choose another with --bind or stop the process that holds it", errorNumber: EADDRINUSE)
        case EACCES:
            TransportError(
                .address, attempt: error.attempt, reason: error.reason, remedy: "ports below 1024 need root",
                errorNumber: EACCES)
        case ENODEV, EADDRNOTAVAIL:
            TransportError(
                .address, attempt: error.attempt, reason: "this host has no address \(endpoint.host): \(error.reason)",
                remedy: "name an address or an interface of this host", errorNumber: error.errorNumber)
        case EINVAL, EPROTONOSUPPORT:
            TransportError(
                .address, attempt: error.attempt, reason: error.reason, remedy: "write tcp://ADDRESS:PORT",
                errorNumber: error.errorNumber)
        default: error
        }
    }

    /// With the port that the system chose.
    private func lastEndpoint() throws(TransportError) -> String {
        var text = [UInt8](repeating: 0, count: 512)
        var length = text.count
        guard zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &text, &length) == 0 else {
            throw .last("ask for the endpoint that was bound")
        }
        return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }

    // MARK: Frames

    /// Throws `messageTooLarge`: the receiver would close the connection over such a message, and a resend would do so
    /// again and again.
    fileprivate func refuseOversized(_ message: Frame) throws(TransportError) {
        guard message.count <= options.maximumMessageBytes else {
            throw TransportError(
                .messageTooLarge, attempt: "send a message of \(message.count) bytes",
                reason: "the limit is \(options.maximumMessageBytes) bytes", remedy: "send less at a time")
        }
    }

    /// Sends one frame; the message stays usable, its payload is shared.
    fileprivate func sendFrame(_ message: Frame, more: Bool = false) throws(TransportError) -> SendOutcome {
        // libzmq empties what it sends, so it gets a copy that shares the payload.
        var frame = zmq_msg_t()
        zmq_msg_init(&frame)
        zmq_msg_copy(&frame, message.handle)
        let flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)
        while zmq_msg_send(&frame, handle, flags) < 0 {
            let error = zmq_errno()
            if error == EINTR { continue }
            defer { zmq_msg_close(&frame) }
            switch error {
            case EAGAIN: return .full
            case EHOSTUNREACH: return .unreachable
            default: throw .last("send a message of \(message.count) bytes")
            }
        }
        return .sent
    }

    /// The next frame and whether more of the same message follow, or nil when nothing waits.
    ///
    /// Never waits.
    private func receiveFrame() throws(TransportError) -> (message: Frame, more: Bool)? {
        let message = Frame()
        while zmq_msg_recv(message.handle, handle, ZMQ_DONTWAIT) < 0 {
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return nil
            default: throw .last("receive a message")
            }
        }
        return (message, zmq_msg_more(message.handle) != 0)
    }

    /// The next message of exactly `count` frames; others are dropped and counted.
    ///
    /// At most `maximumRefusedInARow` messages are dropped in one call, so that a flood does not hold up the thread;
    /// nil then, though more may wait.
    fileprivate func receiveFrames(_ count: Int) throws(TransportError) -> [Frame]? {
        for _ in 0..<Self.maximumRefusedInARow {
            var frames: [Frame] = []
            var received = 0
            var more = true
            while more {
                guard let frame = try receiveFrame() else { return nil }
                received += 1
                if received <= count { frames.append(frame.message) }
                more = frame.more
            }
            if received == count, !isOfRemovedClient(frames[count - 1]), hasRightSender(frames) { return frames }
            refusedMessages += 1
        }
        return nil
    }

    /// A connection outlives its permission: the library cannot end a single one.
    ///
    /// Until its end such a connection's messages are dropped as they come.
    private func isOfRemovedClient(_ message: Frame) -> Bool {
        guard let authenticator = options.security.authenticator else { return false }
        return authenticator.isRemoved(zmq_msg_gets(message.handle, "User-Id"))
    }

    /// Whether the frames come from the peer that they name.
    ///
    /// `RouterSocket` overrides it; a client has one server, which the handshake has proven.
    fileprivate func hasRightSender(_ frames: [Frame]) -> Bool { true }

    // MARK: Options

    /// Throws `system` for an option that the library refuses, which is a bug or an old library.
    private func configure() throws(TransportError) {
        try set(ZMQ_LINGER, options.lingerMilliseconds, "linger")
        try set(ZMQ_SNDHWM, options.sendQueueMessages, "send queue")
        try set(ZMQ_RCVHWM, options.receiveQueueMessages, "receive queue")
        try set(ZMQ_RECONNECT_IVL, options.reconnectIntervalMilliseconds, "reconnect interval")
        try set(ZMQ_RECONNECT_IVL_MAX, options.reconnectIntervalMaximumMilliseconds, "longest reconnect interval")
        try set(ZMQ_HEARTBEAT_IVL, options.heartbeatIntervalMilliseconds, "heartbeat interval")
        try set(ZMQ_HEARTBEAT_TIMEOUT, options.heartbeatTimeoutMilliseconds, "heartbeat timeout")
        try set(ZMQ_HANDSHAKE_IVL, options.handshakeMilliseconds, "handshake time")
        var limit = Int64(options.maximumMessageBytes)
        try check(zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &limit, 8), "message size limit")
        try secure()
        if let identity = options.identity {
            let routingID = identity.makeRoutingID()
            try check(zmq_setsockopt(handle, ZMQ_ROUTING_ID, routingID, routingID.count), "identity")
        }
    }

    /// Servers have a shorter handshake than clients.
    private func secure() throws(TransportError) {
        switch options.security {
        case .none: return
        case .server(let key, let authenticator):
            try set(ZMQ_HANDSHAKE_IVL, options.serverHandshakeMilliseconds, "handshake time")
            try set(ZMQ_CURVE_SERVER, 1, "role as a CURVE server")
            try set(ZMQ_CURVE_SECRETKEY, key)
            // Otherwise a server whose authenticator is missing would let every client in. ZMQ_ZAP_ENFORCE_DOMAIN
            let enforceDomain: Int32 = 93
            try set(enforceDomain, 1, "refusal of clients that nobody has authenticated")
            let domain = "distillery"
            try check(zmq_setsockopt(handle, ZMQ_ZAP_DOMAIN, domain, domain.utf8.count), "domain of authentication")
            try authenticator.watch(server: handle)
        case .client(let key, let server):
            try check(zmq_setsockopt(handle, ZMQ_CURVE_SERVERKEY, server.bytes, server.bytes.count), "server's key")
            try check(
                zmq_setsockopt(handle, ZMQ_CURVE_PUBLICKEY, key.publicKey.bytes, key.publicKey.bytes.count),
                "public key")
            try set(ZMQ_CURVE_SECRETKEY, key)
        }
    }

    /// The key's bytes, not its text: the library takes both.
    private func set(_ option: Int32, _ key: SecretKey) throws(TransportError) {
        let status = key.withUnsafeBytes { zmq_setsockopt(handle, option, $0.baseAddress, $0.count) }
        try check(status, "secret key")
    }

    fileprivate func set(_ option: Int32, _ value: Int, _ name: String) throws(TransportError) {
        var number = Int32(clamping: value)
        try check(zmq_setsockopt(handle, option, &number, 4), "\(name) to \(value)")
    }

    private func check(_ status: Int32, _ what: String) throws(TransportError) {
        guard status == 0 else { throw .last("set a socket's \(what)") }
    }
}

/// The end that many peers connect to, and that answers each by its identity.
///
/// With keys a message counts only where its sender's name is bound to its sender's key: others are dropped and counted
/// in `refusedMessages`. A peer is answered at the connection that it was heard from last.
package final class RouterSocket: Socket {
    private var routes = PeerRoutes()

    /// Handover is safe because routing ids hold a nonce: see `PeerIdentity`.
    package init(_ context: MessageContext, options: SocketOptions = SocketOptions()) throws(TransportError) {
        try super.init(context, type: ZMQ_ROUTER, options: options)
        // Otherwise a message to a peer that has gone is dropped in silence.
        try set(ZMQ_ROUTER_MANDATORY, 1, "mandatory routing")
        // Otherwise a peer that comes back before its old connection is known to be dead is ignored in silence.
        try set(ZMQ_ROUTER_HANDOVER, 1, "handover")
        try leaveHeartbeatsToTheSystem()
    }

    /// A server sends no pings; it answers its clients'. When the library has stopped to read a connection, because
    /// another took over its routing id, and the peer closes it, the next ping of ours would end this process by an
    /// assertion (`!_io_error`, libzmq 4.3.4). A host that has vanished is found by TCP in the same time.
    private func leaveHeartbeatsToTheSystem() throws(TransportError) {
        try set(ZMQ_HEARTBEAT_IVL, 0, "heartbeat interval")
        let seconds = max(1, options.heartbeatIntervalMilliseconds / 1000)
        try set(ZMQ_TCP_KEEPALIVE, 1, "keep-alive")
        try set(ZMQ_TCP_KEEPALIVE_IDLE, seconds, "seconds before the first keep-alive")
        try set(ZMQ_TCP_KEEPALIVE_INTVL, seconds, "seconds between keep-alives")
        try set(
            ZMQ_TCP_KEEPALIVE_CNT, max(1, options.heartbeatTimeoutMilliseconds / 1000 / seconds),
            "number of keep-alives")
        try set(ZMQ_TCP_MAXRT, options.heartbeatTimeoutMilliseconds, "time for what is not acknowledged")
    }

    /// Throws `messageTooLarge`. `full` where 1,000 messages (`sendQueueMessages`) wait for this peer, `unreachable`
    /// where it never spoke to this socket or has gone.
    package func send(_ message: Frame, to peer: PeerIdentity) throws(TransportError) -> SendOutcome {
        try refuseOversized(message)
        let outcome = try sendFrame(Frame(routes[peer] ?? peer.bytes), more: true)
        guard outcome == .sent else { return outcome }
        return try sendFrame(message)
    }

    /// As the other one; copies `bytes` once.
    ///
    /// For messages that go to one peer only.
    package func send(_ bytes: [UInt8], to peer: PeerIdentity) throws(TransportError) -> SendOutcome {
        try send(Frame(bytes), to: peer)
    }

    /// The next message with the identity of its sender, or nil when nothing waits.
    ///
    /// Refused messages are skipped: of another shape than two frames, from a removed client, or under a name that is
    /// not bound to the sender's key.
    package func receive() throws(TransportError) -> (peer: PeerIdentity, message: Frame)? {
        guard let frames = try receiveFrames(2) else { return nil }
        let routingID = frames[0].bytes
        let peer = PeerIdentity(received: routingID)
        routes.note(peer, at: routingID)
        return (peer, frames[1])
    }

    /// From now on nothing arrives over the connection that the message came over: its sender waits, and the system
    /// ends the connection when its keep-alives stay without an answer. The peer may connect anew.
    ///
    /// The library ends no single connection. Where the connection has ended since, and another that came to this
    /// socket has its number, that one is lost instead, and made again by its peer.
    package func cutOff(connectionOf message: Frame) {
        let descriptor = zmq_msg_get(message.handle, ZMQ_SRCFD)
        guard descriptor >= 0, isAccepted(descriptor) else { return }
        // One instruction of a packet filter, "take 0 bytes of each"; then the filter's length and place.
        var instruction: UInt64 = 0x06
        withUnsafeMutablePointer(to: &instruction) { pointer in
            var program = (length: UInt16(1), instructions: pointer)
            _ = setsockopt(
                descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, socklen_t(MemoryLayout.size(ofValue: program)))
        }
    }

    /// Whether the connection is one that came to this socket.
    ///
    /// A descriptor of another socket in this process is never filtered.
    private func isAccepted(_ descriptor: Int32) -> Bool {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let port = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) } == 0
                ? $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { UInt16(bigEndian: $0.pointee.sin_port) } : 0
        }
        return boundPorts.contains(port)
    }

    fileprivate override func hasRightSender(_ frames: [Frame]) -> Bool {
        guard options.security.authenticator != nil else { return true }
        guard let user = zmq_msg_gets(frames[1].handle, "User-Id") else { return false }
        let name = PeerIdentity(received: frames[0].bytes).bytes
        let fingerprint = UnsafeRawBufferPointer(start: user, count: strlen(user))
        return fingerprint.count == PublicKey.fingerprintCount && name.count > fingerprint.count
            && name.suffix(fingerprint.count).elementsEqual(fingerprint)
    }
}

/// The end that connects to one ROUTER.
///
/// Messages come in the order in which they were sent as long as the connection stands. What was queued when it broke
/// may be lost.
package final class DealerSocket: Socket {
    /// The identity in `options` is what the ROUTER answers to.
    package init(_ context: MessageContext, options: SocketOptions = SocketOptions()) throws(TransportError) {
        try super.init(context, type: ZMQ_DEALER, options: options)
    }

    /// Queues the message, even before the connection stands.
    ///
    /// Throws `messageTooLarge`. `full` where `sendQueueMessages` wait; never `unreachable`.
    package func send(_ message: Frame) throws(TransportError) -> SendOutcome {
        try refuseOversized(message)
        return try sendFrame(message)
    }

    /// As the other one; copies `bytes` once.
    package func send(_ bytes: [UInt8]) throws(TransportError) -> SendOutcome { try send(Frame(bytes)) }

    /// The next message, or nil when nothing waits.
    ///
    /// Refused messages, of more than one frame, are skipped.
    package func receive() throws(TransportError) -> Frame? { try receiveFrames(1)?[0] }
}
