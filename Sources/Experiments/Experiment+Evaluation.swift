import Agents
package import Distillation
package import Environments
import Settings

extension CheckpointDescription {
    /// How many tasks, from the beginning of the split's shuffle, are held out. Of an older checkpoint, which does not
    /// say, all that come before the first one that was trained on.
    func heldOutCount(of taskCount: Int) -> Int {
        if let testTasks { return testTasks.count }
        let trained = Set(trainedTasks)
        let order = TaskSplit(testTasks: 0, seed: splitSeed).order(count: taskCount)
        return order.firstIndex(where: trained.contains) ?? max(0, taskCount - 1)
    }
}

extension Experiment {
    /// The evaluation of a checkpoint by what its own `config.json` says: the environment, the tasks that were held out
    /// and those that were trained on. Throws `EnvironmentError` or `SettingsError` for a description that contradicts
    /// itself.
    package init(evaluating description: CheckpointDescription) throws {
        self.init()
        name = "evaluation"
        environment = try EnvironmentSettings(
            name: description.environment.name, json: description.environment.json)
        let all = try environment.makeTasks(split: TaskSplit(testTasks: 0, seed: 0)).count
        self.tasks.splitSeed = description.splitSeed
        self.tasks.test = description.heldOutCount(of: all)
        let tasks = try makeTasks()
        let train = tasks.ids(of: .train)
        // The first by id; of an interrupted collection, the fewest that hold all that was trained on.
        self.tasks.train = (train.lastIndex(where: Set(description.trainedTasks).contains) ?? train.count - 1) + 1
        evaluate.trainTasks = 0
        // Nothing is collected; but an experiment has a source algorithm, and one that takes its environment.
        collect.actors = 1
        source =
            RegisteredSourceAlgorithm.registry.all.map { SourceAlgorithm($0) }.first {
                (try? $0.needs(environment: tasks.environment, actors: collect.actors)) != nil
            } ?? source
        self = try Experiment(yaml: yaml, file: "the checkpoint's config.json")
    }

    /// Whether what was trained on and held out for a checkpoint is the same in this experiment. `distillery evaluate`
    /// asks before it uses the settings of the run that the checkpoint lies in, so that a task that was trained on is
    /// never presented as held out. False where the environment or its settings differ.
    package func fits(_ description: CheckpointDescription) -> Bool {
        guard let tasks = try? makeTasks(), tasks.environment == description.environment else { return false }
        let held = testTasks(of: tasks)
        if let stated = description.testTasks { return Set(held) == Set(stated) }
        return held.allSatisfy { !description.trainedTasks.contains($0) }
    }

    /// The same experiment with what an evaluation by hand asks for: `settings`, in which the number of train tasks does
    /// not count. `split`: the tasks that are evaluated; train tasks are limited to `trainedTasks` of them, and to none
    /// where the held-out ones are asked for. Throws `SettingsError` for numbers that are out of range.
    ///
    /// - Parameter isLearnt: the checkpoint is what a lifetime has learnt, and not a distilled model
    package func evaluating(
        _ split: Split, by settings: EvaluateSettings, evaluators: Int, trainedTasks: Int, isLearnt: Bool = false
    ) throws -> Experiment {
        var experiment = self
        experiment.variants = []
        experiment.evaluations = []
        experiment.claims = []
        experiment.attention = nil
        experiment.distil.seeds = 1
        experiment.evaluate = settings
        experiment.cluster.evaluators = evaluators
        experiment.evaluate.trainTasks =
            split == .train ? min(trainedTasks, trainTasks(of: try makeTasks()).count) : 0
        if isLearnt {
            var evaluation = EvaluationSettings()
            evaluation.name = split.rawValue
            evaluation.tasks = split.rawValue
            evaluation.policies = [LearntPolicy.name] + settings.baselines
            experiment.evaluations = [evaluation]
            experiment.distil.seeds = 0
            experiment.collect.lifetimes = 1
        }
        return try Experiment(yaml: experiment.yaml, file: "the evaluation")
    }
}
