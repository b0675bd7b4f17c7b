import Benchmarks
import Testing
import Wire

@Suite("Memory over time") struct MemoryHistoryTests {
    private func history(minutes: Double, _ megabytes: (Double) -> Double) -> MemoryHistory {
        var history = MemoryHistory()
        // The cluster's clock does not begin with the process.
        for second in stride(from: 0, through: 60 * minutes, by: 5) {
            history.add(megabytes: megabytes(second), of: .recorder, process: 1, at: 40 + second)
        }
        return history
    }

    @Test("what caches take in the first five minutes is no growth") func caches() throws {
        let growth = try #require(history(minutes: 30) { min(300, $0) }.growthPercent(of: .recorder))
        #expect(growth.median == 0)
        #expect(growth.maximum == 0)
    }

    @Test("a leak is, from the sixth minute to the last") func leak() throws {
        let growth = try #require(history(minutes: 30) { 100 + $0 / 60 }.growthPercent(of: .recorder))
        // 105.5 in the middle of the sixth minute, 129.5 in the last minute's, 130 at most.
        #expect(abs(growth.median - 100 * (129.5 / 105.5 - 1)) < 0.1)
        #expect(abs(growth.maximum - 100 * (130 / 105.5 - 1)) < 0.1)
    }

    @Test("a peak in the last minute shows in the maximum alone") func peak() throws {
        let growth = try #require(history(minutes: 10) { $0 == 570 ? 150 : 100 }.growthPercent(of: .recorder))
        #expect(growth.median == 0)
        #expect(abs(growth.maximum - 50) < 1e-9)
    }

    @Test("an end is compared with other seconds where they are named") func named() throws {
        var history = MemoryHistory(early: 60..<90, lateSeconds: 20)
        for second in stride(from: 0.0, through: 120, by: 1) {
            history.add(megabytes: second < 60 ? 100 + second : 200 + second / 10, of: .learner, process: 1, at: second)
            #expect((history.growthPercent(of: .learner) == nil) == (second < 110))
        }
        let growth = try #require(history.growthPercent(of: .learner))
        #expect(abs(growth.median - 100 * (211.05 / 207.45 - 1)) < 0.01)
    }

    @Test("a process that replaces another begins anew, and a short life says nothing") func restarts() {
        var history = MemoryHistory()
        for second in stride(from: 0.0, through: 1800, by: 5) {
            history.add(megabytes: second, of: .recorder, process: Int(second / 360), at: second)
        }
        #expect(history.growthPercent(of: .recorder) == nil)
        #expect(history.maximumMegabytes(of: .recorder) == 1800)
        #expect(history.growthPercent(of: .coordinator) == nil)
        #expect(history.roles == [.recorder])
    }
}
