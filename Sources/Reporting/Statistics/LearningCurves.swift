import Environments
import Experience

/// Where a mean lies with a probability of 95 %.
///
/// By the percentile bootstrap of `LearningCurves`: the 2.5 % and the 97.5 % quantile of the drawn means.
package struct Interval: Sendable, Hashable, Encodable {
    /// In the unit of the mean: returns.
    package let low: Double
    /// In the same unit, never below `low`.
    package let high: Double
}

/// Curves of several tasks with several repetitions (seeds, lifetimes) each, of one training of a model or of several:
/// returns by episode, or rewards by step where a life is one episode.
///
/// Tasks differ in how high a return can be, and repetitions of one task resemble each other. So a mean is taken over
/// repetitions first and over tasks then, and the bootstrap draws at both levels; and at a third where there are several
/// trainings, all of which were played on the same tasks.
package struct LearningCurves: Sendable {
    /// (trainings, tasks, repetitions, points); the numbers of repetitions and points may differ.
    let trainings: [[[[Double]]]]
    /// Points at the end of a curve whose mean is its final value.
    let finalPoints: Int

    /// Of one training. `returns`: (tasks, repetitions, points). Curves without points, and tasks without curves, are
    /// left out.
    ///
    /// So every mean below is over at least one point.
    package init(_ returns: [[[Double]]], finalPoints: Int = finalEpisodes) {
        let played = returns.map { $0.filter { !$0.isEmpty } }.filter { !$0.isEmpty }
        trainings = played.isEmpty ? [] : [played]
        self.finalPoints = finalPoints
    }

    /// Of several trainings. Each must have the same tasks in the same order, and each task a curve.
    init(trainings: [LearningCurves]) {
        let played = trainings.filter { !$0.isEmpty }
        precondition(Set(played.map(\.taskCount)).count <= 1, "trainings on different tasks")
        self.trainings = played.flatMap(\.trainings)
        finalPoints = played.first?.finalPoints ?? Self.finalEpisodes
    }

    /// Nothing was played, or nothing was read.
    package var isEmpty: Bool { trainings.isEmpty }
    /// Points of the longest curve; 0 where there is none.
    package var longest: Int { trainings.joined().joined().map(\.count).max() ?? 0 }
    /// (training, task, repetition) triples.
    package var curveCount: Int { trainings.joined().reduce(0) { $0 + $1.count } }
    /// Tasks, the same in each training.
    var taskCount: Int { trainings.first?.count ?? 0 }
    /// Most repetitions of a task.
    var repetitionCount: Int { trainings.joined().map(\.count).max() ?? 0 }

    /// Points of a drawn curve at most; more episodes than that share a point.
    static let points = 200
    /// Episodes at the end of a curve whose mean is its final return.
    package static let finalEpisodes = 10

    /// The mean over trainings, tasks and repetitions by point, every task with the same weight, with a 95 % interval.
    ///
    /// Each curve is first averaged over `window` neighbouring points. A curve that ended goes on at its final value.
    /// `episodes` ends the curve earlier than the longest.
    ///
    /// x counts from 1. At most 200 points: behind 200 episodes each stands for several, and is averaged over as many at
    /// least. Without an interval where there is one curve.
    package func meanCurve(window: Int, episodes: Int = .max) -> [LineChart.Point] {
        let length = min(longest, episodes)
        guard length > 0 else { return [] }
        let stride = Self.stride(of: length)
        let centres = Array(Swift.stride(from: 0, to: length, by: stride))
        let bootstrap = Bootstrap(
            trainings.map { $0.map { $0.map { sample($0, at: centres, window: max(window, stride)) } } },
            width: centres.count)
        let mean = bootstrap.mean
        let intervals = bootstrap.intervals
        return centres.indices.map { index in
            LineChart.Point(
                x: Double(centres[index] + 1), y: mean[index], low: intervals?[index].low,
                high: intervals?[index].high)
        }
    }

    /// Points of a curve of this length that share one that is drawn.
    private static func stride(of length: Int) -> Int { max(1, (length + points - 1) / points) }

    /// How many points `meanCurve` has.
    var drawnPoints: Int { (longest + Self.stride(of: longest) - 1) / Self.stride(of: longest) }

    /// The mean over trainings, tasks and repetitions of every point that all curves have.
    ///
    /// Unlike `meanCurve` it ends with the shortest curve and draws no interval.
    package var means: [Double] {
        let length = trainings.joined().joined().map(\.count).min() ?? 0
        return Bootstrap(trainings.map { $0.map { $0.map { Array($0.prefix(length)) } } }, width: length).mean
    }

    /// (tasks, repetitions of all trainings): mean of the last `finalPoints` of each curve, of all where it has fewer.
    ///
    /// What a policy has learnt by the end; the same number for a source's lifetime and for an evaluation.
    package var finals: [[Double]] {
        (0..<taskCount).map { task in trainings.flatMap { $0[task].map { average($0.suffix(finalPoints)) } } }
    }

    /// Mean of the final values; nil where there is nothing.
    ///
    /// Every task has the same weight, whatever its number of repetitions.
    package var finalMean: Double? { isEmpty ? nil : finalValues.mean.first }

    /// Mean of the first points; nil where there is nothing.
    ///
    /// Before a context holds anything: what in-context learning begins from.
    package var firstMean: Double? { means.first }

    /// The 95 % interval of `finalMean`, by the bootstrap of `meanCurve`; nil where one curve or none is known.
    package var finalInterval: Interval? {
        guard let point = finalPoint(x: 0), let low = point.low, let high = point.high else { return nil }
        return Interval(low: low, high: high)
    }

    /// The final mean with its interval, at `x`.
    ///
    /// Its bounds are nil where there is one curve alone; nil where there is none.
    func finalPoint(x: Double) -> LineChart.Point? {
        guard let mean = finalMean else { return nil }
        let interval = finalValues.intervals?.first
        return LineChart.Point(x: x, y: mean, low: interval?.low, high: interval?.high)
    }

    private var finalValues: Bootstrap {
        Bootstrap(trainings.map { $0.map { $0.map { [average($0.suffix(finalPoints))] } } }, width: 1)
    }

    /// The curves of the tasks at these positions, in their order.
    func selecting(_ positions: [Int]) -> LearningCurves {
        LearningCurves(
            trainings: trainings.map { tasks in
                LearningCurves(positions.map { tasks[$0] }, finalPoints: finalPoints)
            })
    }

    /// The same curves with each point changed: `change` gets a whole curve and the position of its task.
    func mapped(_ change: (_ curve: [Double], _ task: Int) -> [Double]) -> LearningCurves {
        LearningCurves(
            trainings: trainings.map { tasks in
                LearningCurves(
                    tasks.enumerated().map { task, curves in curves.map { change($0, task) } },
                    finalPoints: finalPoints)
            })
    }

    /// The mean of `window` neighbours around each centre, fewer at the curve's ends; behind its end the final value.
    ///
    /// Sums from the beginning make each window's mean two subtractions, whatever its width.
    private func sample(_ curve: [Double], at centres: [Int], window: Int) -> [Double] {
        let final = average(curve.suffix(finalPoints))
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
}

/// NaN of nothing.
func average(_ values: ArraySlice<Double>) -> Double {
    values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
}
