import Nodes
import Testing
import Transport
import Wire

@Suite("How it stands with a peer") struct PeerStandingTests {
    private let second: UInt64 = 1_000_000_000
    private let peer = Address.peer("peer")

    @Test("of which something is taken is known, and that is told once") func known() {
        var standings = PeerStandings()
        standings.note(.coordinator, isRefused: false, now: 0)
        standings.note(.endpoint("tcp://a:1"), isRefused: true, now: 0)
        #expect(standings.takeChanges().isEmpty)
        for _ in 0..<3 { standings.note(peer, isRefused: false, now: 0) }
        #expect(standings.takeChanges() == [.known("peer")])
        #expect(standings.takeChanges().isEmpty)
    }

    @Test("that is refused nearly always is restrained, again and again, and released when it is heard to")
    func restrained() {
        var standings = PeerStandings()
        for _ in 0..<(PeerStandings.refusalsBeforeRestraint - 1) { standings.note(peer, isRefused: true, now: second) }
        #expect(standings.takeChanges().isEmpty)
        standings.note(peer, isRefused: true, now: second)
        #expect(standings.takeChanges() == [.restrained("peer")])
        // The sockets release one by themselves that is quiet, though we may still have refused messages of it.
        for _ in 0..<1000 { standings.note(peer, isRefused: true, now: second) }
        let told = standings.takeChanges()
        #expect(told.allSatisfy { $0 == .restrained("peer") })
        #expect(told.count == 1000 / PeerStandings.refusalsBeforeRestraint)
        for _ in 0..<PeerStandings.worstScore { standings.note(peer, isRefused: false, now: second) }
        #expect(standings.takeChanges() == [.known("peer"), .released("peer")])
    }

    @Test("that was restrained is released when it is heard to, whatever was refused of it meanwhile")
    func releasedLate() {
        var standings = PeerStandings()
        for _ in 0..<PeerStandings.refusalsBeforeRestraint { standings.note(peer, isRefused: true, now: second) }
        for _ in 0..<5 { standings.note(peer, isRefused: false, now: second) }
        // It begins anew, but for its restraint.
        standings.note(peer, isRefused: true, now: second + PeerStandings.quietNanoseconds)
        _ = standings.takeChanges()
        for _ in 0..<PeerStandings.refusalsBeforeRestraint { standings.note(peer, isRefused: false, now: 3 * second) }
        #expect(standings.takeChanges() == [.released("peer")])
    }

    @Test("that was restrained is released when it is forgotten") func forgotten() {
        var standings = PeerStandings()
        for _ in 0..<PeerStandings.refusalsBeforeRestraint { standings.note(peer, isRefused: true, now: second) }
        _ = standings.takeChanges()
        for number in 0..<PeerStandings.refusedPeerLimit {
            standings.note(.peer("other-\(number)"), isRefused: true, now: 3 * second)
        }
        #expect(standings.takeChanges() == [.released("peer")])
    }

    @Test("that is refused now and then is not restrained, and neither is one that is refused a burst each second")
    func honest() {
        var standings = PeerStandings()
        standings.note(peer, isRefused: false, now: 0)
        #expect(standings.takeChanges() == [.known("peer")])
        for step in 0..<10_000 { standings.note(peer, isRefused: step % 2 == 0, now: UInt64(step)) }
        for burst in 1..<100 {
            for _ in 0..<(PeerStandings.refusalsBeforeRestraint - 1) {
                standings.note(peer, isRefused: true, now: UInt64(burst) * PeerStandings.quietNanoseconds)
            }
        }
        #expect(standings.takeChanges().isEmpty)
    }

    @Test("is not remembered of as many names as one likes") func names() {
        var standings = PeerStandings()
        var (known, restrained) = (0, 0)
        var mayBeKnown = 0
        for number in 0..<200_000 {
            let name = Address.peer("name-\(number)")
            standings.note(name, isRefused: number % 2 == 0, now: UInt64(number) * 1000)
            for change in standings.takeChanges() {
                switch change {
                case .known:
                    known += 1
                    mayBeKnown += 1
                case .forgotten: mayBeKnown = 0
                case .restrained: restrained += 1
                case .released: break
                }
            }
            #expect(mayBeKnown <= PeerStandings.knownPeerLimit)
        }
        #expect(known == 100_000 && restrained == 0)
    }

