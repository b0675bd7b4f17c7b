import Experience

/// How much of the way from random actions to the source algorithm a model has come: (r - random) / (source - random),
/// with r, random and source the mean rewards of a whole life on the same tasks.
///
/// 0 is as good as random actions, 1 as good as the source, which learns the same tasks from scratch. The interval is
/// a percentile bootstrap that draws trainings and tasks: of a drawn task all three rewards are taken, so that tasks
/// which are hard for all of them widen it less.
struct Score {
    let value: Double
    /// Nil of one task and one training.
    let interval: Interval?
    /// What it is made of: means over trainings and tasks.
    let model: Double
    let source: Double
    let random: Double

    /// - Parameters:
    ///   - models: (trainings, tasks), the mean reward of each
    ///   - sources: (tasks), of the source algorithm
    ///   - randoms: (tasks), of random actions
    ///
    /// Nil without tasks, and where the source is no better than random actions.
    init?(models: [[Double]], sources: [Double], randoms: [Double]) {
        let tasks = sources.count
        guard tasks > 0, tasks == randoms.count, !models.isEmpty, models.allSatisfy({ $0.count == tasks }) else {
            return nil
        }
        model = average(models.map { average($0[...]) }[...])
        source = average(sources[...])
        random = average(randoms[...])
        guard source > random else { return nil }
        value = (model - random) / (source - random)
        guard tasks > 1 || models.count > 1 else {
            interval = nil
            return
        }
        var numbers = PhiloxSequence(Philox(key0: 0x626F_6F74, key1: 0), purpose: .other)
        let draws = (0..<Bootstrap.mostDraws).compactMap { _ in
            Self.draw(models, sources, randoms, &numbers)
        }
        interval = draws.isEmpty ? nil : Interval(draws: draws)
    }

    /// Nil where the drawn tasks are such on which the source is no better than random actions.
    private static func draw(
        _ models: [[Double]], _ sources: [Double], _ randoms: [Double], _ numbers: inout PhiloxSequence
    ) -> Double? {
        let trainings = models.count == 1 ? [0] : models.indices.map { _ in numbers.below(models.count) }
        var (model, source, random) = (0.0, 0.0, 0.0)
        for _ in sources {
            let task = numbers.below(sources.count)
            source += sources[task]
            random += randoms[task]
            for training in trainings { model += models[training][task] / Double(trainings.count) }
        }
        return source > random ? (model - random) / (source - random) : nil
    }
}
