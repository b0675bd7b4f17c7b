import Testing
import Transport

@Suite("An inbox") struct InboxTests {
    private func peer(_ name: String) throws -> PeerIdentity { try PeerIdentity(name) }

    @Test("gives out the messages of each peer in order, and the peers by turns") func turns() throws {
        var inbox = Inbox()
        let (loud, quiet) = (try peer("loud"), try peer("quiet"))
        for number in 0..<1000 { inbox.append(Message([1, UInt8(number % 256)]), from: loud) }
        for number in 0..<3 { inbox.append(Message([2, UInt8(number)]), from: quiet) }
        var heard: [PeerIdentity: [UInt8]] = [:]
        var turnsOfQuiet: [Int] = []
        for turn in 0..<1003 {
            let item = inbox.next()
            let (peer, message) = try #require(item)
            heard[peer, default: []].append(message.bytes[1])
            if message.bytes[0] == 2 { turnsOfQuiet.append(turn) }
        }
        let rest = inbox.next()
        #expect(inbox.isEmpty && rest == nil)
        #expect(heard[loud] == (0..<1000).map { UInt8($0 % 256) })
        #expect(heard[quiet] == [0, 1, 2])
        #expect(turnsOfQuiet.max() ?? .max < 6, "\(turnsOfQuiet)")
    }

    @Test("drops and counts what is beyond the limits of one peer, and of all") func limits() throws {
        var limits = Inbox.Limits()
        limits.messages = 4
        limits.bytes = 100
        limits.allBytes = 150
        var inbox = Inbox(limits: limits)
        for _ in 0..<6 { inbox.append(Message([0]), from: try peer("many")) }
        #expect(inbox.dropped == 2)
        inbox.append(Message([UInt8](repeating: 0, count: 101)), from: try peer("large"))
        #expect(inbox.dropped == 3)
        inbox.append(Message([UInt8](repeating: 0, count: 90)), from: try peer("large"))
        inbox.append(Message([UInt8](repeating: 0, count: 90)), from: try peer("another"))
        #expect(inbox.dropped == 4)
        while inbox.next() != nil {}
        inbox.append(Message([UInt8](repeating: 0, count: 90)), from: try peer("another"))
        #expect(inbox.dropped == 4, "room was not given back")
    }
}
