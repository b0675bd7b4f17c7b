import TestSupport
import Testing
import Transport

@Suite("Waiting") struct PollerTests {
    @Test("a signal raised before the wait, from any thread, ends it") func wakes() async throws {
        let signal = try WakeSignal()
        let poller = Poller()
        let token = poller.add(descriptor: signal.descriptor)
        #expect(try !poller.wait(milliseconds: 0))
        #expect(!poller.isReadable(token))
        signal.raise()
        await Task.detached { signal.raise() }.value
        #expect(try poller.wait(milliseconds: 20_000))
        #expect(poller.isReadable(token))
        #expect(signal.clear())
        #expect(!signal.clear())
        #expect(try !poller.wait(milliseconds: 0))
    }

    @Test("what was removed no longer wakes") func removes() throws {
        let first = try WakeSignal()
        let second = try WakeSignal()
        let poller = Poller()
        let gone = poller.add(descriptor: first.descriptor)
        let kept = poller.add(descriptor: second.descriptor)
        first.raise()
        second.raise()
        poller.remove(gone)
        #expect(try poller.wait(milliseconds: 20_000))
        #expect(!poller.isReadable(gone))
        #expect(poller.isReadable(kept))
    }

    @Test("only the socket that has something is readable") func sockets() throws {
        let context = try MessageContext()
        let router = try RouterSocket(context)
        let dealer = try DealerSocket(context)
        try dealer.connect(router.bind("tcp://127.0.0.1:*"))
        let poller = Poller()
        let atRouter = poller.add(router)
        let atDealer = poller.add(dealer)
        #expect(try dealer.send([1]) == .sent)
        #expect(try poller.wait(milliseconds: 20_000))
        #expect(poller.isReadable(atRouter))
        #expect(!poller.isReadable(atDealer))
    }

    @Test("a manual clock stands still until it is moved, and never goes back") func manualClock() {
        let clock = ManualClock(now: 5, epoch: 100)
        #expect(clock.now == 5 && clock.wallClock == 105)
        clock.advance(milliseconds: 2)
        #expect(clock.now == 2_000_005)
        clock.advance(to: 3)
        #expect(clock.now == 2_000_005)
    }
}
