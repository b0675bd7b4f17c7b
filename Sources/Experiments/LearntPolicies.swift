package import Distillation
package import Environments
package import Experience
import Settings

/// A lifetime whose policy is evaluated as it is at the lifetime's end: an item of the plan of work, and a folder of
/// checkpoints.
package struct PlannedPolicy: Sendable, Hashable {
    /// The folder of its checkpoint below `checkpoints/learner`: `rl2`, or `rl2-seed-1` where there are several.
    package let name: String
    package let lifetime: LifetimeIdentifier

    /// The name of the checkpoint as messages, streams and the catalogue have it. `version`: updates.
    package func checkpoint(version: UInt64) -> String { checkpoint(Checkpoint.name(ofStep: Int(clamping: version))) }

    package func checkpoint(_ step: String) -> String { "\(name)/\(step)" }
}

extension Experiment {
    /// The lifetimes whose policies are evaluated, in their order; none where no evaluation names `rl2`.
    package func learntPolicies(of distribution: any TaskDistribution) -> [PlannedPolicy] {
        guard listedEvaluations.contains(where: { $0.policies.contains(LearntPolicy.name) }),
            let task = trainTasks(of: distribution).first
        else { return [] }
        return (0..<collect.lifetimes).map { repetition in
            PlannedPolicy(
                name: LearntPolicy.name + (collect.lifetimes > 1 ? "-seed-\(repetition)" : ""),
                lifetime: LifetimeIdentifier(task: task, repetition: repetition))
        }
    }

    /// What is evaluated of such a policy: `rl2-test`, `rl2-seed-1-test`. `checkpoint`: its name; nil while it is not
    /// known. Throws `SettingsError` for a group of tasks that the environment does not have.
    package func evaluations(
        of policy: PlannedPolicy, checkpoint: String?, tasks distribution: any TaskDistribution
    ) throws -> [PlannedEvaluation] {
        try listedEvaluations.filter { $0.policies.contains(LearntPolicy.name) }.map { settings in
            let acting = LearntPolicy.Settings(temperature: evaluate.temperature(of: settings))
            return try planned(
                settings, acting: policy.name, checkpoint: checkpoint, PolicyChoice(LearntPolicy.self, acting),
                on: distribution)
        }
    }

    /// What a learnt policy's checkpoint says of its tasks.
    package func learntDescription(_ distribution: any TaskDistribution) -> CheckpointDescription {
        CheckpointDescription(
            environment: distribution.environment, splitSeed: tasks.splitSeed,
            trainedTasks: trainTasks(of: distribution), testTasks: testTasks(of: distribution))
    }

    /// Evaluations by a checkpoint that there will not be, and names that stand for two things.
    var learntContradictions: [Contradiction] {
        var found: [Contradiction] = []
        let listed = listedEvaluations
        if distil.seeds == 0, listed.contains(where: { $0.policies.contains(DistilledPolicy.name) }) {
            found.append(
                Contradiction(
                    ["distil.seeds", "evaluations"],
                    "nothing is distilled, but \(DistilledPolicy.name) is evaluated; list evaluations of other policies"
                ))
        }
        if listed.contains(where: { $0.policies.contains(LearntPolicy.name) }),
            variants.contains(where: { $0.name == LearntPolicy.name || $0.name.hasPrefix(LearntPolicy.name + "-seed-") }
            )
        {
            found.append(
                Contradiction(["variants", "evaluations"], "\(LearntPolicy.name) is a variant and a policy"))
        }
        return found
    }
}
