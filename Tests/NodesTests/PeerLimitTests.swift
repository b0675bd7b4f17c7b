import Nodes
import Testing
import Transport
import Wire

@Suite("Limits of one peer") struct PeerLimitTests {
    @Test("a peer that never reads costs a bounded number of messages, and of bytes") func unsent() {
        var unsent = UnsentMessages()
        let small = Frame([1])
        for _ in 0..<(UnsentMessages.messageLimitPerPeer + 10) { unsent.append(small, for: .peer("deaf")) }
        #expect(unsent.dropped == 10)
        let large = Frame([UInt8](repeating: 0, count: 1 << 20))
        var kept = 0
        while unsent.append(large, for: .peer("large")) { kept += 1 }
        #expect(kept == UnsentMessages.byteLimitPerPeer >> 20)
        // Others are kept for as before, until all of them together are too much.
        let fits = unsent.append(small, for: .coordinator)
        #expect(fits)
        var peers = 0
        while unsent.append(large, for: .peer("p\(peers)")) { peers += 1 }
        #expect(peers < UnsentMessages.byteLimit >> 20 && peers + kept >= (UnsentMessages.byteLimit >> 20) - 1)
        var sent: [Address: Int] = [:]
        unsent.retry { _, address in
            sent[address, default: 0] += 1
            return true
        }
        #expect(sent[.peer("deaf")] == UnsentMessages.messageLimitPerPeer && sent[.peer("large")] == kept)
        #expect(unsent.isEmpty)
        let fitsAgain = unsent.append(large, for: .peer("large"))
        #expect(fitsAgain)
    }

    @Test("what a peer takes again is sent in order, and what it does not take stays") func retries() {
        var unsent = UnsentMessages()
        for number in 0..<10 { unsent.append(Frame([UInt8(number)]), for: .peer("slow")) }
        unsent.append(Frame([77]), for: .peer("full"))
        var taken: [UInt8] = []
        for room in [0, 3, 0, 4, 9] {
            var room = room
            unsent.retry { message, address in
                guard address == .peer("slow"), room > 0 else { return false }
                room -= 1
                taken += message.bytes
                return true
            }
            #expect(taken == (0..<UInt8(taken.count)).map { $0 } && unsent.contains(.peer("full")))
            #expect(unsent.contains(.peer("slow")) == (taken.count < 10))
        }
        #expect(taken.count == 10)
        // What was sent makes room: the bytes that are counted are those that wait.
        let large = Frame([UInt8](repeating: 0, count: 1 << 20))
        let kept = (0..<100).count { _ in unsent.append(large, for: .peer("slow")) }
        #expect(kept == UnsentMessages.byteLimitPerPeer >> 20)
    }

    @Test("a million peers that never read are not a million queues") func manyPeers() {
        var unsent = UnsentMessages()
        let message = Frame([1])
        for number in 0..<10_000 { unsent.append(message, for: .peer("\(number)")) }
        var peers: Set<Address> = []
        unsent.retry { peers.insert($1).inserted }
        #expect(peers.count == UnsentMessages.peerLimit)
    }

    @Test("who floods us with nonsense gets few answers, and takes none from others") func complaints() {
        var limit = ComplaintLimit()
        var answered: [Address: Int] = [:]
        for round in 0..<100_000 {
            let sender = round % 1000 == 0 ? Address.peer("honest") : .peer("flood")
            // All within a tenth of a second, then a second one.
            let now = 5_000_000_000 + UInt64(round) * 1000
            if limit.allows(sender, now: now) { answered[sender, default: 0] += 1 }
        }
        #expect(answered == [.peer("honest"): ComplaintLimit.perPeer, .peer("flood"): ComplaintLimit.perPeer])
        let isAnsweredAgain = limit.allows(.peer("flood"), now: 7_000_000_000)
        #expect(isAnsweredAgain)
        let many = (0..<5000).count { limit.allows(.peer("\($0)"), now: 7_000_000_001) }
        #expect(many == ComplaintLimit.inAll - 1)
    }

    @Test("an outbox knows which messages are complaints") func marks() {
        var outbox = Outbox()
        outbox.send(.failure("no"), to: .coordinator)
        outbox.send(.acknowledgement, to: .coordinator)
        outbox.send([1, 2], to: [.coordinator])
        #expect(outbox.items.map(\.isComplaint) == [true, false, false])
    }
}
