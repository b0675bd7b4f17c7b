import CZeroMQ
import Glibc
import Testing
import Transport

/// A server with CURVE, and what strangers send it.
final class GuardedServer {
    let context: MessageContext
    let authenticator: Authenticator
    let secret: SecretKey
    let router: RouterSocket
    let endpoint: String
    let poller = Poller()
    /// Clients keep their sockets open, or the library would give up on them before they are refused.
    private var clients: [DealerSocket] = []

    /// - Parameter keys: nil where the list is not there yet.
    init(
        allowing keys: [SecretKey]?, handshakeMilliseconds: Int = 500, halfOpenLimit: Int = Authenticator.halfOpenLimit
    ) throws {
        context = try MessageContext()
        authenticator = try Authenticator(context, halfOpenLimit: halfOpenLimit)
        if let keys { authenticator.allow(Set(keys.map(\.publicKey))) }
        secret = try SecretKey.generate()
        var options = SocketOptions()
        options.security = .server(secret, authenticator)
        options.serverHandshakeMilliseconds = handshakeMilliseconds
        router = try RouterSocket(context, options: options)
        endpoint = try router.bind("tcp://127.0.0.1:*")
        poller.add(router)
    }

    /// - Parameter exactName: whether the name is not made one that is bound to the client's key.
    @discardableResult
    func connect(_ name: String, _ security: SocketSecurity, exactName: Bool = false) throws -> DealerSocket {
        var options = SocketOptions()
        options.identity = try PeerIdentity(exactName ? name : boundName(name, to: security.clientKey))
        options.security = security
        options.lingerMilliseconds = 0
        let dealer = try DealerSocket(context, options: options)
        try dealer.connect(endpoint)
        // Whoever speaks another mechanism may be refused, and have no connection to queue for any more, before it sends.
        let outcome = try dealer.send(Array(name.utf8))
        #expect(outcome == .sent || security.clientKey == nil && outcome == .full)
        poller.add(dealer)
        clients.append(dealer)
        return dealer
    }

    /// Who was heard until `condition` holds.
    func hear(until condition: ([String]) -> Bool) throws -> [String] {
        var heard: [String] = []
        return try eventually(poller) {
            while let (peer, _) = try router.receive() { heard.append(peer.description.unbound) }
            return condition(heard) ? heard : nil
        }
    }
}

@Suite("CURVE") struct CurveTests {
    @Test("who has an allowed key is heard and answered") func allowed() throws {
        let key = try SecretKey.generate()
        let server = try GuardedServer(allowing: [key])
        let dealer = try server.connect("friend", .client(key, server: server.secret.publicKey))
        #expect(try server.hear { !$0.isEmpty } == ["friend"])
        #expect(try server.router.send([7], to: PeerIdentity(boundName("friend", to: key.publicKey))) == .sent)
        #expect(try eventually(server.poller) { try dealer.receive() }.bytes == [7])
        #expect(server.authenticator.refusedConnections == 0)
        #expect(server.authenticator.takeRefused().isEmpty)
    }

    @Test(
        "who has no key, one that nobody knows, or another server in mind is not heard, but counted with its address",
        arguments: RefusedConnection.Reason.connecting)
    func refused(_ reason: RefusedConnection.Reason) throws {
        let key = try SecretKey.generate()
        let server = try GuardedServer(allowing: [key])
        let security: SocketSecurity =
            switch reason {
            case .noKey: .none
            case .wrongServerKey: .client(key, server: try SecretKey.generate().publicKey)
            default: .client(try SecretKey.generate(), server: server.secret.publicKey)
            }
        var heard: [String] = []
        var reasons: Set<RefusedConnection.Reason> = []
        var addresses: Set<String> = []
        // On loopback an attempt may be over before its address can be asked for, nearly every one where the authenticator
        // gets no processor time.
        for attempt in 1...300 where attempt <= 10 || !addresses.contains("127.0.0.1") {
            let before = server.authenticator.refusedConnections
            try server.connect("stranger", security)
            heard += try server.hear { _ in server.authenticator.refusedConnections > before }
            for refused in server.authenticator.takeRefused().counts.keys {
                reasons.insert(refused.reason)
                addresses.insert(refused.address)
            }
        }
        try server.connect("friend", .client(key, server: server.secret.publicKey))
        #expect(try heard + server.hear { !$0.isEmpty } == ["friend"])
        #expect(server.authenticator.refusedConnections >= 10)
        #expect(reasons == [reason])
        #expect(addresses.contains("127.0.0.1"))
    }

