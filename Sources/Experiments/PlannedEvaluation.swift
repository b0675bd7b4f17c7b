package import Distillation
package import Environments
import Settings

/// One policy on some tasks, with as many seeds and episodes as the experiment says: what is evaluated under one name,
/// task by task.
package struct PlannedEvaluation: Sendable, Hashable {
    /// The folder of its streams.
    package let name: String
    /// Of the checkpoint that acts; nil for a policy that needs none.
    package let checkpoint: String?
    package let policy: PolicyChoice
    /// Ids.
    package let tasks: [Int]
}

extension Experiment {
    /// What is evaluated of a checkpoint, in the order in which it is begun: the held-out tasks in context
    /// (`CHECKPOINT-test`), the same as the control (`CHECKPOINT-test-cleared`), some of the train tasks in context
    /// (`CHECKPOINT-train`), and each baseline on both (`random-test`, `random-train`).
    ///
    /// Throws `SettingsError` for a baseline that there is not.
    package func evaluations(of checkpoint: String, tasks distribution: any TaskDistribution) throws
        -> [PlannedEvaluation]
    {
        let test = testTasks(of: distribution)
        let train = trainTasks(of: distribution).spread(evaluate.trainTasks)
        func inContext(_ suffix: String, _ context: DistilledPolicy.Settings.Context, _ tasks: [Int])
            -> PlannedEvaluation
        {
            PlannedEvaluation(
                name: "\(checkpoint)-\(suffix)", checkpoint: checkpoint,
                policy: PolicyChoice(
                    DistilledPolicy.self, .init(temperature: evaluate.temperature, context: context)), tasks: tasks)
        }
        var planned = [inContext("test", .kept, test)]
        if evaluate.control { planned.append(inContext("test-cleared", .cleared, test)) }
        planned.append(inContext("train", .kept, train))
        for name in evaluate.baselines {
            let policy = try baseline(name)
            for (split, tasks) in [(Split.test, test), (.train, train)] {
                planned.append(
                    PlannedEvaluation(
                        name: "\(name)-\(split.rawValue)", checkpoint: nil, policy: policy, tasks: tasks))
            }
        }
        return planned
    }

    /// The policy of this name as this experiment has it.
    func baseline(_ name: String) throws(SettingsError) -> PolicyChoice {
        try PolicyChoice(named: name, besides: source, actors: collect.actors)
    }
}

extension Array {
    /// `count` elements at even distances.
    fileprivate func spread(_ count: Int) -> [Element] {
        guard count < self.count else { return self }
        return (0..<count).map { self[$0 * self.count / count] }
    }
}
