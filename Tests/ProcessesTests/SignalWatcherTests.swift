import Glibc
import Processes
import Testing

@Suite("Signals") struct SignalWatcherTests {
    @Test("a signal makes the descriptor readable and is reported once")
    func reports() throws {
        let watcher = try SignalWatcher([.terminate])
        #expect(watcher.next() == nil)
        kill(getpid(), SIGTERM)
        var item = pollfd(fd: watcher.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&item, 1, 20_000) == 1)
        #expect(watcher.next() == .terminate)
        #expect(watcher.next() == nil)
    }

    @Test("the codes are what a shell reports") func codes() {
        #expect(Signal.interrupt.exitCode == 130)
        #expect(Signal.terminate.exitCode == 143)
        #expect(Signal.allCases.filter(\.asksToEnd) == [.hangUp, .interrupt, .terminate])
    }
}