    @Test("in a name that is bound to another key nobody is heard, and the one whose name it is keeps its connection")
    func impostor() throws {
        let victimsKey = try SecretKey.generate()
        let impostorsKey = try SecretKey.generate()
        let server = try GuardedServer(allowing: [victimsKey, impostorsKey])
        let victim = try server.connect("victim", .client(victimsKey, server: server.secret.publicKey))
        _ = try server.hear { $0 == ["victim"] }
        let name = boundName("victim", to: victimsKey.publicKey)
        let asImpostor = SocketSecurity.client(impostorsKey, server: server.secret.publicKey)
        let impostor = try server.connect(name, asImpostor, exactName: true)
        let nameless = try server.connect("victim", asImpostor, exactName: true)
        // Both are counted, and neither is heard.
        #expect(try server.hear { _ in server.router.refusedMessages == 2 }.isEmpty)
        // The answer goes where the victim was heard, not to the connection that came last under its name.
        #expect(try server.router.send([7], to: PeerIdentity(name)) == .sent)
        #expect(try eventually(server.poller) { try victim.receive() }.bytes == [7])
        #expect(try impostor.receive() == nil && nameless.receive() == nil)
        #expect(try victim.send([1]) == .sent)
        #expect(try server.hear { !$0.isEmpty } == ["victim"])
    }

    @Test("a peer that comes back on another connection is answered there") func anotherConnection() throws {
        let key = try SecretKey.generate()
        let server = try GuardedServer(allowing: [key])
        let security = SocketSecurity.client(key, server: server.secret.publicKey)
        try server.connect("node", security)
        _ = try server.hear { $0.count == 1 }
        let later = try server.connect("node", security)
        _ = try server.hear { $0.count == 1 }
        #expect(try server.router.send([7], to: PeerIdentity(boundName("node", to: key.publicKey))) == .sent)
        #expect(try eventually(server.poller) { try later.receive() }.bytes == [7])
    }

    @Test("until somebody is allowed, nobody is") func nobody() throws {
        let server = try GuardedServer(allowing: [])
        let key = try SecretKey.generate()
        try server.connect("early", .client(key, server: server.secret.publicKey))
        #expect(try server.hear { _ in server.authenticator.refusedConnections > 0 }.isEmpty)
        server.authenticator.allow([key.publicKey])
        #expect(try server.hear { !$0.isEmpty } == ["early"])
    }

