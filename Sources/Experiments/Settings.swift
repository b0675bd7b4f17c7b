package import Agents
import Distillation
package import Settings

/// When a learner's update may happen.
package enum Synchronization: String, Sendable, CaseIterable {
    /// Updates happen as rollouts come; rollouts beyond the bound on policy lag are recorded, but not learnt from.
    case asynchronous
    /// An update learns from one rollout of every actor, in the order of the actors' numbers: the same seed gives the
    /// same data.
    case lockstep
}

/// Which of the environment's tasks are used, and for what: the section `tasks`.
package struct TaskSettings: SettingsGroup {
    /// Tasks held out from training.
    package var test: Int = 16
    /// What the split is drawn with.
    package var splitSeed: UInt64 = 0
    /// How many train tasks are used, the first by id; nil for all.
    package var train: Int?

    package init() {}

    package static let entries: [Entry<TaskSettings>] = [
        .key(
            "test", \.test, .integer(atLeast: 1),
            "Tasks that are held out: never trained on, evaluated at the end."),
        .key("split_seed", \.splitSeed, .seed, "Draws which tasks are held out."),
        .key(
            "train", \.train, .optional(.integer(atLeast: 1), "all"),
            "How many of the remaining tasks are trained on, the first by id."),
    ]
}

/// How learning histories are collected: the section `collect`. A lifetime is one source algorithm's learning of one
/// task from scratch, with `actors` environments whose experience it learns from.
package struct CollectSettings: SettingsGroup {
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
    /// When a lifetime ends: after so many episodes of each actor, or before that once its algorithm has converged.
    package var end = LifetimeEnd()

    package init() {}

    package static let entries: [Entry<CollectSettings>] = [
        .key(
            "actors", \.actors, .integer(1...100_000),
            "Actors of a lifetime: environments whose experience one learner learns from. Each is one stream."),
        .key("lifetimes", \.lifetimes, .integer(1...1_000), "Lifetimes of each train task, each from scratch."),
        .key(
            "test_lifetimes", \.testLifetimes, .integer(0...1_000),
            "Lifetimes of each held-out task, for comparison in the report; never trained on."),
        .key(
            "synchronization", \.synchronization, .choice,
            "`lockstep` waits for one rollout of every actor before its learner learns, and is deterministic; `asynchronous` does not wait."
        ),
        .key(
            "maximum_policy_lag", \.maximumPolicyLag, .integer(0...1_000_000),
            "Updates that a rollout may be behind and still be learnt from (asynchronous); it is recorded anyway."),
        .key(
            "record_actors", \.recordActors, .optional(.integer(atLeast: 1), "all"),
            "How many actors of each lifetime are recorded, the first ones."),
        .key(
            "elastic", \.elastic, .boolean,
            "Whether actors may join and leave a lifetime that runs (asynchronous only)."),
        .section("end", \.end, "When a lifetime ends."),
    ]

    package func contradictions() -> [Contradiction] {
        var found: [Contradiction] = []
        if elastic, synchronization == .lockstep {
            found.append(
                Contradiction(
                    ["elastic", "synchronization"],
                    "lockstep waits for every actor of a lifetime, so none may join or leave; "
                        + "write elastic: false or synchronization: asynchronous"))
        }
        if let recordActors, recordActors > actors {
            found.append(
                Contradiction(
                    ["record_actors", "actors"],
                    "\(recordActors) actors are to be recorded, but a lifetime has \(actors); "
                        + "write record_actors: all"))
        }
        return found
    }
}

