import Glibc
import Processes
import Testing

@Suite("Signals", .serialized) struct SignalWatcherTests {
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

    @Test("a signal that a parent had blocked is let through again") func unblocks() throws {
        var blocked = sigset_t()
        var before = sigset_t()
        sigemptyset(&blocked)
        sigaddset(&blocked, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &blocked, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let watcher = try SignalWatcher([.terminate])
        // To this thread alone: another might have it unblocked.
        pthread_kill(pthread_self(), SIGTERM)
        #expect(watcher.next() == .terminate)
    }

    @Test("the codes are what a shell reports") func codes() {
        #expect(Signal.interrupt.exitCode == 130)
        #expect(Signal.terminate.exitCode == 143)
        #expect(Signal.allCases.filter(\.asksToEnd) == [.hangUp, .interrupt, .userDefined2, .terminate])
    }
}