    @Test("before there is a list nobody is heard, and nobody has to try twice") func noList() throws {
        let server = try GuardedServer(allowing: nil)
        let key = try SecretKey.generate()
        try server.connect("early", .client(key, server: server.secret.publicKey))
        for _ in 0..<5 { #expect(try !server.poller.wait(milliseconds: 20)) }
        server.authenticator.allow([key.publicKey])
        #expect(try server.hear { !$0.isEmpty } == ["early"])
    }

    @Test("who loses its permission is heard no more, though it stays connected") func removed() throws {
        let first = try SecretKey.generate()
        let second = try SecretKey.generate()
        let server = try GuardedServer(allowing: [first, second])
        let leaving = try server.connect("leaving", .client(first, server: server.secret.publicKey))
        let staying = try server.connect("staying", .client(second, server: server.secret.publicKey))
        _ = try server.hear { Set($0) == ["leaving", "staying"] }
        server.authenticator.allow([second.publicKey])
        for _ in 0..<10 { #expect(try leaving.send([1]) == .sent) }
        #expect(try staying.send([1]) == .sent)
        #expect(try server.hear { _ in server.router.refusedMessages == 10 }.allSatisfy { $0 == "staying" })
        // And it does not come back.
        let before = server.authenticator.refusedConnections
        try server.connect("leaving", .client(first, server: server.secret.publicKey))
        let heard = try server.hear { _ in server.authenticator.refusedConnections > before }
        #expect(!heard.contains("leaving"))
    }

    @Test("bytes that are no protocol, and connections that say nothing, are counted one by one")
    func strangers() throws {
        let key = try SecretKey.generate()
        let server = try GuardedServer(allowing: [key])
        try server.connect("friend", .client(key, server: server.secret.publicKey))
        _ = try server.hear { !$0.isEmpty }
        let port = try #require(UInt16(server.endpoint.split(separator: ":").last.map(String.init) ?? ""))
        // A web browser; an old ZeroMQ; the beginning of a greeting and no more; nothing.
        let greetings: [[UInt8]] = [
            Array("GET / HTTP/1.1\r\n\r\n".utf8), [1, 0, 3, 65, 66, 67], [0xff, 0, 0, 0], [],
        ]
        for round in 1...5 {
            for (index, greeting) in greetings.enumerated() {
                let stranger = try TCPConnection(port: port)
                stranger.send(greeting)
                // The last two wait for the end of the handshake's time, or go away first.
                if round % 2 == 0 { stranger.close() }
                let expected = UInt64((round - 1) * greetings.count + index + 1)
                #expect(try server.hear { _ in server.authenticator.refusedConnections >= expected }.isEmpty)
                #expect(server.authenticator.refusedConnections == expected)
            }
        }
        let counts = server.authenticator.takeRefused().counts
        #expect(counts.keys.contains { $0.address == "127.0.0.1" })
        #expect(counts.values.reduce(0, +) == 20)
    }

    @Test("connections that say nothing are cut beyond a limit, at once, and the others serve on") func halfOpen()
        throws
    {
        let key = try SecretKey.generate()
        // So long that no handshake's time ends within the test.
        let server = try GuardedServer(allowing: [key], handshakeMilliseconds: 600_000, halfOpenLimit: 16)
        let friend = try server.connect("friend", .client(key, server: server.secret.publicKey))
        _ = try server.hear { !$0.isEmpty }
        let port = try #require(UInt16(server.endpoint.split(separator: ":").last.map(String.init) ?? ""))
        let strangers = try (0..<40).map { _ in try TCPConnection(port: port) }
        _ = try server.hear { _ in server.authenticator.refusedConnections >= 24 }
        for _ in 0..<5 { try server.poller.wait(milliseconds: 20) }
        #expect(server.authenticator.refusedConnections == 24)
        #expect(try friend.send([1]) == .sent)
        #expect(try server.hear { !$0.isEmpty } == ["friend"])
        // When they go, there is room again.
        for stranger in strangers { stranger.close() }
        _ = try server.hear { _ in server.authenticator.refusedConnections >= 40 }
        try server.connect("late", .client(key, server: server.secret.publicKey))
        #expect(try server.hear { !$0.isEmpty } == ["late"])
    }

    @Test("a server with keys may listen where other hosts reach it") func exposed() throws {
        let context = try MessageContext()
        let authenticator = try Authenticator(context)
        var options = SocketOptions()
        options.security = .server(try SecretKey.generate(), authenticator)
        #expect(try RouterSocket(context, options: options).bind("tcp://0.0.0.0:*").hasPrefix("tcp://0.0.0.0:"))
        var client = SocketOptions()
        client.security = .client(try SecretKey.generate(), server: try SecretKey.generate().publicKey)
        let error = try #require(throws: TransportError.self) {
            try RouterSocket(context, options: client).bind("tcp://0.0.0.0:*")
        }
        #expect(error.kind == .exposed)
    }

    @Test("one context has one authenticator, and its end leaves nothing behind") func lifetimes() throws {
        for _ in 0..<20 {
            let context = try MessageContext()
            let authenticator = try Authenticator(context)
            #expect(throws: TransportError.self) { try Authenticator(context) }
            var options = SocketOptions()
            options.security = .server(try SecretKey.generate(), authenticator)
            for _ in 0..<3 {
                let router = try RouterSocket(context, options: options)
                try router.bind("tcp://127.0.0.1:*")
                router.close()
            }
        }
    }
}

extension RefusedConnection.Reason {
    /// What a peer that speaks our protocol can get wrong.
    static let connecting: [Self] = [.unknownKey, .noKey, .wrongServerKey]
}

/// Bytes to a port, as anybody can send them.
final class TCPConnection {
    private let descriptor: Int32
    private var isOpen = true

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw DeadlinePassed() }
    }

    deinit { close() }

    func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    func close() {
        if isOpen { Glibc.close(descriptor) }
        isOpen = false
    }
}

extension String {
    /// The name without its key's fingerprint.
    var unbound: String { lastIndex(of: "-").map { String(self[..<$0]) } ?? self }
}
