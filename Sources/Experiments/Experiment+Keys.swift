import Agents
import Distillation
import Environments
import Experience
import Models

/// Every key of an experiment file, declared once. The defaults are those of the settings themselves.
extension Experiment {
    static let entries: [Entry<Experiment>] =
        [
            .key(
                "name", \.name,
                .text("1 to 64 ASCII letters, digits, '-' and '_'") { name in
                    let accepted = name.utf8.allSatisfy { $0 < 128 } && name.allSatisfy(isPartOfName)
                    return accepted && name.count <= 64 ? nil : "it names a folder"
                }, required: true, "Names the run; its folder is `runs/NAME` unless `--out` says otherwise."),
            .key(
                "seed", \.seed, .seed,
                "Determines initial parameters, actions and environments. The distiller has its own seed."),
            .section(
                "environment", \.environmentChoice, environmentEntries, "What the actors act in, and its settings."),
            .section("tasks", \.tasks, taskEntries, "Which tasks are trained on and which are held out."),
            .section("source", \.source, sourceEntries, "The source algorithm whose learning is recorded."),
            .section("collect", \.collect, collectEntries, "The learning histories that are collected."),
            .section("cluster", \.cluster, clusterEntries, "The processes that one machine starts."),
            .section("distil", \.distil, distilEntries, "The model that is trained on the histories."),
            .section(
                "evaluate", \.evaluate, evaluateEntries,
                "How the distilled model is evaluated on held-out and on training tasks, with frozen weights."),
        ]

    private static func isPartOfName(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "-" || character == "_"
    }

    private static let environmentEntries: [Entry<EnvironmentChoice>] = [
        .key("name", \.name, .choice, "The environment."),
        .key(
            "size", \.darkRoom.size, .integer(DarkRoomSettings.acceptedSizes),
            "Cells along a side of the room; there is one task for each cell."),
        .key("horizon", \.darkRoom.horizon, .integer(DarkRoomSettings.acceptedHorizons), "Steps of an episode."),
    ]

    private static let taskEntries: [Entry<TaskSettings>] = [
        .key(
            "test", \.test, .integer(atLeast: 1),
            "Tasks that are held out: never trained on, evaluated at the end."),
        .key("split_seed", \.splitSeed, .seed, "Draws which tasks are held out."),
        .key(
            "train", \.train, .optional(.integer(atLeast: 1), "all"),
            "How many of the remaining tasks are trained on, the first by id."),
    ]

    private static let sourceEntries: [Entry<SourceSettings>] =
        [.key("algorithm", \.algorithm, .choice, "The source algorithm.")]
        + Entry<SourceSettings>.group(\.actorCritic, actorCriticEntries)

    private static let actorCriticEntries: [Entry<ActorCriticSettings>] = [
        .key(
            "hidden", \.hidden,
            .list(of: .integer(ActorCriticSettings.acceptedWidths), count: ActorCriticSettings.acceptedLayers),
            "Units of each hidden layer, shared by policy and value."),
        .key("activation", \.activation, .choice, "The hidden layers' activation function."),
        .key("learning_rate", \.learningRate, .number(above: 0, to: 1), "Adam's step size."),
        .key("discount", \.discount, .number(0, 1), "Discount of later rewards."),
        .key("lambda", \.lambda, .number(0, 1), "Weight of longer returns in the lambda-return."),
        .key("entropy", \.entropyCoefficient, .number(0, 10), "Weight of the policy's entropy in the loss."),
        .key("value_coefficient", \.valueCoefficient, .number(0, 10), "Weight of the value's error in the loss."),
        .key(
            "gradient_clip", \.gradientClip, .number(0, 1e6),
            "Largest global norm of the gradient; 0 switches clipping off."),
        .key("beta1", \.adamBeta1, .number(0, below: 1), "Adam's decay of the first moment."),
        .key("beta2", \.adamBeta2, .number(0, below: 1), "Adam's decay of the second moment."),
        .key("epsilon", \.adamEpsilon, .number(above: 0, to: 1), "Added to the root of Adam's second moment."),
        .key(
            "rollout_length", \.rolloutLength, .integer(ActorCriticSettings.acceptedRolloutLengths),
            "Steps of an actor between two updates."),
        .key(
            "policy_head_scale", \.policyHeadScale, .number(0, 10),
            "Scale of the policy head's initial weights; small means that a lifetime starts nearly uniform."),
        .key(
            "bootstraps_truncation", \.bootstrapsTruncation, .boolean,
            "Whether the value of the final observation continues the return of an episode that the horizon cut."),
    ]

