package import Distillation
package import Environments
import Settings

/// One policy on some tasks, with as many seeds and episodes as the experiment says: what is evaluated under one name,
/// task by task. An item of the plan of work.
package struct PlannedEvaluation: Sendable, Hashable {
    /// The folder of its streams: `step-00020000-test`, `ed-step-00020000-held-out`, `rl2-test`, `random-test`.
    package let name: String
    /// What the experiment calls it, whatever acts: `test`, `test-cleared`, `train`, or a name of its list.
    package let label: String
    /// Of the checkpoint that acts, as `PlannedDistillation.checkpoint` or `PlannedPolicy.checkpoint` gives it; nil for a
    /// policy that needs none, and in a plan while it is not known.
    package let checkpoint: String?
    package let policy: PolicyChoice
    /// What the policy is shown before its first step, to be chosen of the recorded streams; nil for nothing.
    package let prompt: PromptSettings?
    /// Which tasks of the environment.
    package let group: String
    /// Ids.
    package let tasks: [Int]
    package let seeds: Int
    package let episodes: Int
}

extension Experiment {
    /// What is evaluated of a checkpoint, in the order in which it is begun. Without a list of evaluations these are the
    /// held-out tasks in context (`CHECKPOINT-test`), the same as the control (`CHECKPOINT-test-cleared`), and some of the
    /// train tasks in context (`CHECKPOINT-train`).
    ///
    /// - Parameter variant: whose checkpoint it is; empty where there are none.
    ///
    /// Throws `SettingsError` for a group of tasks that the environment does not have.
    package func evaluations(
        of checkpoint: String, variant: String = "", tasks distribution: any TaskDistribution
    ) throws -> [PlannedEvaluation] {
        try listedEvaluations.filter {
            $0.policies.contains(DistilledPolicy.name) && ($0.variants.isEmpty || $0.variants.contains(variant))
        }.map { settings in
            let acting = DistilledPolicy.Settings(
                temperature: evaluate.temperature(of: settings), context: settings.context,
                slide: evaluate.slide(of: settings))
            return try planned(
                settings, acting: checkpoint.replacing("/", with: "-"), checkpoint: checkpoint,
                PolicyChoice(DistilledPolicy.self, acting), on: distribution)
        }
    }

    /// What is evaluated of policies that need no checkpoint: `random-test`, `source-train`. Throws `SettingsError` for a
    /// policy or a group of tasks that there is not.
    package func baselineEvaluations(tasks distribution: any TaskDistribution) throws -> [PlannedEvaluation] {
        try listedEvaluations.flatMap { settings in
            try settings.policies.map { try baseline($0) }.filter { !$0.needsCheckpoint }.map { policy in
                try planned(settings, acting: policy.name, checkpoint: nil, policy, on: distribution)
            }
        }
    }

    /// All that is evaluated in a run: of the last checkpoint of each distillation, of what lifetimes have learnt, and of
    /// policies that need no checkpoint. Throws as the others do.
    package func allEvaluations(tasks distribution: any TaskDistribution) throws -> [PlannedEvaluation] {
        try distillations().flatMap {
            try evaluations(of: $0.lastCheckpoint, variant: $0.variant, tasks: distribution)
        } + policyEvaluations(tasks: distribution) + baselineEvaluations(tasks: distribution)
    }

    /// Of what lifetimes have learnt. Throws as the others do.
    package func policyEvaluations(tasks distribution: any TaskDistribution) throws -> [PlannedEvaluation] {
        try learntPolicies(of: distribution).flatMap { try evaluations(of: $0, checkpoint: nil, tasks: distribution) }
    }

    /// `acting`: the first part of its name.
    func planned(
        _ settings: EvaluationSettings, acting: String, checkpoint: String?, _ policy: PolicyChoice,
        on distribution: any TaskDistribution
    ) throws(SettingsError) -> PlannedEvaluation {
        PlannedEvaluation(
            name: "\(acting)-\(settings.name)", label: settings.name, checkpoint: checkpoint, policy: policy,
            prompt: settings.prompt, group: settings.tasks,
            tasks: try tasks(of: settings, in: distribution),
            seeds: evaluate.seeds(of: settings), episodes: evaluate.episodes(of: settings))
    }

