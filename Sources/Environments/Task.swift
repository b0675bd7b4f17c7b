/// Whether the distiller may learn from a task or only the evaluator sees it. The raw values are those of the stream
/// attribute `split`.
package enum Split: String, Sendable, Codable, CaseIterable {
    case train, test
}

/// One MDP drawn from an environment's task distribution: a goal cell, for example. A description and no more:
/// environments are made of it by `TaskDistribution.makeEnvironment`.
package struct Task: Hashable, Sendable {
    /// Position in the distribution, from 0.
    package let id: Int
    package let split: Split
    /// What distinguishes this task from its siblings, for example `{"goal":[3,5]}`: the stream attribute `task_json`.
    package let json: String

    package init(id: Int, split: Split, json: String) {
        self.id = id
        self.split = split
        self.json = json
    }
}
