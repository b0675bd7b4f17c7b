import Collecting
import Experience
import Nodes
import Testing
import Wire

@Suite("Sending until it arrives") struct SenderTests {
    private let second: UInt64 = 1_000_000_000

    @Test("a message is sent again after 1, 2, 4 and then every 8 seconds, until its number is acknowledged")
    func resend() throws {
        var sender = ReliableSender()
        var outbox = Outbox()
        sender.send(.drain(node: "a"), to: .peer("a"), now: 0, outbox: &outbox)
        sender.send(.drain(node: "b"), to: .peer("b"), now: 0, outbox: &outbox)
        #expect(outbox.items.count == 2)
        sender.tick(now: second - 1, outbox: &outbox)
        #expect(outbox.items.count == 2)
        sender.tick(now: second, outbox: &outbox)
        #expect(outbox.items.count == 4)
        let number = try Envelope(decoding: outbox.items[0].bytes).request
        let known = [
            // Another's word is not the receiver's.
            sender.acknowledge(number, by: .peer("b")), sender.acknowledge(number, by: .peer("a")),
            sender.acknowledge(number, by: .peer("a")), sender.acknowledge(77, by: .peer("a")),
        ]
        #expect(known == [false, true, false, false])
        outbox.removeAll()
        for moment in UInt64(1)...40 { sender.tick(now: moment * second, outbox: &outbox) }
        // After 3, 7, 15, 23, 31 and 39 seconds.
        #expect(outbox.items.map(\.addresses) == Array(repeating: [.peer("b")], count: 6))
        sender.forget(.peer("b"))
        #expect(sender.isEmpty)
    }

    private func header(_ actor: Int, _ sequence: UInt64) -> RolloutHeader {
        RolloutHeader(
            actor: actor, incarnation: 0, sequence: sequence, policyVersion: 0, firstEpisode: 0, length: 1,
            finishedEpisodes: 0, checksum: 0, isLast: false)
    }

    @Test("what is not durable is kept, in order, and sent again whole") func unacknowledged() {
        var rollouts = UnacknowledgedRollouts()
        for sequence in 0..<4 {
            let isSent = rollouts.append(
                [UInt8(sequence)], [header(0, UInt64(sequence)), header(1, UInt64(sequence)), header(2, 0)],
                recordedActors: 2, mayBeSent: true)
            #expect(isSent)
        }
        let isSent = rollouts.append([99], [header(2, 1)], recordedActors: 2, mayBeSent: true)
        #expect(!isSent)
        #expect(rollouts.byteCount == 4)
        rollouts.acknowledge(actor: 0, next: 3)
        rollouts.drop()
        #expect(rollouts.byteCount == 4)
        rollouts.acknowledge(actor: 1, next: 2)
        rollouts.acknowledge(actor: 1, next: 1)
        rollouts.drop()
        var outbox = Outbox()
        rollouts.send(to: .endpoint("e"), outbox: &outbox)
        #expect(outbox.items.isEmpty, "they are on their way")
        rollouts.rewind()
        rollouts.send(to: .endpoint("e"), outbox: &outbox)
        #expect(outbox.items.map(\.bytes) == [[2], [3]])
        rollouts.acknowledge(actor: 0, next: 4)
        rollouts.acknowledge(actor: 1, next: 4)
        rollouts.drop()
        #expect(rollouts.isEmpty && rollouts.byteCount == 0)
    }
}
