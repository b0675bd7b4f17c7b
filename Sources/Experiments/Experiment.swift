package import Agents
package import Distillation
package import Environments
package import Models

/// The environment that an experiment names, with the settings of each that it could name.
struct EnvironmentChoice: Sendable, Equatable {
    var name: BuiltInEnvironment = .darkRoom
    var darkRoom = DarkRoomSettings()

    init() {}

    init(_ settings: EnvironmentSettings) {
        name = settings.environment
        switch settings {
        case .darkRoom(let settings): darkRoom = settings
        }
    }

    var settings: EnvironmentSettings {
        switch name {
        case .darkRoom: .darkRoom(darkRoom)
        }
    }

    /// Steps of an episode.
    var horizon: Int {
        switch name {
        case .darkRoom: darkRoom.horizon
        }
    }
}

/// The source algorithms that an experiment can name.
package enum SourceAlgorithmName: String, Sendable, CaseIterable, Codable {
    case a3c
}

/// What makes the streams.
package struct SourceSettings: Sendable, Equatable {
    package var algorithm: SourceAlgorithmName = .a3c
    package var actorCritic = ActorCriticSettings()

    package init() {}
}

/// What is distilled, from which pieces of the streams, and how.
package struct DistilSettings: Sendable, Equatable {
    package var model = TransformerSettings()
    package var windows = WindowSettings()
    package var training = TrainingSettings()

    package init() {}

    /// The kind of model and its settings.
    package var modelChoice: ModelChoice { ModelChoice(Transformer.self, model) }
}

/// Everything that one run does: typed, complete and checked. What has this type can be run.
package struct Experiment: Sendable, Equatable {
    /// Names the run's folder.
    package internal(set) var name: String = ""
    /// Of everything random but the distiller, which has its own (`distil.training.seed`).
    package internal(set) var seed: UInt64 = 0
    var environmentChoice = EnvironmentChoice()
    package internal(set) var tasks = TaskSettings()
    package internal(set) var source = SourceSettings()
    package internal(set) var collect = CollectSettings()
    package internal(set) var cluster = ClusterSettings()
    package internal(set) var distil = DistilSettings()
    package internal(set) var evaluate = EvaluateSettings()

    /// The source algorithm that every lifetime runs.
    package var sourceAlgorithm: SourceAlgorithm {
        switch source.algorithm {
        case .a3c: .actorCritic(source.actorCritic)
        }
    }

    /// All defaults; not an experiment yet, for it has no name.
    init() {}

    package var environment: EnvironmentSettings { environmentChoice.settings }

    /// Cannot throw for an experiment that was read: its split was checked.
    package func makeTasks() throws -> any TaskDistribution {
        try environment.makeTasks(split: TaskSplit(testTasks: tasks.test, seed: tasks.splitSeed))
    }
}

extension Experiment {
    /// The train tasks that lifetimes are lived on, by id: the first `tasks.train` of them.
    package func trainTasks(of distribution: any TaskDistribution) -> [Task] {
        let train = distribution.tasks.filter { $0.split == .train }
        return Array(train.prefix(tasks.train ?? train.count))
    }

    package func testTasks(of distribution: any TaskDistribution) -> [Task] {
        distribution.tasks.filter { $0.split == .test }
    }

    /// Actors of a lifetime whose streams are recorded: those numbered below this.
    package var recordedActors: Int { collect.recordActors ?? actorLimit }

    /// All actors that a lifetime ever has are numbered below this.
    package var actorLimit: Int { collect.elastic ? Self.elasticActorLimit : collect.actors }
    package static let elasticActorLimit = 1 << 16

    /// Actors that one actor process carries at most.
    package var actorsPerProcess: Int {
        if let stated = cluster.actorsPerProcess { return stated }
        let needed = collect.actors * cluster.learners * cluster.lifetimesPerLearner
        return (needed + cluster.actorProcesses - 1) / cluster.actorProcesses
    }
}