/// How many processes of each role there are, and their limits: the section `cluster`. None of it changes what a
/// lockstep lifetime records.
package struct ClusterSettings: SettingsGroup {
    /// Learner processes, each of which works on `lifetimesPerLearner` lifetimes.
    package var learners: Int = 1
    /// Processes that carry actors. Together they have to have places for all actors of one lifetime, or none could
    /// begin (`Experiment.processContradictions`).
    package var actorProcesses: Int = 2
    /// Actors that one process carries at most; nil for as many as the lifetimes that run at once need.
    package var actorsPerProcess: Int?
    /// Lifetimes that a learner works on at the same time.
    package var lifetimesPerLearner: Int = 1
    /// Recorder processes of the run's own host, each with a folder of its own.
    package var recorders: Int = 1
    package var evaluators: Int = 2
    /// Distiller processes; each trains one distillation at a time.
    package var distillers: Int = 1
    /// The endpoint that the coordinator binds; `*` takes any free port.
    package var bind: String = "tcp://127.0.0.1:*"
    /// Bytes that an actor process keeps while the recorder has not acknowledged them; it blocks when they are reached.
    package var unacknowledgedBytes: Int = 64 << 20
    /// Seconds between two checkpoints of a lifetime's learner: the learning that its death costs at most.
    package var learnerCheckpointSeconds: Int = 2
    /// How long a step of a node's work may show no progress until the node is ended and replaced.
    package var workLimitSeconds: Int = 300
    /// How long nothing may move in the whole run until it ends as failed; nil for as long as it takes.
    package var stallMinutes: Double? = 10

    package init() {}

    package static let entries: [Entry<ClusterSettings>] = [
        .key("learners", \.learners, .integer(1...1_024), "Learner processes; each works off lifetimes."),
        .key("actor_processes", \.actorProcesses, .integer(1...4_096), "Processes that carry actors."),
        .key(
            "actors_per_process", \.actorsPerProcess, .optional(.integer(1...100_000), "automatic"),
            "Actors that one process carries at most; `automatic` is what the lifetimes that run at once need."),
        .key(
            "lifetimes_per_learner", \.lifetimesPerLearner, .integer(1...1_024),
            "Lifetimes that a learner works on at the same time."),
        .key(
            "recorders", \.recorders, .integer(1...256),
            "Recorder processes, which share the streams; each writes into a folder of its own."),
        .key("evaluators", \.evaluators, .integer(1...1_024), "Evaluation workers."),
        .key(
            "distillers", \.distillers, .integer(1...1_024),
            "Distiller processes, where there are several variants or seeds; each trains one at a time."),
        .key(
            "bind", \.bind,
            .text("endpoint such as tcp://127.0.0.1:5555 or tcp://127.0.0.1:*") { endpoint in
                let port = endpoint.split(separator: ":").last ?? ""
                let valid =
                    endpoint.hasPrefix("tcp://") && endpoint.split(separator: ":").count >= 3
                    && (port == "*" || UInt16(port) != nil)
                return valid ? nil : "it has to be tcp://ADDRESS:PORT"
            }, "The endpoint that the coordinator binds; `*` takes any free port."),
        .key(
            "unacknowledged_bytes", \.unacknowledgedBytes, .integer(1 << 20...1 << 36),
            "Bytes that an actor process keeps until the recorder has acknowledged them; it waits when they are reached."
        ),
        .key(
            "learner_checkpoint_seconds", \.learnerCheckpointSeconds, .integer(1...86_400),
            "Seconds between two checkpoints of a lifetime's learner: what its death costs at most."),
        .key(
            "work_limit_seconds", \.workLimitSeconds, .integer(5...86_400),
            "Seconds for which a step of a node's work may show no progress; then the node is ended and replaced."),
        .key(
            "stall_minutes", \.stallMinutes, .optional(.number(0.01, 1e6), "none"),
            "Minutes for which nothing may move in the whole run; then it ends as failed, and says what it lacks. `none` waits for ever."
        ),
    ]
}

/// How a checkpoint of the distilled model is evaluated: the section `evaluate`. With the defaults a held-out task is
/// lived 4 times for 200 episodes in one context, and as often with the context cleared.
package struct EvaluateSettings: SettingsGroup {
    /// Episodes of each (task, seed).
    package var episodes: Int = 200
    /// Evaluations of each task, each with random numbers of its own. The recorder writes one stream for each: they are
    /// numbered like the actors of a lifetime.
    package var seeds: Int = 4
    /// Tasks of the train split that are evaluated too.
    package var trainTasks: Int = 8
    /// Whether each task is also evaluated with the context cleared at every episode.
    package var control: Bool = true
    /// Of the softmax that actions are drawn from; 0 takes the most probable one.
    package var temperature: Double = 1
    /// How many of the oldest transitions leave a full context together.
    package var slide: Int = 1
    /// Policies that act on the same tasks for comparison, by name.
    package var baselines: [String] = []

    package init() {}

    package static let entries: [Entry<EvaluateSettings>] = [
        .key("episodes", \.episodes, .integer(1...1_000_000), "Episodes of each task and seed, in one context."),
        .key("seeds", \.seeds, .integer(1...1_000), "Seeds of each task."),
        .key(
            "train_tasks", \.trainTasks, .integer(0...1_000_000),
            "Training tasks that are evaluated too; all where there are fewer."),
        .key(
            "control", \.control, .boolean,
            "Whether each task is also evaluated with the context cleared at every episode."),
        .key(
            "temperature", \.temperature, .number(0, 100),
            "Temperature of the softmax that actions are drawn from; 0 takes the most probable one."),
        .key(
            "slide", \.slide, .integer(1...1_000_000),
            "How many of the oldest transitions leave a full context together, at most half of it. With 1, as in the "
                + "paper, the whole context is computed anew for each action; with more only now and then, which is up to "
                + "a context's length faster."),
        .key(
            "baselines", \.baselines, .list(of: .text("name of a policy that needs no checkpoint"), count: 0...16),
            "Policies that act on the same tasks for comparison, such as `[random, optimum, source]`: uniformly random "
                + "actions, what the environment declares optimal, the source algorithm learning from scratch."),
    ]

    package func contradictions() -> [Contradiction] {
        let accepted = RegisteredPolicy.registry.all.filter { !$0.needsCheckpoint }.map(\.name)
        return baselines.enumerated().compactMap { index, name in
            guard accepted.contains(name) else {
                return Contradiction(
                    ["baselines"], "there is no baseline \(name); expected some of \(accepted.joined(separator: ", "))")
            }
            return baselines[..<index].contains(name) ? Contradiction(["baselines"], "\(name) stands there twice") : nil
        }
    }
}