    private static let collectEntries: [Entry<CollectSettings>] = [
        .key(
            "actors", \.actors, .integer(1...100_000),
            "Actors of a lifetime: environments whose experience one learner learns from. Each is one stream."),
        .key("lifetimes", \.lifetimes, .integer(1...1_000), "Lifetimes of each train task, each from scratch."),
        .key(
            "test_lifetimes", \.testLifetimes, .integer(0...1_000),
            "Lifetimes of each held-out task, for comparison in the report; never trained on."),
        .key(
            "synchronization", \.synchronization, .choice,
            "`lockstep` waits for one rollout of every actor per update and is deterministic; `asynchronous` does not wait."
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
        .section("end", \.end, endEntries, "When a lifetime ends."),
    ]

    private static let endEntries: [Entry<LifetimeEnd>] = [
        .key(
            "episodes_per_actor", \.episodesPerActor, .integer(LifetimeEnd.acceptedEpisodes),
            "Most episodes that an actor lives."),
        .optionalSection(
            "converged", \.converged, initial: LifetimeEnd.Convergence(), absent: "none",
            [
                .key(
                    "share_of_optimum", \.share, .number(above: 0, to: 1),
                    "Share of the task's best possible return that the mean return must reach."),
                .key(
                    "window", \.window, .integer(LifetimeEnd.acceptedWindows),
                    "Last episodes of every actor that the mean is taken over."),
                .key(
                    "extra_episodes", \.extraEpisodes, .integer(0...LifetimeEnd.acceptedEpisodes.upperBound),
                    "Episodes that every actor lives on afterwards."),
            ], "Ends a lifetime early, once its algorithm has learnt the task."),
    ]

    private static let clusterEntries: [Entry<ClusterSettings>] = [
        .key("learners", \.learners, .integer(1...1_024), "Learner processes; each works off lifetimes."),
        .key("actor_processes", \.actorProcesses, .integer(1...4_096), "Processes that carry actors."),
        .key(
            "actors_per_process", \.actorsPerProcess, .optional(.integer(1...100_000), "automatic"),
            "Actors that one process carries at most; `automatic` is what the lifetimes that run at once need."),
        .key(
            "lifetimes_per_learner", \.lifetimesPerLearner, .integer(1...1_024),
            "Lifetimes that a learner works on at the same time."),
        .key("evaluators", \.evaluators, .integer(1...1_024), "Evaluation workers."),
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

    private static let distilEntries: [Entry<DistilSettings>] = [
        .section("model", \.model, modelEntries, "The causal transformer."),
        .section("windows", \.windows, windowEntries, "The pieces of the histories that the model is shown."),
        .section("training", \.training, trainingEntries, "How the model is fitted."),
    ]

    private static let modelEntries: [Entry<TransformerSettings>] = [
        .key(
            "token_layout", \.tokenLayout, .choice([("merged", .merged), ("separate", .separate)]),
            "`merged`: one token a transition, the sum of the embeddings of observation, previous action and reward; "
                + "`separate`: three tokens a transition, as in the paper, about four times the work."),
        .key("context_length", \.contextLength, .integer(1...16_384), "Transitions that the model sees at once."),
        .key("dimension", \.modelDimension, .integer(1...8_192), "Width of a token."),
        .key("layers", \.layers, .integer(1...256), "Blocks."),
        .key("heads", \.heads, .integer(1...256), "Attention heads of a block; they divide the dimension."),
        .key("feed_forward", \.feedForward, .integer(1...65_536), "Hidden units of a block's MLP."),
        .key("embedding_dropout", \.embeddingDropout, .number(0, below: 1), "Dropout of token embeddings."),
        .key("attention_dropout", \.attentionDropout, .number(0, below: 1), "Dropout of attention weights."),
        .key("residual_dropout", \.residualDropout, .number(0, below: 1), "Dropout of what a block adds."),
    ]

    private static let windowEntries: [Entry<WindowSettings>] = [
        .key(
            "every_episodes", \.everyEpisodes, .integer(1...1_000_000),
            "Only every k-th episode of a stream is shown, from an offset that is drawn for each window."),
        .key(
            "share_from_start", \.shareFromStart, .number(0, 1),
            "Share of the windows that start at a life's beginning."),
        .key(
            "teach_first_half", \.teachFirstHalf, .boolean,
            "Whether a window from mid-life teaches the actions of its first half too."),
        .key(
            "streams_per_lifetime", \.maximumStreamsPerLifetime, .optional(.integer(1...1_000_000), "all"),
            "Streams that are read of a lifetime, the first ones."),
    ]

    private static let trainingEntries: [Entry<TrainingSettings>] = [
        .key("batch_size", \.batchSize, .integer(1...65_536), "Windows of an optimiser step."),
        .key("steps", \.steps, .integer(1...1_000_000_000), "Optimiser steps after which training ends."),
        .key(
            "maximum_seconds", \.maximumSeconds, .optional(.number(0.001, 1e9), "none"),
            "Seconds after which training ends, if that comes first; the schedule follows whichever is further."),
        .key("start_learning_rate", \.startLearningRate, .number(0, 10), "Learning rate of the first step."),
        .key("peak_learning_rate", \.peakLearningRate, .number(0, 10), "Learning rate after the warm-up."),
        .key("final_learning_rate", \.finalLearningRate, .number(0, 10), "Learning rate of the last step."),
        .key("warmup_steps", \.warmupSteps, .integer(0...1_000_000_000), "Steps of the linear warm-up."),
        .key("beta1", \.beta1, .number(0, below: 1), "Adam's decay of the first moment."),
        .key("beta2", \.beta2, .number(0, below: 1), "Adam's decay of the second moment."),
        .key("epsilon", \.epsilon, .number(1e-30, 1), "Added to the root of Adam's second moment."),
        .key("gradient_clip", \.gradientClip, .number(above: 0, to: 1e12), "Largest global norm of the gradient."),
        .key("label_smoothing", \.labelSmoothing, .number(0, below: 1), "Label smoothing of the cross entropy."),
        .key(
            "masking_probability", \.maskingProbability, .number(0, below: 1),
            "Probability that a token's previous action and reward are masked."),
        .key("threads", \.threads, .integer(1...1_024), "Worker threads."),
        .key("seed", \.seed, .seed, "Determines initial parameters, windows, masks and dropout."),
        .key(
            "checkpoint_every", \.checkpointEvery, .integer(1...1_000_000_000), "Optimiser steps between checkpoints."),
        .key(
            "keep_checkpoints", \.keepCheckpoints, .optional(.integer(1...1_000_000), "all"),
            "Checkpoints that are kept, the newest; one that is being evaluated is never deleted."),
    ]

    private static let evaluateEntries: [Entry<EvaluateSettings>] = [
        .key("episodes", \.episodes, .integer(1...1_000_000), "Episodes of each task and seed, in one context."),
        .key("seeds", \.seeds, .integer(1...1_000), "Seeds of each task."),
        .key("train_tasks", \.trainTasks, .integer(0...1_000_000), "Training tasks that are evaluated too."),
        .key(
            "control", \.control, .boolean,
            "Whether each task is also evaluated with the context cleared at every episode."),
        .key(
            "temperature", \.temperature, .number(above: 0, to: 100),
            "Temperature of the softmax that actions are drawn from."),
    ]
}
