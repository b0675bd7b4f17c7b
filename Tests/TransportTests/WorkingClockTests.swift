import TestSupport
import Testing
import Transport

@Suite("Time of a process") struct WorkingClockTests {
    @Test("goes on with the clock, and hardly while the process stands still") func gaps() {
        let real = ManualClock(now: 5 * nanosecondsPerSecond)
        let clock = WorkingClock(real)
        #expect(clock.now == 5 * nanosecondsPerSecond)
        for _ in 0..<20 {
            real.advance(milliseconds: 500)
            _ = clock.now
        }
        #expect(clock.now == 15 * nanosecondsPerSecond)
        // Ctrl-Z for an hour.
        real.advance(milliseconds: 3_600_000)
        #expect(clock.now == 15 * nanosecondsPerSecond + WorkingClock.gapNanoseconds)
        real.advance(milliseconds: 1000)
        #expect(clock.now == 16 * nanosecondsPerSecond + WorkingClock.gapNanoseconds)
    }
}