    /// What a role says of an honest peer reaches its inbox late; meanwhile the peer is replaced, or its server restarted.
    @Test(
        "that is refused all it has on its way, and then behaves, loses nothing that it says after a second",
        arguments: [1, 16, 512])
    func replaced(atOnce: Int) throws {
        var standings = PeerStandings()
        var inbox = Inbox()
        let identity = try PeerIdentity("peer")
        var now = second
        func settle(isRefused: Bool) -> Int {
            var heard = 0
            while inbox.next() != nil {
                heard += 1
                standings.note(peer, isRefused: isRefused, now: now)
                if heard % 64 == 0 { inbox.apply(standings.takeChanges(), now: now) }
            }
            inbox.apply(standings.takeChanges(), now: now)
            return heard
        }
        for _ in 0..<100 {
            inbox.append(Frame([1]), from: identity, now: now)
            #expect(settle(isRefused: false) == 1)
            // 2048 messages are on their way to a recorder at most.
            for _ in 0..<(2048 / atOnce) {
                for _ in 0..<atOnce { inbox.append(Frame([2]), from: identity, now: now) }
                _ = settle(isRefused: true)
            }
            now += second
            let before = inbox.dropped
            for _ in 0..<2048 { inbox.append(Frame([3]), from: identity, now: now) }
            #expect(settle(isRefused: false) == 2048 && inbox.dropped == before)
            #expect(inbox.takePeersToCutOff().isEmpty && inbox.restrainedPeers == 0)
        }
    }

    /// A recorder that was started again knows none of its carriers.
    @Test("that is a newcomer, refused all it has on its way, is cut off once at most, and heard as before soon after")
    func newcomer() throws {
        var standings = PeerStandings()
        var inbox = Inbox()
        let identity = try PeerIdentity("peer")
        var now = second
        var cuts = 0
        func say(_ count: Int, isRefused: Bool) -> Int {
            var heard = 0
            for _ in 0..<count {
                inbox.append(Frame([1]), from: identity, now: now)
                now += 10_000
                cuts += inbox.takePeersToCutOff().count
                while inbox.next() != nil {
                    heard += 1
                    standings.note(peer, isRefused: isRefused, now: now)
                }
                inbox.apply(standings.takeChanges(), now: now)
            }
            return heard
        }
        #expect(say(2048, isRefused: true) < 100 && cuts == 1 && inbox.restrainedPeers == 1)
        // Its connection ends, it connects anew, asks to open its streams, and sends again what was not acknowledged.
        now += 6 * second
        #expect(say(1, isRefused: false) == 1)
        now += second / 100
        #expect(say(2048, isRefused: false) == 2048)
        #expect(cuts == 1 && inbox.restrainedPeers == 0)
    }

    @Test("that floods with what must be refused is heard little of, and costs little memory, whatever its names")
    func flood() throws {
        var standings = PeerStandings()
        var inbox = Inbox()
        var (taken, cuts) = (0, 0)
        for step in 0..<300_000 {
            let now = second + UInt64(step) * 10_000
            // A new name now and then, as if it had connected anew.
            let name = "flood-\(step / 50_000)"
            inbox.append(Frame([1]), from: try PeerIdentity(name), now: now)
            cuts += inbox.takePeersToCutOff().count
            guard step % 10 == 0 else { continue }
            while let (peer, _) = inbox.next() {
                taken += 1
                standings.note(.peer(peer.description), isRefused: true, now: now)
            }
            inbox.apply(standings.takeChanges(), now: now)
        }
        // Three seconds, six names.
        #expect(taken < 3 * 200 + 6 * 2 * (16 + 64), "\(taken)")
        #expect(cuts >= 6)
    }
}
