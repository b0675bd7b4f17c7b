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
    /// Throws `EnvironmentError` for an id that no task has.
    func task(_ id: Int) throws -> Task
    /// What a task's returns are measured against. May take long: it is asked for where a report needs it.
    func references(of task: Task) -> ReferenceReturns
    /// One copy for each key. Throws `EnvironmentError` when `task.json` does not describe a task of this distribution.
    ///
    /// Where `SolvedEnvironment` is what it makes, an evaluation can show what the best policy gets.
    func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment
    /// What is seen of the stored observations of a task; nil, as where this is not implemented, when what is stored is
    /// what is seen. Throws as `makeEnvironment` does.
    func makeView(of task: Task) throws -> (any ObservationView)?
    /// Whether the actions of a recorded stream bring the same observations and rewards again. True unless implemented.
    var isReplayable: Bool { get }
}

extension TaskDistribution {
    package func makeView(of task: Task) throws -> (any ObservationView)? { nil }
    package var isReplayable: Bool { true }
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
