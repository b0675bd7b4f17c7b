import Foundation
import Neural

/// How long and how often a benchmark measures, and where it says how far it is. One plan serves all cases of a suite;
/// `progress` and `mayGoOn` are the command's way to print a line and to stop at a signal.
package struct BenchmarkPlan {
    /// Repetitions; their median counts. An odd number makes the median one of them.
    package var repetitions: Int
    /// Seconds that a repetition is meant to last at least, after a warm-up of half of it. The number of calls is fixed
    /// from the warm-up, so a machine that grows faster or slower makes a repetition shorter or longer.
    package var secondsPerRepetition: Double
    /// Called with a line of text after whatever takes long; may throw to end the benchmark.
    package var progress: (String) throws -> Void
    /// Called before each repetition of a kernel or of acting; may throw to end the benchmark. The trainer's, the
    /// evaluator's and the encoder's benchmarks do not call it and can be ended by `progress` alone.
    package var mayGoOn: () throws -> Void

    /// Defaults print nothing and never end the benchmark. Tests of the benchmarks measure for a microsecond, since
    /// they look at what is reported and not at how fast it is.
    package init(
        repetitions: Int, secondsPerRepetition: Double, progress: @escaping (String) throws -> Void = { _ in },
        mayGoOn: @escaping () throws -> Void = {}
    ) {
        self.repetitions = repetitions
        self.secondsPerRepetition = secondsPerRepetition
        self.progress = progress
        self.mayGoOn = mayGoOn
    }

    /// What `sample` gives in each repetition, in order. Throws what `mayGoOn` or `sample` throws. For what measures
    /// itself, such as `ProductPeak.sample`; there is no warm-up here.
    package func repeated<Value>(_ sample: () throws -> Value) throws -> [Value] {
        try (0..<repetitions).map { _ in
            try mayGoOn()
            return try sample()
        }
    }

    /// Calls `body` until half a repetition has passed, at least once, and returns the calls of a repetition. A warm-up
    /// brings caches, the branch predictor and the processor's clock to where they are in the repetitions, and its own
    /// time says how many calls last `secondsPerRepetition`. Throws what `body` throws.
    package func warmUp(_ body: () throws -> Void) rethrows -> Int {
        var calls = 0
        let seconds = try secondsTaken {
            let start = monotonicSeconds()
            repeat {
                try body()
                calls += 1
            } while monotonicSeconds() - start < secondsPerRepetition / 2
        }
        return max(1, Int((Double(calls) * secondsPerRepetition / seconds).rounded(.up)))
    }
}

/// Seconds that `body` takes, by a monotonic clock: time in which other processes had the core counts too. What `body`
/// throws is passed on, and no time is reported then.
package func secondsTaken(_ body: () throws -> Void) rethrows -> Double {
    let start = monotonicSeconds()
    try body()
    return monotonicSeconds() - start
}
