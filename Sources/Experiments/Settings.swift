package import Agents

/// When a learner's update may happen.
package enum Synchronization: String, Sendable, CaseIterable, Codable {
    /// As rollouts come; those beyond the bound on policy lag are recorded, but not learnt from.
    case asynchronous
    /// One rollout from every actor, in the order of the actors' numbers: the same seed gives the same data.
    case lockstep
}

/// Which of the environment's tasks are used, and for what.
package struct TaskSettings: Sendable, Equatable {
    /// Tasks held out from training.
    package var test: Int = 16
    /// What the split is drawn with.
    package var splitSeed: UInt64 = 0
    /// How many train tasks are used, the first by id; nil for all.
    package var train: Int?

    package init() {}
}

/// How learning histories are collected.
package struct CollectSettings: Sendable, Equatable {
    /// Actors of a lifetime.
    package var actors: Int = 100
    /// Lifetimes of each train task.
    package var lifetimes: Int = 1
    /// Lifetimes of each held-out task: the source algorithm's own learning, for comparison; never trained on.
    package var testLifetimes: Int = 1
    package var synchronization: Synchronization = .asynchronous
    /// Updates that a rollout may be behind and still be learnt from.
    package var maximumPolicyLag: Int = 8
    /// How many actors of a lifetime are recorded, the first ones; nil for all.
    package var recordActors: Int?
    /// Whether actors may join and leave a lifetime that runs.
    package var elastic: Bool = false
    package var end = LifetimeEnd()

    package init() {}
}

/// How many processes of each role there are.
package struct ClusterSettings: Sendable, Equatable {
    package var learners: Int = 1
    package var actorProcesses: Int = 2
    /// Actors that one process carries at most; nil for as many as the lifetimes that run at once need.
    package var actorsPerProcess: Int?
    /// Lifetimes that a learner works on at the same time.
    package var lifetimesPerLearner: Int = 1
    package var evaluators: Int = 2
    /// The endpoint that the coordinator binds; `*` takes any free port.
    package var bind: String = "tcp://127.0.0.1:*"
    /// Bytes that an actor process keeps while the recorder has not acknowledged them; it blocks when they are reached.
    package var unacknowledgedBytes: Int = 64 << 20
    /// Between two checkpoints of a lifetime's learner: what its death costs at most.
    package var learnerCheckpointSeconds: Int = 2
    /// How long a step of a node's work may show no progress until the node is ended and replaced.
    package var workLimitSeconds: Int = 300
    /// How long nothing may move in the whole run until it ends as failed; nil for as long as it takes.
    package var stallMinutes: Double? = 10

    package init() {}
}

/// How a checkpoint of the distilled model is evaluated.
package struct EvaluateSettings: Sendable, Equatable {
    /// Episodes of each (task, seed).
    package var episodes: Int = 200
    package var seeds: Int = 4
    /// Tasks of the train split that are evaluated too.
    package var trainTasks: Int = 8
    /// Whether each task is also evaluated with the context cleared at every episode.
    package var control: Bool = true
    /// Of the softmax that actions are drawn from.
    package var temperature: Double = 1

    package init() {}
}
