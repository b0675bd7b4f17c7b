import Experiments

/// What a cluster that is scaled looks like.
struct ScalePlan {
    let name: String
    /// Actors of a lifetime at the start; what `scale` asks for in the end.
    let least: Int
    let most: Int
    let actorsPerProcess: Int
    let lifetimes: Int
    let isElastic: Bool

    /// A lifetime of 25 actors on each process.
    static let processes = ScalePlan(
        name: "processes", least: 25, most: 200, actorsPerProcess: 25, lifetimes: 8, isElastic: false)
    static let elastic = ScalePlan(
        name: "elastic", least: 10, most: 200, actorsPerProcess: 100, lifetimes: 1, isElastic: true)

    /// More steps a second than a cluster on one machine takes.
    private static let fastestStepsPerSecond = 2e6
    private static let horizon = 20.0

    func processes(for actors: Int) -> Int { (actors + actorsPerProcess - 1) / actorsPerProcess }

    func describe(_ actors: Int) -> String {
        isElastic
            ? "\(actors) actors" : processes(for: actors) == 1 ? "1 process" : "\(processes(for: actors)) processes"
    }

    /// No lifetime ends within `seconds`: ends and beginnings would be taken for what scaling does.
    func experiment(seconds: Double) throws -> Experiment {
        let episodes = Int(Self.fastestStepsPerSecond * seconds / Self.horizon / Double(least))
        return try Experiment(
            yaml: """
                name: scale
                tasks: {test: 16, train: \(lifetimes)}
                collect: {actors: \(least), lifetimes: 1, test_lifetimes: 0, synchronization: asynchronous, \
                elastic: \(isElastic), end: {episodes_per_actor: \(episodes)}}
                cluster: {learners: 1, lifetimes_per_learner: \(lifetimes), actor_processes: 1, \
                actors_per_process: \(actorsPerProcess)}
                evaluate: {train_tasks: 1}
                """, file: "the bench's experiment")
    }
}