    /// Ids of the tasks of all evaluations.
    func evaluatedTasks(of distribution: any TaskDistribution) throws(SettingsError) -> [Int] {
        var found: [Int] = []
        for settings in listedEvaluations { found += try tasks(of: settings, in: distribution) }
        return found
    }

    func tasks(
        of settings: EvaluationSettings, in distribution: any TaskDistribution
    ) throws(SettingsError) -> [Int] {
        let ids = try ids(in: settings.tasks, of: distribution)
        return ids.spread(settings.limit ?? ids.count)
    }

    /// Train tasks are those that lifetimes are lived on.
    private func ids(in group: String, of distribution: any TaskDistribution) throws(SettingsError) -> [Int] {
        switch Split(rawValue: group) {
        case .train: return trainTasks(of: distribution)
        case .test: return testTasks(of: distribution)
        case nil:
            do { return try distribution.ids(in: group) } catch {
                let groups = distribution.groups.joined(separator: ", ")
                throw SettingsError(
                    "tasks", "expected a group of tasks of \(distribution.environment.name) (\(groups))", found: group)
            }
        }
    }

    /// The list, or what the section `evaluate` stands for.
    package var listedEvaluations: [EvaluationSettings] {
        guard evaluations.isEmpty else { return evaluations }
        func on(_ split: Split, _ name: String, _ change: (inout EvaluationSettings) -> Void) -> EvaluationSettings {
            var settings = EvaluationSettings()
            settings.name = name
            settings.tasks = split.rawValue
            change(&settings)
            return settings
        }
        let control = on(.test, "test-cleared") { $0.context = .cleared }
        return [on(.test, "test") { $0.policies += evaluate.baselines }] + (evaluate.control ? [control] : []) + [
            on(.train, "train") {
                $0.limit = evaluate.trainTasks
                $0.policies += evaluate.baselines
            }
        ]
    }

    /// Most seeds of any evaluation: streams of an evaluation are numbered below this.
    var evaluationSeeds: Int { listedEvaluations.map { evaluate.seeds(of: $0) }.max() ?? evaluate.seeds }

    /// Seeds and episodes of the evaluation whose streams lie in a folder of this name; those of the section `evaluate`
    /// for a name that none has.
    package func size(ofEvaluation name: String) -> (seeds: Int, episodes: Int) {
        // One label may be the end of another.
        let found = listedEvaluations.filter { name.hasSuffix("-\($0.name)") }.max { $0.name.count < $1.name.count }
        let settings = found ?? EvaluationSettings()
        return (evaluate.seeds(of: settings), evaluate.episodes(of: settings))
    }

    /// The policy of this name as this experiment has it.
    func baseline(_ name: String) throws(SettingsError) -> PolicyChoice {
        try PolicyChoice(named: name, besides: source, actors: collect.actors)
    }

    /// Evaluations that cannot be made: names that stand twice, variants and groups of tasks that there are not.
    var evaluationContradictions: [Contradiction] {
        guard let tasks = try? makeTasks() else { return [] }
        var names: Set<String> = []
        let known = Set(variants.map(\.name))
        return evaluations.enumerated().flatMap { index, settings -> [Contradiction] in
            var found: [Contradiction] = []
            func refuse(_ key: String, _ reason: String) {
                found.append(Contradiction(["evaluations"], "\(settings.name): \(key): \(reason)"))
            }
            if !names.insert(settings.name).inserted { refuse("name", "it stands there twice") }
            for variant in settings.variants where !known.contains(variant) {
                refuse("variants", "there is no variant \(variant)")
            }
            do throws(SettingsError) { _ = try ids(in: settings.tasks, of: tasks) } catch {
                refuse("tasks", error.problems.map(\.message).joined(separator: "; "))
            }
            if let problem = promptProblem(of: settings, on: tasks) { refuse("prompt", problem) }
            return found
        }
    }
}

extension Array {
    /// `count` elements at even distances.
    fileprivate func spread(_ count: Int) -> [Element] {
        guard count < self.count else { return self }
        return (0..<count).map { self[$0 * self.count / count] }
    }
}
