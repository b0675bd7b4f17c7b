package import Experience

/// The tasks of one environment with its settings: what a factory of environments has to offer.
///
/// A task is made from its id when it is needed, so that a distribution of 100,000 tasks costs no more than one of ten.
/// Values are made once by each role of a run and are used from any thread.
package protocol TaskDistribution: Sendable {
    var environment: EnvironmentDescription { get }
    /// Number of tasks; their ids are 0..<count.
    var count: Int { get }
    /// The ids of a split in ascending order. Train and test never overlap; together they need not be all tasks.
    func ids(of split: Split) -> [Int]
    /// The groups of tasks that an evaluation can name: both splits, and what the environment has beside them. Both
    /// splits unless implemented.
    var groups: [String] { get }
    /// The ids of a group in ascending order. Throws `EnvironmentError` for a name that no group has.
    func ids(in group: String) throws -> [Int]
    /// Throws `EnvironmentError` for an id that no task has.
    func task(_ id: Int) throws -> Task
    /// What a task's returns are measured against. May take long: it is asked for where a report needs it.
    func references(of task: Task) -> ReferenceReturns
    /// One copy for each key. Throws `EnvironmentError` when `task.json` does not describe a task of this distribution.
    ///
    /// Where `SolvedEnvironment` is what it makes, an evaluation can show what the best policy gets.
    func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment
    /// What is seen of the stored observations of a task. Only asked for, through `view(of:)`, where the environment's
    /// description says that streams store something else than what is seen. Throws as `makeEnvironment` does.
    func makeView(of task: Task) throws -> (any ObservationView)?
    /// What a learning curve's points are. Episodes unless implemented.
    var curveAxis: CurveAxis { get }
    /// Whether the actions of a recorded stream bring the same observations and rewards again. True unless implemented.
    var isReplayable: Bool { get }
    /// What `makeEnvironment` may have to wait for, a process of the environment with this name, for people. Nil where the
    /// environment is in this process, as unless implemented.
    var processName: String? { get }
}

extension TaskDistribution {
    package func makeView(of task: Task) throws -> (any ObservationView)? { nil }
    package var isReplayable: Bool { true }
    package var processName: String? { nil }
    package var curveAxis: CurveAxis { .episode }
    package var groups: [String] { Split.allCases.map(\.rawValue) }
    package func ids(in group: String) throws -> [Int] { ids(of: try split(named: group)) }

    /// The split that is the group of this name. Throws `EnvironmentError` where there is none, and says which groups
    /// there are.
    package func split(named group: String) throws -> Split {
        if let split = Split(rawValue: group) { return split }
        throw EnvironmentError(
            "\(environment.name) has no tasks called \(group), expected \(groups.joined(separator: ", "))")
    }

    /// What is seen of the stored observations of a task; nil where what is stored is what is seen. Throws
    /// `EnvironmentError` as `makeView` does, and where that makes none though there has to be one.
    package func view(of task: Task) throws -> (any ObservationView)? {
        guard environment.hasView else { return nil }
        if let view = try makeView(of: task) { return view }
        throw EnvironmentError(
            "\(environment.name) stores \(environment.stored.name) and does not say what is seen of them")
    }
}

/// What is counted along a learning curve: a life of many episodes is followed from episode to episode, one that is a
/// single episode from step to step.
package enum CurveAxis: String, Sendable {
    case episode, step
}

/// Returns of one episode of a task, undiscounted; nil where one cannot be computed. The report draws them as lines,
/// and a lifetime's rule of convergence needs `optimum`.
package struct ReferenceReturns: Hashable, Sendable {
    /// The best possible expected return.
    package var optimum: Double?
    /// The expected return of uniformly random actions.
    package var random: Double?

    package init(optimum: Double? = nil, random: Double? = nil) {
        self.optimum = optimum
        self.random = random
    }
}
