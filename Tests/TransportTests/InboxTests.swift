import TestSupport
import Testing
import Transport

@Suite("An inbox") struct InboxTests {
    private func peer(_ name: String) throws -> PeerIdentity { try PeerIdentity(name) }
    private let second: UInt64 = 1_000_000_000

    @Test("gives out the messages of each peer in order, and the peers by turns") func turns() throws {
        var inbox = Inbox(knowsAll: true)
        let (loud, quiet) = (try peer("loud"), try peer("quiet"))
        for number in 0..<1000 { inbox.append(Frame([1, UInt8(number % 256)]), from: loud, now: 0) }
        for number in 0..<3 { inbox.append(Frame([2, UInt8(number)]), from: quiet, now: 0) }
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

    @Test("a peer with large messages has no more bytes than others have") func largeMessages() throws {
        var inbox = Inbox(knowsAll: true)
        let (large, small) = (try peer("large"), try peer("small"))
        for _ in 0..<100 { inbox.append(Frame([UInt8](repeating: 0, count: 256 << 10)), from: large, now: 0) }
        for _ in 0..<1000 { inbox.append(Frame([UInt8](repeating: 0, count: 16_000)), from: small, now: 0) }
        var given: [PeerIdentity: Int] = [:]
        while given[small, default: 0] < 1000 * 16_000, let (peer, message) = inbox.next() {
            given[peer, default: 0] += message.count
        }
        let ratio = Double(given[large] ?? 0) / Double(given[small] ?? 1)
        #expect(0.9 < ratio && ratio < 1.1, "\(given)")
    }

    @Test("drops and counts what is beyond the limits of one peer") func limits() throws {
        var limits = Inbox.Limits()
        limits.messages = 4
        limits.bytes = 2000
        var inbox = Inbox(limits: limits, knowsAll: true)
        for _ in 0..<6 { inbox.append(Frame([0]), from: try peer("many"), now: 0) }
        #expect(inbox.dropped == 2)
        inbox.append(Frame([UInt8](repeating: 0, count: 3000)), from: try peer("large"), now: 0)
        #expect(inbox.dropped == 2, "a single message may be large")
        inbox.append(Frame([0]), from: try peer("large"), now: 0)
        #expect(inbox.dropped == 3)
        while inbox.next() != nil {}
        for _ in 0..<4 { inbox.append(Frame([0]), from: try peer("many"), now: 0) }
        #expect(inbox.dropped == 3, "room was not given back")
    }

    @Test("beyond the limit of all, the peer loses messages that has the most") func limitOfAll() throws {
        var limits = Inbox.Limits()
        limits.allBytes = 100_000
        var inbox = Inbox(limits: limits, knowsAll: true)
        let (flood, honest) = (try peer("flood"), try peer("honest"))
        for _ in 0..<200 { inbox.append(Frame([UInt8](repeating: 0, count: 1000)), from: flood, now: 0) }
        let before = inbox.dropped
        #expect(before == 200 - 100_000 / 1256)
        for number in 0..<30 { inbox.append(Frame([UInt8(number)]), from: honest, now: 0) }
        #expect(inbox.dropped > before)
        var heard: [UInt8] = []
        while let (peer, message) = inbox.next() { if peer == honest { heard.append(message.bytes[0]) } }
        #expect(heard == Array(0..<30))
    }

    // MARK: - Newcomers

    @Test("a thousand newcomers have an eighth of the turns, and no more memory than newcomers may have")
    func newcomers() throws {
        var inbox = Inbox()
        let member = try peer("member")
        inbox.know(member)
        for number in 0..<1000 {
            for _ in 0..<200 {
                inbox.append(Frame([UInt8](repeating: 0, count: 1000)), from: try peer("stranger-\(number)"), now: 0)
            }
        }
        for number in 0..<700 { inbox.append(Frame([UInt8(number % 256)]), from: member, now: 0) }
        // One that says hello for the first time is heard, too, after each other newcomer's turn at most.
        let honest = try peer("honest")
        inbox.append(Frame([77]), from: honest, now: 0)
        let heard = (0..<800).compactMap { _ in inbox.next() }
        #expect(heard.count == 800 && heard.count { $0.peer == member } == 700)
        var left = 0
        var position: Int?
        while let (peer, _) = inbox.next() {
            left += 1
            if peer == honest { position = left }
        }
        #expect(try #require(position) <= 1001)
        #expect(left <= Inbox.Limits().allNewcomersBytes / 1256, "\(left)")
    }

    @Test("a newcomer of which something is taken keeps what waits, in order, and has turns of its own")
    func becomesKnown() throws {
        var inbox = Inbox()
        let (honest, member) = (try peer("honest"), try peer("member"))
        inbox.know(member)
        for number in 0..<20 {
            inbox.append(Frame([UInt8(number)]), from: honest, now: 0)
            inbox.append(Frame([UInt8(number)]), from: member, now: 0)
        }
        inbox.know(honest)
        inbox.append(Frame([20]), from: honest, now: 0)
        let heard = (0..<40).compactMap { _ in inbox.next() }
        #expect(heard.count { $0.peer == honest } == 20)
        #expect(heard.filter { $0.peer == honest }.map { $0.message.bytes[0] } == Array(0..<20))
        while inbox.next() != nil {}
        inbox.forgetPeers()
        for number in 0..<200 { inbox.append(Frame([UInt8(number)]), from: honest, now: 0) }
        #expect(inbox.dropped == 200 - UInt64(Inbox.Limits().newcomerMessages))
    }

    // MARK: - Restraint

    @Test("a restrained peer that floods is heard 200 times a second, one that does not loses nothing")
    func restraint() throws {
        var limits = Inbox.Limits()
        limits.messagesBeforeCut = .max
        var inbox = Inbox(limits: limits, knowsAll: true)
        let (flood, slow) = (try peer("flood"), try peer("slow"))
        inbox.restrain(flood, now: second)
        inbox.restrain(slow, now: second)
        var heard: [PeerIdentity: Int] = [:]
        for step in 0..<100_000 {
            let now = second + UInt64(step) * 100_000
            inbox.append(Frame([1]), from: flood, now: now)
            if step % 1000 < 10 { inbox.append(Frame([2]), from: slow, now: now) }
            while let (peer, _) = inbox.next() { heard[peer, default: 0] += 1 }
        }
        #expect(heard[slow] == 1000)
        #expect((2000...2020).contains(heard[flood] ?? 0), "\(heard)")
        #expect(inbox.dropped == 100_000 - UInt64(heard[flood] ?? 0))
    }

    @Test("a restrained peer that is quiet for a second, or of which something is taken, is as free as before")
    func release() throws {
        var inbox = Inbox(knowsAll: true)
        let flood = try peer("flood")
        func floodOnce(at now: UInt64) -> UInt64 {
            let before = inbox.dropped
            for _ in 0..<1000 { inbox.append(Frame([1]), from: flood, now: now) }
            while inbox.next() != nil {}
            return inbox.dropped - before
        }
        inbox.restrain(flood, now: 0)
        #expect(floodOnce(at: second / 2) == 984)
        #expect(floodOnce(at: second) > 900)
        #expect(floodOnce(at: 2 * second) == 0 && inbox.restrainedPeers == 0)
        inbox.restrain(flood, now: 2 * second)
        #expect(floodOnce(at: 2 * second) > 900)
        inbox.release(flood)
        #expect(floodOnce(at: 2 * second) == 0)
    }

    @Test("of what waits of a restrained peer the last messages stay, with which it may begin anew")
    func lastMessages() throws {
        var inbox = Inbox(knowsAll: true)
        let peer = try peer("confused")
        for number in 0..<100 { inbox.append(Frame([UInt8(number)]), from: peer, now: 0) }
        inbox.restrain(peer, now: 0)
        var heard: [UInt8] = []
        while let (_, message) = inbox.next() { heard.append(message.bytes[0]) }
        #expect(heard == Array(84..<100) && inbox.dropped == 84)
    }

    @Test("one that floods on is cut off, then after half as much each time, and is released later each time")
    func cuts() throws {
        var inbox = Inbox(knowsAll: true)
        let limits = Inbox.Limits()
        let flood = try peer("flood")
        var now = second
        var needed: [Int] = []
        inbox.restrain(flood, now: now)
        for _ in 0..<10 {
            let before = inbox.dropped
            var cut: [PeerIdentity] = []
            while cut.isEmpty {
                inbox.append(Frame([1]), from: flood, now: now)
                cut = inbox.takePeersToCutOff()
                while inbox.next() != nil {}
            }
            #expect(cut == [flood])
            needed.append(Int(inbox.dropped - before))
            // It comes back after less than the time that releases it.
            now += limits.quietNanoseconds << UInt64(min(needed.count, limits.harsherTimes)) - 1
        }
        #expect(needed == (0..<10).map { limits.messagesBeforeCut >> min($0, limits.harsherTimes) })
        #expect(inbox.cuts == 10)
        var strangers = Inbox()
        strangers.restrain(flood, now: now)
        var sent = 0
        while strangers.takePeersToCutOff().isEmpty, sent < limits.messagesBeforeCut {
            strangers.append(Frame([1]), from: flood, now: now)
            sent += 1
        }
        #expect(sent == limits.messagesBeforeCut / limits.newcomersPart + limits.restrainedMessages)
        inbox.append(Frame([1]), from: flood, now: now + limits.quietNanoseconds << UInt64(limits.harsherTimes))
        #expect(inbox.restrainedPeers == 0, "none is restrained for ever")
    }

    @Test("what had arrived before a peer was cut off does not count against its next connection") func leftovers()
        throws
    {
        var inbox = Inbox(knowsAll: true)
        let limits = Inbox.Limits()
        let flood = try peer("flood")
        inbox.restrain(flood, now: second)
        var cuts = 0
        for _ in 0..<(4 * limits.messagesBeforeCut) {
            inbox.append(Frame([1]), from: flood, now: second)
            cuts += inbox.takePeersToCutOff().count
            while inbox.next() != nil {}
        }
        #expect(cuts == 1)
    }

    @Test("a restrained peer of which that is not said again is released, though it always has something to say")
    func unconfirmed() throws {
        var inbox = Inbox(knowsAll: true)
        let limits = Inbox.Limits()
        let busy = try peer("busy")
        inbox.restrain(busy, now: 2 * second - 1)
        inbox.restrain(busy, now: 2 * second)
        let step = limits.quietNanoseconds / 2
        var now = 2 * second
        while now + step < 2 * second + limits.unconfirmedNanoseconds {
            now += step
            inbox.append(Frame([1]), from: busy, now: now)
            #expect(inbox.restrainedPeers == 1)
        }
        inbox.append(Frame([1]), from: busy, now: now + step)
        #expect(inbox.restrainedPeers == 0)
    }

    @Test("as many names as one likes are not remembered") func names() throws {
        var limits = Inbox.Limits()
        limits.restrainedPeers = 64
        var inbox = Inbox(limits: limits)
        for number in 0..<1000 {
            inbox.restrain(try peer("flood-\(number)"), now: UInt64(number) * second / 100)
            #expect(inbox.restrainedPeers <= 64)
        }
        #expect(inbox.restrainedPeers > 0)
    }

    // MARK: - Whatever happens

    @Test("whatever comes, every message is given out in order, dropped and counted, or waits within the limits")
    func properties() throws {
        let seed = testSeed()
        var random = SplitMix(state: seed)
        var limits = Inbox.Limits()
        (limits.messages, limits.bytes, limits.allBytes) = (40, 20_000, 60_000)
        (limits.newcomerMessages, limits.newcomerBytes, limits.allNewcomersBytes) = (10, 8_000, 20_000)
        (limits.messagesBeforeCut, limits.restrainedPeers, limits.peers) = (100, 3, 6)
        var inbox = Inbox(limits: limits)
        let peers = try (0..<9).map { try peer("peer-\($0)") }
        var now: UInt64 = 0
        var (appended, given, outOfOrder) = (0, 0, 0)
        var last: [PeerIdentity: UInt32] = [:]
        func give() -> Bool {
            guard let (peer, message) = inbox.next() else { return false }
            let number = message.bytes.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            if last[peer, default: 0] >= number { outOfOrder += 1 }
            last[peer] = number
            given += 1
            return true
        }
        for _ in 0..<40_000 {
            now += UInt64.random(in: 0..<3_000_000, using: &random)
            let peer = peers[Int.random(in: 0..<peers.count, using: &random)]
            switch Int.random(in: 0..<100, using: &random) {
            case 0: inbox.know(peer)
            case 1: inbox.restrain(peer, now: now)
            case 2: inbox.release(peer)
            case 3 where Int.random(in: 0..<10, using: &random) == 0: inbox.forgetPeers()
            case 4: now += UInt64.random(in: 0..<(4 * second), using: &random)
            case 5..<40: _ = give()
            default:
                appended += 1
                let size = Int.random(in: 0..<10, using: &random) == 0 ? 5000 : 40
                let number = (0..<4).map { UInt8(truncatingIfNeeded: appended >> (24 - 8 * $0)) }
                inbox.append(Frame(number + [UInt8](repeating: 0, count: size)), from: peer, now: now)
            }
            _ = inbox.takePeersToCutOff()
        }
        #expect(outOfOrder == 0 && inbox.restrainedPeers <= 3, "DISTILLERY_TEST_SEED=\(seed)")
        let waited = appended - given - Int(inbox.dropped)
        #expect(waited <= 80_000 / 296, "DISTILLERY_TEST_SEED=\(seed)")
        var left = 0
        while give() { left += 1 }
        #expect(outOfOrder == 0)
        #expect(
            left == waited && inbox.isEmpty && given + Int(inbox.dropped) == appended, "DISTILLERY_TEST_SEED=\(seed)")
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
