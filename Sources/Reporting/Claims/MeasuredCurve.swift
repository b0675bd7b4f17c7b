import Catalog
import Environments
import Experiments

/// A curve that a claim is about, as rows of numbers with what they are measured against.
struct MeasuredCurve {
    /// Ids, in the order of the rows.
    let tasks: [Int]
    /// (trainings, tasks, repetitions, points).
    let curves: LearningCurves
    /// (tasks): what counts as 0 and as 1, a point of each task's curve.
    let floor: [Double]
    let ceiling: [Double]

    var seeds: Int { curves.repetitionCount }
    var trainings: Int { curves.trainings.count }
}

/// Why a claim cannot be judged, in a sentence.
struct ClaimProblem: Error, CustomStringConvertible {
    let description: String
}

/// Finds the curves that claims name among what a run has evaluated.
struct MeasuredCurves {
    let contents: RunContents
    let evaluations: ReportedEvaluations

    /// Throws `ClaimProblem` for a curve that was not evaluated, or that nothing is known of that the measure needs.
    func curve(_ name: CurveName, _ measure: ClaimSettings.Measure) throws(ClaimProblem) -> MeasuredCurve {
        let (tasks, curves) = try played(name)
        func all(_ what: String, _ value: (Int) -> Double?) throws(ClaimProblem) -> [Double] {
            let values = tasks.compactMap(value)
            guard values.count == tasks.count else {
                throw ClaimProblem(description: "\(name): \(what) of a task is not known")
            }
            return values
        }
        switch measure {
        case .return:
            return MeasuredCurve(
                tasks: tasks, curves: curves, floor: tasks.map { _ in 0 }, ceiling: tasks.map { _ in 1 })
        case .share:
            return MeasuredCurve(
                tasks: tasks, curves: curves, floor: tasks.map { _ in 0 },
                ceiling: try all("the optimum") { contents.optimum(of: $0) })
        case .earlierEpisodes, .rewards, .episodeStarts:
            throw ClaimProblem(description: "\(name): \(measure.rawValue) is not of a curve")
        case .score:
            let sources = try ends(of: "source", name.label)
            let randoms = try ends(of: "random", name.label)
            return MeasuredCurve(
                tasks: tasks, curves: curves,
                floor: try all("random actions' return") { contents.random(of: $0) ?? randoms[$0] },
                ceiling: try all("the source's return") { sources[$0] })
        }
    }

    /// What a policy without a checkpoint came to on each task of an evaluation.
    private func ends(of policy: String, _ label: String) throws(ClaimProblem) -> [Int: Double] {
        let (tasks, curves) = try played(CurveName("\(policy)@\(label)"))
        return Dictionary(
            uniqueKeysWithValues: zip(tasks, curves.finals).map { ($0, average($1[...])) })
    }

    private func played(_ name: CurveName) throws(ClaimProblem) -> (tasks: [Int], curves: LearningCurves) {
        if evaluations.variants.contains(name.acting ?? "") {
            if let pooled = evaluations.pooled(name.acting ?? "", name.label) { return (pooled.tasks, pooled.curves) }
        } else if let acting = name.acting {
            let group = evaluations.all.first { $0.label == name.label }?.group ?? ""
            let played = evaluations.baselines(name.label, group: group).first { $0.kind.rawValue == acting }
            if let played { return (played.tasks, played.curves) }
            if acting == "source" { return try source(name) }
        }
        throw ClaimProblem(description: "\(name) was not evaluated")
    }

    /// The source algorithm's own lifetimes on the tasks of an evaluation, returns of one actor.
    private func source(_ name: CurveName) throws(ClaimProblem) -> (tasks: [Int], curves: LearningCurves) {
        let evaluated = evaluations.all.first { $0.label == name.label && $0.checkpoint != nil }?.tasks ?? []
        let tasks = evaluated.filter { contents.sourceReturns[$0]?.isEmpty == false }
        guard !tasks.isEmpty else {
            throw ClaimProblem(description: "\(name): the source has no lifetime on these tasks")
        }
        return (tasks, contents.source(on: tasks))
    }
}
