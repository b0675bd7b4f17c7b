import CZeroMQ
import Testing
import Transport

@Suite("Peers are served in turn") struct FairnessTests {
    enum Flood: Int, CaseIterable { case short = 20, long = 4_194_304 }

    /// In one process nothing is on its way: what was sent waits at the router, so turns can be counted.
    @Test("a peer with 100,000 messages does not keep another waiting", arguments: Flood.allCases)
    func turns(_ flood: Flood) throws {
        let context = try MessageContext()
        let router = try RouterSocket(context)
        try router.bind("inproc://fair")
        let poller = Poller()
        poller.add(router)
        func dealer(_ name: String) throws -> DealerSocket {
            var options = SocketOptions()
            options.identity = try PeerIdentity(name)
            let dealer = try DealerSocket(context, options: options)
            try dealer.connect("inproc://fair")
            return dealer
        }
        let flooder = Flooder(try dealer("flood"), messageBytes: flood.rawValue)
        let quiet = try dealer("quiet")
        var sent = 0
        var turns = 0
        while !flooder.isDone {
            try flooder.fill()
            #expect(try quiet.send([UInt8(truncatingIfNeeded: sent)]) == .sent)
            sent += 1
            // A turn of a node looks, and takes 64 messages; the quiet peer's is among the first of them.
            try poller.wait(milliseconds: 0)
            var heard: [PeerIdentity] = []
            for _ in 0..<64 {
                guard let (peer, _) = try router.receive() else { break }
                heard.append(peer)
            }
            turns += 1
            let position = heard.firstIndex { $0.description == "quiet" }
            #expect(try #require(position) <= 2)
        }
        #expect(turns > 100)
    }

    @Test("a peer whose 100,000 messages are malformed does not keep another waiting") func malformed() throws {
        let context = try MessageContext()
        let router = try RouterSocket(context)
        let endpoint = try router.bind("tcp://127.0.0.1:*")
        let poller = Poller()
        poller.add(router)
        let foreign = try #require(zmq_ctx_new())
        let stranger = try #require(zmq_socket(foreign, ZMQ_DEALER))
        var none: Int32 = 0
        zmq_setsockopt(stranger, ZMQ_LINGER, &none, 4)
        zmq_setsockopt(stranger, ZMQ_SNDHWM, &none, 4)
        defer {
            zmq_close(stranger)
            zmq_ctx_term(foreign)
        }
        #expect(zmq_connect(stranger, endpoint) == 0)
        for _ in 0..<100_000 { for flags in [ZMQ_SNDMORE, ZMQ_SNDMORE, 0] { zmq_send(stranger, "xxxx", 4, flags) } }
        let quiet = try DealerSocket(context)
        try quiet.connect(endpoint)
        var received = 0
        // No call for a message drops more than 64 malformed ones, so other work is not kept waiting either.
        for number in 0..<20 {
            #expect(try quiet.send([UInt8(number)]) == .sent)
            let (_, message) = try eventually(poller) {
                let before = router.refusedMessages
                defer { #expect(router.refusedMessages - before <= 64) }
                return try router.receive()
            }
            #expect(message.bytes == [UInt8(number)])
            received += 1
        }
        #expect(received == 20 && router.refusedMessages > 0)
        #expect(router.refusedMessages < 100_000, "the quiet peer was heard before the flood was over")
    }

    /// Sends as much as the router's queue takes, 100,000 messages in all.
    private final class Flooder {
        private let socket: DealerSocket
        private let message: Frame
        private var left = 100_000

        init(_ socket: DealerSocket, messageBytes: Int) {
            self.socket = socket
            message = Frame([UInt8](repeating: 7, count: messageBytes))
        }

        var isDone: Bool { left == 0 }

        func fill() throws {
            while left > 0, try socket.send(message) == .sent { left -= 1 }
        }
    }
}
