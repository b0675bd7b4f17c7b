import Benchmarks
import Testing

@Suite("Throughput after a change") struct SettlingTests {
    /// Windows a quarter of a second apart, for 20 seconds.
    private func settling(_ rate: (Double) -> Double) -> Settling {
        Settling((0...80).map { Settling.Window(seconds: Double($0) / 4, rate: rate(Double($0) / 4)) })
    }

    @Test("follows at the step, not before") func step() {
        let found = settling { $0 < 3 ? 100 : 1000 }
        #expect(found == settling { $0 < 3 ? 5000 : 1000 })
        #expect(found.plateau == 1000)
        #expect(found.seconds == 3)
    }

    @Test("a slow rise is over when 90 % are reached") func ramp() {
        let found = settling { min(1000, 100 * $0) }
        #expect(found.seconds == 9)
    }

    @Test("a machine's noise and one hiccup are no unrest") func noise() {
        let found = settling { ($0 == 8 ? 0 : 1000) + 50 * ($0 * 4).truncatingRemainder(dividingBy: 2) }
        #expect(found.seconds == 0)
    }

    @Test("a dip after the change counts, although it was as fast before") func dip() {
        #expect(settling { (1..<5).contains($0) ? 400 : 1000 }.seconds == 5)
    }

    @Test("what swings for ever does not settle") func swing() {
        #expect(settling { Int($0) % 2 == 0 ? 500 : 1500 }.seconds == nil)
        #expect(Settling([]).seconds == nil)
    }
}

@Suite("Steps of processes") struct StepHistoryTests {
    @Test("add up to a rate, whenever each one's heartbeats come") func rate() {
        var history = StepHistory()
        for second in 0...10 {
            history.add("a", steps: 100 * Double(second), at: Double(second))
            history.add("b", steps: 30 * Double(second), at: Double(second) + 0.5)
        }
        #expect(abs(history.rate(in: 2..<4) - 130) < 1e-9)
        #expect(abs(history.rate(in: 2.3..<2.4) - 130) < 1e-9)
        #expect(history.total == 1300)
    }

    @Test("of one that joins and one that leaves") func membership() {
        var history = StepHistory()
        for second in 0...10 {
            if second <= 5 { history.add("a", steps: 100 * Double(second), at: Double(second)) }
            if second >= 4 { history.add("b", steps: 70 * Double(second - 4), at: Double(second)) }
        }
        #expect(abs(history.rate(in: 1..<3) - 100) < 1e-9)
        #expect(abs(history.rate(in: 4..<5) - 170) < 1e-9)
        #expect(abs(history.rate(in: 6..<8) - 70) < 1e-9)
        #expect(history.total == 920)
    }

    @Test("a count that is told again within a heartbeat is no standstill; one that a heartbeat repeats is")
    func standstill() {
        var history = StepHistory()
        history.add("a", steps: 0, at: 0)
        for tenth in 1...9 { history.add("a", steps: 0, at: Double(tenth) * 0.1 - 0.05) }
        history.add("a", steps: 100, at: 1)
        #expect(abs(history.rate(in: 0..<0.5) - 100) < 1e-9)
        history.add("a", steps: 100, at: 2)
        history.add("a", steps: 100, at: 3)
        history.add("a", steps: 200, at: 4)
        #expect(history.rate(in: 1..<3) == 0)
        #expect(abs(history.rate(in: 3..<4) - 100) < 1e-9)
    }

    @Test("windows lie inside the time asked for") func windows() {
        var history = StepHistory()
        for second in 0...30 { history.add("a", steps: 10 * Double(second), at: Double(second)) }
        let windows = history.rates(in: 5..<10, width: 2, stride: 0.5)
        #expect(windows.map(\.seconds) == [0, 0.5, 1, 1.5, 2, 2.5, 3])
        #expect(windows.allSatisfy { abs($0.rate - 10) < 1e-9 })
        #expect(history.rates(in: 5..<6, width: 2, stride: 0.5).isEmpty)
    }
}
