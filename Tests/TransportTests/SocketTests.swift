import Glibc
import Testing
import Transport

/// Bound by every wait in these tests; reached only when something is broken.
let deadlineMilliseconds: UInt64 = 20_000

/// Polls `poller` until `body` gives something, or the deadline passes.
func eventually<Result>(_ poller: Poller, _ body: () throws -> Result?) throws -> Result {
    let clock = SystemClock()
    let deadline = clock.now + deadlineMilliseconds * nanosecondsPerMillisecond
    while clock.now < deadline {
        if let result = try body() { return result }
        try poller.wait(milliseconds: 50)
    }
    throw DeadlinePassed()
}

struct DeadlinePassed: Error {}

@Suite("Sockets") struct SocketTests {
    let context: MessageContext
    let router: RouterSocket
    let endpoint: String
    let poller = Poller()
    let routerToken: Poller.Token

    init() throws {
        context = try MessageContext()
        router = try RouterSocket(context)
        endpoint = try router.bind("tcp://127.0.0.1:*")
        routerToken = poller.add(router)
    }

    func dealer(_ name: String, _ change: (inout SocketOptions) -> Void = { _ in }) throws -> DealerSocket {
        var options = SocketOptions()
        options.identity = try PeerIdentity(name)
        change(&options)
        let dealer = try DealerSocket(context, options: options)
        try dealer.connect(endpoint)
        poller.add(dealer)
        return dealer
    }

    @Test("a dealer's message reaches the router under the dealer's identity, and the answer comes back")
    func roundTrip() throws {
        let dealer = try dealer("actor-3")
        #expect(try dealer.send([1, 2, 3]) == .sent)
        let (peer, message) = try eventually(poller) { try router.receive() }
        #expect(peer.description == "actor-3")
        #expect(message.bytes == [1, 2, 3])
        #expect(try router.send([], to: peer) == .sent)
        #expect(try eventually(poller) { try dealer.receive() }.count == 0)
    }

    @Test("a free port is reported after binding")
    func reportsPort() {
        #expect(endpoint.hasPrefix("tcp://127.0.0.1:"))
        #expect(!endpoint.hasSuffix("*"))
    }

