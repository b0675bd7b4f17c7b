import Environments
import Experience

/// Where a mean lies with a probability of 95 %.
///
/// By the percentile bootstrap of `LearningCurves`: of 1,000 means the 2.5 % and the 97.5 % quantile.
package struct Interval: Sendable, Hashable, Encodable {
    /// In the unit of the mean: returns.
    package let low: Double
    /// In the same unit, never below `low`.
    package let high: Double
}

/// Returns by episode of several tasks with several repetitions (seeds, lifetimes) each.
///
/// Tasks differ in how high a return can be, and repetitions of one task resemble each other. So a mean is taken over
/// repetitions first and over tasks then, and the bootstrap draws at both levels.
package struct LearningCurves: Sendable {
    /// (tasks, repetitions, episodes); the lengths may differ.
    package let returns: [[[Double]]]

    /// Curves without episodes, and tasks without curves, are left out.
    ///
    /// So every mean below is over at least one episode.
    package init(_ returns: [[[Double]]]) {
        self.returns = returns.map { $0.filter { !$0.isEmpty } }.filter { !$0.isEmpty }
    }

    /// Nothing was played, or nothing was read.
    package var isEmpty: Bool { returns.isEmpty }
    /// Episodes of the longest curve; 0 where there is none.
    package var longest: Int { returns.joined().map(\.count).max() ?? 0 }
    /// (task, repetition) pairs.
    package var curveCount: Int { returns.reduce(0) { $0 + $1.count } }

    /// How often the bootstrap draws.
    static let resamples = 1000
    /// Points of a drawn curve at most; more episodes than that share a point.
    static let points = 200
    /// Episodes at the end of a curve whose mean is its final return.
    package static let finalEpisodes = 10

    /// The mean over tasks and repetitions by episode, every task with the same weight, with a 95 % interval.
    ///
    /// Each curve is first averaged over `window` neighbouring episodes. A curve that ended goes on at the mean of its
    /// last `finalEpisodes`. The interval is a percentile bootstrap that draws tasks, and repetitions within each.
    /// `episodes` ends the curve earlier than the longest.
    ///
    /// x counts episodes from 1. At most 200 points: behind 200 episodes each stands for several, and is averaged over
    /// as many at least.
    ///
    /// Random numbers come from a fixed key, so that the same returns always give the same interval. Without an
    /// interval where there is one curve.
    ///
    /// Work is `resamples` times curves times points; 20 tasks of 10 seeds with 200 points are 40 million additions.
    package func meanCurve(window: Int, episodes: Int = .max) -> [LineChart.Point] {
        let length = min(longest, episodes)
        guard length > 0 else { return [] }
        let stride = max(1, (length + Self.points - 1) / Self.points)
        let centres = Array(Swift.stride(from: 0, to: length, by: stride))
        let sampled = returns.map { $0.map { sample($0, at: centres, window: max(window, stride)) } }
        let centre = weightedMean(sampled, width: centres.count) { tasks, repetitions, body in
            for task in 0..<tasks { for repetition in 0..<repetitions(task) { body(task, repetition) } }
        }
        guard curveCount > 1 else {
            return centres.indices.map { LineChart.Point(x: Double(centres[$0] + 1), y: centre[$0]) }
        }
        var draws = (0..<centres.count).map { _ in [Double]() }
        var random = PhiloxSequence(Philox(key0: 0x626F_6F74, key1: 0), purpose: .other)
        for _ in 0..<Self.resamples {
            let mean = weightedMean(sampled, width: centres.count) { tasks, repetitions, body in
                for _ in 0..<tasks {
                    let task = random.below(tasks)
                    for _ in 0..<repetitions(task) { body(task, random.below(repetitions(task))) }
                }
            }
            for index in centres.indices { draws[index].append(mean[index]) }
        }
        return centres.indices.map { index in
            let sorted = draws[index].sorted()
            return LineChart.Point(
                x: Double(centres[index] + 1), y: centre[index], low: quantile(sorted, 0.025),
                high: quantile(sorted, 0.975))
        }
    }

    /// The mean over tasks and repetitions of every episode that all curves have.
    ///
    /// Unlike `meanCurve` it ends with the shortest curve and draws no interval.
    package var means: [Double] {
        (0..<(returns.joined().map(\.count).min() ?? 0)).map { episode in
            average(returns.map { average($0.map { $0[episode] }[...]) }[...])
        }
    }

    /// (tasks, repetitions): mean of the last `finalEpisodes` of each curve, of all where it has fewer.
    ///
    /// What a policy has learnt by the end; the same number for a source's lifetime and for an evaluation.
    package var finals: [[Double]] {
        returns.map { $0.map { average($0.suffix(Self.finalEpisodes)) } }
    }

    /// Mean over tasks, and repetitions within each, of the final returns; nil where there is nothing.
    ///
    /// Every task has the same weight, whatever its number of repetitions.
    package var finalMean: Double? {
        isEmpty ? nil : average(finals.map { average($0[...]) }[...])
    }

    /// Mean over tasks, and repetitions within each, of the first episodes; nil where there is nothing.
    ///
    /// Before a context holds anything: what in-context learning begins from.
    package var firstMean: Double? { means.first }

    /// The 95 % interval of `finalMean`, by the bootstrap of `meanCurve`; nil where one curve or none is known.
    ///
    /// Between the bootstrap's 2.5 % and 97.5 % quantiles.
    package var finalInterval: Interval? {
        guard let point = finalPoint(x: 0), let low = point.low, let high = point.high else { return nil }
        return Interval(low: low, high: high)
    }

    /// The final mean with its interval, at `x`.
    ///
    /// Its bounds are nil where there is one curve alone; nil where there is none.
    ///
    /// By the same bootstrap as the curves, on one number for each repetition.
    func finalPoint(x: Double) -> LineChart.Point? {
        guard !isEmpty else { return nil }
        var point = LearningCurves(finals.map { $0.map { [$0] } }).meanCurve(window: 1).first
        point?.x = x
        return point
    }

    /// The mean of `window` neighbours around each centre, fewer at the curve's ends; behind its end the final return.
    ///
    /// Sums from the beginning make each window's mean two subtractions, whatever its width.
    private func sample(_ curve: [Double], at centres: [Int], window: Int) -> [Double] {
        let final = average(curve.suffix(Self.finalEpisodes))
        var sums = [0.0]
        sums.reserveCapacity(curve.count + 1)
        for value in curve { sums.append(sums[sums.count - 1] + value) }
        return centres.map { centre in
            guard centre < curve.count else { return final }
            let low = max(0, centre - (window - 1) / 2)
            let high = min(curve.count, centre + window / 2 + 1)
            return (sums[high] - sums[low]) / Double(high - low)
        }
    }

    /// `visit` calls its body with (task, repetition), as many repetitions of a task as it has and as many tasks as
    /// there are, with or without replacement.
    ///
    /// Every drawn task weighs 1 / tasks, every repetition of it 1 / (tasks * its repetitions).
    private func weightedMean(
        _ sampled: [[[Double]]], width: Int,
        _ visit: (_ tasks: Int, _ repetitions: (Int) -> Int, _ body: (Int, Int) -> Void) -> Void
    ) -> [Double] {
        var total = [Double](repeating: 0, count: width)
        visit(sampled.count, { sampled[$0].count }) { task, repetition in
            let weight = 1 / Double(sampled[task].count * sampled.count)
            let curve = sampled[task][repetition]
            for index in 0..<width { total[index] += weight * curve[index] }
        }
        return total
    }
}

/// NaN of nothing.
func average(_ values: ArraySlice<Double>) -> Double {
    values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
}

/// Linear between neighbours; `sorted` is not empty.
///
/// `share` from 0 to 1: 0.025 of 1,000 values is between the 25th and the 26th.
///
/// As numpy's default.
func quantile(_ sorted: [Double], _ share: Double) -> Double {
    let position = share * Double(sorted.count - 1)
    let low = Int(position)
    let high = min(low + 1, sorted.count - 1)
    return sorted[low] + (position - Double(low)) * (sorted[high] - sorted[low])
}

extension PhiloxSequence {
    /// A number in `0..<bound`.
    ///
    /// By the high half of a product of 64 and 64 bits: its bias is below `bound` / 2^64.
    fileprivate mutating func below(_ bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }
}
