package import Agents
package import Distillation
package import Environments
package import Models
package import Settings

/// What is distilled, from which pieces of the streams, and how: the section `distil`, which puts together settings of
/// `Models` and `Distillation`.
package struct DistilSettings: SettingsGroup {
    package var model = ModelChoice(Transformer.self)
    package var windows = WindowSettings()
    package var training = TrainingSettings()
    /// Whether training begins while histories are still collected.
    package var follow = false
    /// Trainings of each variant, with seeds that follow on `training.seed`; none where nothing is distilled.
    package var seeds = 1
    /// MiB of streams that a distiller has in memory.
    package var memoryMebibytes = 8192

    package init() {}

    /// Bytes of streams in memory.
    package var memory: Int { memoryMebibytes << 20 }

    package static let entries: [Entry<DistilSettings>] = [
        .kinds(
            "model", \.model, of: RegisteredModel.registry, key: "name", "The kind of sequence model.",
            "The sequence model, and its dimensions."),
        .section("windows", \.windows, "The pieces of the histories that the model is shown."),
        .section("training", \.training, "How the model is fitted."),
        .key(
            "follow", \.follow, .boolean,
            "Whether training begins while histories are still collected: what is recorded is in reach some seconds later."
        ),
        .key(
            "seeds", \.seeds, .integer(0...1_000),
            "Trainings of each variant, with the seeds `training.seed`, the one after it and so on; 0 distils nothing."),
        .key(
            "memory_mebibytes", \.memoryMebibytes, .integer(1...1_000_000),
            "MiB of streams that a distiller has in memory. Where the streams take more, they take turns as training goes on."
        ),
    ]
}

/// Everything that one run does: typed, complete and checked. Other modules change no field of it but read it from
/// YAML, so what has this type and a name can be run; the defaults are the paper's where it states them.
///
///     let experiment = try Experiment(path: "quickstart.yaml", overrides: ["collect.actors=8"])
///     let tasks = try experiment.makeTasks()
///     print(experiment.trainTasks(of: tasks).count)
package struct Experiment: SettingsGroup {
    /// Names the run's folder.
    package internal(set) var name: String = ""
    /// Of everything random but the distiller, which has its own (`distil.training.seed`).
    package internal(set) var seed: UInt64 = 0
    package internal(set) var environment = EnvironmentSettings(RegisteredEnvironment(DarkRoomTasks.self))
    /// How the environment's tasks are divided.
    package internal(set) var tasks = TaskSettings()
    /// The source algorithm that every lifetime runs.
    package internal(set) var source = SourceAlgorithm(RegisteredSourceAlgorithm(ActorCritic.self))
    /// How learning histories are collected.
    package internal(set) var collect = CollectSettings()
    /// The processes of the run, and their limits.
    package internal(set) var cluster = ClusterSettings()
    /// What the sequence model is and how it is trained on the histories.
    package internal(set) var distil = DistilSettings()
    /// What is distilled beside each other; empty where `distil` alone is.
    package internal(set) var variants: [Variant] = []
    /// How checkpoints are evaluated.
    package internal(set) var evaluate = EvaluateSettings()
    /// What is evaluated, by name; empty for what `evaluate` says.
    package internal(set) var evaluations: [EvaluationSettings] = []
    /// What the report shows of the models' attention; nil for nothing.
    package internal(set) var attention: AttentionSettings?
    /// What the report is to judge.
    package internal(set) var claims: [ClaimSettings] = []

    /// All defaults; not an experiment yet, for it has no name.
    package init() {}

    /// The environment's tasks, divided as this experiment says. Cannot throw for an experiment that was read: its
    /// split was checked.
    package func makeTasks() throws -> any TaskDistribution {
        try environment.makeTasks(split: TaskSplit(testTasks: tasks.test, seed: tasks.splitSeed))
    }
}

extension Experiment {
    /// Ids of the train tasks that lifetimes are lived on: the first `tasks.train` of them.
    package func trainTasks(of distribution: any TaskDistribution) -> [Int] {
        let train = distribution.ids(of: .train)
        return Array(train.prefix(tasks.train ?? train.count))
    }

    /// Ids of the tasks that are held out.
    package func testTasks(of distribution: any TaskDistribution) -> [Int] { distribution.ids(of: .test) }

    /// Ids of all tasks that the run has to do with, in ascending order: those that lifetimes are lived on, the held-out
    /// ones and what is evaluated besides.
    package func usedTasks(of distribution: any TaskDistribution) -> [Int] {
        let evaluated = (try? evaluatedTasks(of: distribution)) ?? []
        return Set(trainTasks(of: distribution) + testTasks(of: distribution) + evaluated).sorted()
    }

    /// Actors of a lifetime whose streams are recorded: those numbered below this.
    package var recordedActors: Int { collect.recordActors ?? actorLimit }

    /// Streams of a lifetime whose actors are those that it begins with.
    package var recordedStreams: Int { min(recordedActors, collect.actors) }

    /// All actors that a lifetime ever has are numbered below this.
    package var actorLimit: Int { collect.elastic ? Self.elasticActorLimit : collect.actors }
    /// The numbers that actors of an elastic lifetime may have, since how many will join is not known.
    package static let elasticActorLimit = 1 << 16

    /// Actors that one actor process carries at most.
    package var actorsPerProcess: Int {
        if let stated = cluster.actorsPerProcess { return stated }
        let needed = collect.actors * cluster.learners * cluster.lifetimesPerLearner
        return (needed + cluster.actorProcesses - 1) / cluster.actorProcesses
    }
}