    @Test("one message goes to two peers, and an unchanged copy stays")
    func sharedPayload() throws {
        let first = try dealer("learner")
        let second = try dealer("recorder")
        let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0) }
        let message = Frame(bytes)
        #expect(try first.send(message) == .sent)
        #expect(try second.send(message.copy()) == .sent)
        var received: Set<PeerIdentity> = []
        for _ in 0..<2 {
            let (peer, message) = try eventually(poller) { try router.receive() }
            #expect(message.bytes == bytes)
            received.insert(peer)
        }
        #expect(received == [try PeerIdentity("learner"), try PeerIdentity("recorder")])
        #expect(message.bytes == bytes)
    }

    @Test("sending to a peer that nobody knows says so")
    func unreachable() throws {
        #expect(try router.send([1], to: PeerIdentity("nobody")) == .unreachable)
    }

    @Test("a full queue refuses the message, and what was accepted arrives in order")
    func fullQueue() throws {
        var options = SocketOptions()
        options.sendQueueMessages = 5
        let unbound = try DealerSocket(context, options: options)
        let path = "/tmp/distillery-test-\(UInt64.random(in: 0...UInt64.max))"
        let port = "ipc://\(path)"
        // The library leaves the file behind.
        defer { unlink(path) }
        try unbound.connect(port)
        for number in 0..<5 { #expect(try unbound.send([UInt8(number)]) == .sent) }
        #expect(try unbound.send([9]) == .full)
        let late = try RouterSocket(context)
        try late.bind(port)
        poller.add(late)
        for number in 0..<5 {
            #expect(try eventually(poller) { try late.receive() }.message.bytes == [UInt8(number)])
        }
    }

    @Test("a peer that comes back under its name replaces its old connection")
    func handover() throws {
        let first = try dealer("actor-0")
        #expect(try first.send([1]) == .sent)
        _ = try eventually(poller) { try router.receive() }
        let second = try dealer("actor-0")
        #expect(try second.send([2]) == .sent)
        let (peer, _) = try eventually(poller) { try router.receive() }
        #expect(try router.send([7], to: peer) == .sent)
        #expect(try eventually(poller) { try second.receive() }.bytes == [7])
        #expect(try first.receive() == nil)
    }

    @Test("a dealer finds a router that went away and came back at the same address")
    func reconnects() throws {
        let dealer = try dealer("recorder-0")
        #expect(try dealer.send([1]) == .sent)
        _ = try eventually(poller) { try router.receive() }
        poller.remove(routerToken)
        router.close()
        // The library gives a port back in the background.
        let second = try eventually(Poller()) { () -> RouterSocket? in
            let candidate = try RouterSocket(context)
            do {
                try candidate.bind(endpoint)
                return candidate
            } catch let error as TransportError where error.kind == .addressInUse {
                return nil
            }
        }
        poller.add(second)
        // What was sent into the gap may be lost: that is why everything is sent again until it is acknowledged.
        let (peer, message) = try eventually(poller) {
            _ = try dealer.send([2])
            return try second.receive()
        }
        #expect(peer.description == "recorder-0")
        #expect(message.bytes == [2])
    }

    @Test("an oversized message is refused before it is sent")
    func oversized() throws {
        let dealer = try dealer("actor-1") { $0.maximumMessageBytes = 10 }
        #expect(throws: TransportError.self) { try dealer.send([UInt8](repeating: 0, count: 11)) }
        #expect(try dealer.send([UInt8](repeating: 0, count: 10)) == .sent)
    }

    @Test("a port in use is named, with what to do")
    func portInUse() throws {
        let other = try RouterSocket(context)
        let error = try #require(throws: TransportError.self) { try other.bind(endpoint) }
        #expect(error.kind == .addressInUse)
        let port = try #require(endpoint.split(separator: ":").last)
        #expect(
            error.description
                == "cannot bind to \(endpoint): port \(port) on 127.0.0.1 is in use (EADDRINUSE); "
                + "choose another with --bind or stop the process that holds it")
    }

    @Test(
        "binding to what other hosts reach is refused",
        arguments: ["tcp://*:*", "tcp://0.0.0.0:*", "tcp://eth0:*", "tcp://127.0.0.1.example.org:*", "tcp://[::]:*"])
    func exposed(_ text: String) throws {
        let error = try #require(throws: TransportError.self) { try router.bind(text) }
        #expect(error.kind == .exposed)
        #expect(error.description.contains("--insecure"))
    }

    @Test("binding to every address works when asked for in so many words")
    func insecure() throws {
        var options = SocketOptions()
        options.insecure = true
        let open = try RouterSocket(context, options: options)
        #expect(try open.bind("tcp://*:*").hasPrefix("tcp://0.0.0.0:"))
    }

    @Test(
        "an endpoint that is none is refused with an example",
        arguments: ["", "localhost:5555", "tcp://", "tcp://localhost", "tcp://localhost:port", "tcp://127.0.0.1:70000"])
    func malformed(_ text: String) throws {
        let error = try #require(throws: TransportError.self) { try router.bind(text) }
        #expect(error.kind == .address)
        #expect(error.description.contains("tcp://127.0.0.1:5555"))
        #expect(throws: TransportError.self) { try router.connect(text) }
    }

    @Test(
        "IPv6 and names work where an address is taken",
        arguments: ["tcp://[::1]:*", "tcp://localhost:*", "tcp://127.0.0.1:*"])
    func addresses(_ text: String) throws {
        let context = try MessageContext()
        let router = try RouterSocket(context)
        let endpoint = try router.bind(text)
        #expect(endpoint.hasPrefix(text.contains("[::1]") ? "tcp://[::1]:" : "tcp://127.0.0.1:"))
        let dealer = try DealerSocket(context)
        try dealer.connect(endpoint)
        let poller = Poller()
        poller.add(router)
        #expect(try dealer.send([3]) == .sent)
        #expect(try eventually(poller) { try router.receive() }.message.bytes == [3])
    }

    @Test("addresses of IPv6 that other hosts reach are as exposed as those of IPv4")
    func exposedIPv6() throws {
        let router = try RouterSocket(MessageContext())
        for text in ["tcp://[::]:*", "tcp://[2001:db8::1]:*"] {
            #expect(try #require(throws: TransportError.self) { try router.bind(text) }.kind == .exposed)
        }
    }

    @Test("whoever binds to all addresses announces one, in brackets where it is one of IPv6") func announced() throws {
        func announced(_ bound: String, _ coordinator: String, _ host: String? = nil) throws -> String {
            try announcedEndpoint(bound: bound, coordinator: coordinator, host: host)
        }
        #expect(try announced("tcp://[::1]:7", "tcp://[::1]:5") == "tcp://[::1]:7")
        #expect(try announced("tcp://[::]:7", "tcp://[::1]:5", "2001:db8::9") == "tcp://[2001:db8::9]:7")
        #expect(try announced("tcp://0.0.0.0:7", "tcp://127.0.0.1:5", "host") == "tcp://host:7")
        let chosen = try announced("tcp://[::]:7", "tcp://127.0.0.1:5")
        #expect(chosen != "tcp://[::]:7" && chosen.hasSuffix(":7"))
    }

    @Test("a server listens at tcp alone", arguments: ["inproc://x", "ipc:///tmp/x", "udp://127.0.0.1:5", "x"])
    func otherTransports(_ text: String) {
        #expect(problemOfListening(at: text)?.contains("tcp://") == true)
        #expect(problemOfListening(at: "tcp://[::1]:*") == nil)
    }

    @Test("an identity is 1 to 238 bytes and does not begin with zero")
    func identities() throws {
        #expect(throws: TransportError.self) { try PeerIdentity("") }
        #expect(throws: TransportError.self) { try PeerIdentity("\0a") }
        #expect(throws: TransportError.self) { try PeerIdentity(String(repeating: "a", count: 239)) }
        #expect(PeerIdentity(received: [0, 0xab]).description == "0x00ab")
    }
}
