import CZeroMQ
import Glibc
import Testing
import Transport

@Suite("A peer that is cut off") struct CutOffTests {
    /// Heartbeats find a connection that is not read any more.
    private var options: SocketOptions {
        var options = SocketOptions()
        options.heartbeatIntervalMilliseconds = 200
        options.heartbeatTimeoutMilliseconds = 600
        options.sendQueueMessages = 100
        options.lingerMilliseconds = 0
        options.receiveQueueMessages = Inbox.receiveQueueMessages
        return options
    }

    private func dealer(_ name: String, _ context: MessageContext, _ endpoint: String) throws -> DealerSocket {
        var options = options
        options.identity = try PeerIdentity(name)
        let dealer = try DealerSocket(context, options: options)
        try dealer.connect(endpoint)
        return dealer
    }

    @Test("is heard no more, costs nobody anything, and may come back") func stalls() throws {
        let context = try MessageContext()
        let router = try RouterSocket(context, options: options)
        let endpoint = try router.bind("tcp://127.0.0.1:*")
        let poller = Poller()
        poller.add(router)
        let flood = try dealer("flood", context, endpoint)
        let quiet = try dealer("quiet", context, endpoint)
        let large = Frame([UInt8](repeating: 7, count: 100_000))
        #expect(try flood.send(large) == .sent)
        var (flooder, last) = try eventually(poller) { try router.receive() }
        for round in 0..<3 {
            router.cutOff(connectionOf: last)
            usleep(100_000)
            while try router.receive() != nil {}
            // What was on its way fills queues and buffers; from then on the flooder waits.
            let clock = SystemClock()
            let stalled = clock.now + 300 * nanosecondsPerMillisecond
            var sent = 0
            while clock.now < stalled, sent < 100_000 { if try flood.send(large) == .sent { sent += 1 } }
            #expect(sent < 2000, "the flooder is read on")
            while let (peer, _) = try router.receive() { #expect(peer != flooder, "round \(round)") }
            #expect(try quiet.send([UInt8(round)]) == .sent)
            let (_, message) = try eventually(poller) { try router.receive().flatMap { $0.peer == flooder ? nil : $0 } }
            #expect(message.bytes == [UInt8(round)])
            // Its heartbeat is not answered: it connects anew, under its name, and sends what waited.
            let back = try eventually(poller) { try router.receive() }
            #expect(back.peer == flooder)
            (flooder, last) = back
            #expect(try router.send([2], to: flooder) == .sent)
        }
    }

    /// The library ended the process by an assertion when a server pinged such a connection.
    @Test("may claim its own routing id twice, flood the connection before, and close it") func twice() throws {
        let context = try MessageContext()
        let router = try RouterSocket(context, options: options)
        let endpoint = try router.bind("tcp://127.0.0.1:*")
        let poller = Poller()
        poller.add(router)
        let foreign = try #require(zmq_ctx_new())
        var connections: [UnsafeMutableRawPointer] = []
        for _ in 0..<2 {
            let connection = try #require(zmq_socket(foreign, ZMQ_DEALER))
            var (none, many): (Int32, Int32) = (0, 10_000)
            zmq_setsockopt(connection, ZMQ_LINGER, &none, 4)
            zmq_setsockopt(connection, ZMQ_SNDHWM, &many, 4)
            zmq_setsockopt(connection, ZMQ_ROUTING_ID, "twin", 4)
            #expect(zmq_connect(connection, endpoint) == 0)
            zmq_send(connection, "x", 1, 0)
            _ = try eventually(poller) { try router.receive() }
            connections.append(connection)
        }
        for _ in 0..<1000 { zmq_send(connections[0], [UInt8](repeating: 1, count: 10_000), 10_000, ZMQ_DONTWAIT) }
        try poller.wait(milliseconds: 200)
        zmq_close(connections[0])
        let clock = SystemClock()
        let end = clock.now + 1500 * nanosecondsPerMillisecond
        while clock.now < end {
            _ = try router.receive()
            try poller.wait(milliseconds: 50)
        }
        zmq_send(connections[1], "still here", 10, 0)
        let (_, message) = try eventually(poller) { try router.receive() }
        #expect(message.bytes == Array("still here".utf8))
        zmq_close(connections[1])
        zmq_ctx_term(foreign)
    }

    @Test("is none that has gone, or that was never there") func strangers() throws {
        let context = try MessageContext()
        let router = try RouterSocket(context, options: options)
        let endpoint = try router.bind("tcp://127.0.0.1:*")
        let poller = Poller()
        poller.add(router)
        router.cutOff(connectionOf: Frame([1]))
        let gone = try dealer("gone", context, endpoint)
        #expect(try gone.send([1]) == .sent)
        let (_, last) = try eventually(poller) { try router.receive() }
        gone.close()
        try poller.wait(milliseconds: 100)
        for _ in 0..<20 { router.cutOff(connectionOf: last) }
        let other = try dealer("other", context, endpoint)
        #expect(try other.send([2]) == .sent)
        let (_, message) = try eventually(poller) { try router.receive() }
        #expect(message.bytes == [2])
    }
}
