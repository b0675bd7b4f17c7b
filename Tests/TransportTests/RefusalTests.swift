import CZeroMQ
import Testing
import Transport

@Suite("Peers that do not speak our protocol") struct RefusalTests {
    @Test("a message of the wrong number of parts is dropped and counted, and the next one arrives")
    func wrongParts() throws {
        let context = try MessageContext()
        let router = try RouterSocket(context)
        let endpoint = try router.bind("tcp://127.0.0.1:*")
        let poller = Poller()
        poller.add(router)

        let foreign = try #require(zmq_ctx_new())
        let stranger = try #require(zmq_socket(foreign, ZMQ_DEALER))
        var linger: Int32 = 0
        zmq_setsockopt(stranger, ZMQ_LINGER, &linger, 4)
        defer {
            zmq_close(stranger)
            zmq_ctx_term(foreign)
        }
        #expect(zmq_connect(stranger, endpoint) == 0)
        for flags in [ZMQ_SNDMORE, 0, ZMQ_SNDMORE, ZMQ_SNDMORE, 0, 0] { zmq_send(stranger, "x", 1, flags) }

        let (_, message) = try eventually(poller) { try router.receive() }
        #expect(message.bytes == Array("x".utf8))
        #expect(router.refusedMessages == 2)
        #expect(try router.receive() == nil)
    }
}
