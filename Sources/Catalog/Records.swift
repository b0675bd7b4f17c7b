package import Environments
package import Experience

/// The run as a whole: one row in `run`. Times here and below are seconds since 1970, UTC.
package struct RunRecord: Hashable, Sendable {
    package var name: String
    /// Of the program that began it.
    package var softwareVersion: String
    /// The resolved experiment.
    ///
    /// As YAML, like RUN/experiment.yaml.
    package var experimentYAML: String
    package var started: Double
    /// Nil while it runs, or where its coordinator died.
    package var ended: Double?
    /// Why the run failed; nil while it runs and where it went well.
    package var failure: String?

    package init(
        name: String, softwareVersion: String, experimentYAML: String, started: Double, ended: Double? = nil,
        failure: String? = nil
    ) {
        self.name = name
        self.softwareVersion = softwareVersion
        self.experimentYAML = experimentYAML
        self.started = started
        self.ended = ended
        self.failure = failure
    }
}

/// A task with what is known about its best and its random return.
///
/// One row in `tasks`, made from the run's task distribution. The two returns are what curves are measured against.
package struct TaskRecord: Hashable, Sendable {
    package var id: Int
    package var split: Split
    /// The task's own description, as its environment reads it.
    package var json: String
    /// Return of an episode by the best policy; nil where the environment does not know it.
    package var optimalReturn: Double?
    /// Mean return of an episode by uniformly random actions; nil where the environment does not know it.
    package var randomReturn: Double?

    package init(id: Int, split: Split, json: String, optimalReturn: Double? = nil, randomReturn: Double? = nil) {
        self.id = id
        self.split = split
        self.json = json
        self.optimalReturn = optimalReturn
        self.randomReturn = randomReturn
    }

    /// A task of `distribution` with what its returns are measured against; finding that out may take a while.
    package init(_ task: Task, _ distribution: any TaskDistribution) {
        let references = distribution.references(of: task)
        self.init(
            id: task.id, split: task.split, json: task.json, optimalReturn: references.optimum,
            randomReturn: references.random)
    }
}

/// How far something that is queued has come.
///
/// Of a lifetime, or of a job of an evaluation.
package enum WorkStatus: String, Hashable, Sendable, CaseIterable, Codable {
    case queued, running, finished
}

/// One source algorithm learning from scratch on one task.
///
/// One row in `lifetimes`, by task and repetition. The numbers are nil until the learner or the index has told them.
package struct LifetimeRecord: Hashable, Sendable {
    package var task: Int
    package var repetition: Int
    /// As the coordinator saw it last; `--resume` takes up what is not finished.
    package var status: WorkStatus
    /// Name of the learner that has or had it.
    package var learner: String?
    /// How often it was begun. Incarnations of its streams are `(attempt - 1) << 16 | n`, so it must never fall.
    package var attempt: Int
    package var started: Double?
    package var ended: Double?
    /// Episodes of all actors together.
    package var episodes: Int?
    /// Transitions of all actors together.
    package var transitions: Int?
    /// Transitions that the learner learnt from.
    package var transitionsLearnt: Int?
    /// Updates of its learner, which is the last policy version.
    package var updates: Int?
    /// Mean number of updates by which the learner was ahead of the policy of what it learnt from.
    package var meanPolicyLag: Double?
    /// Mean return of its last episodes; what `HistoriesIndex` writes is over the last ten of each stream.
    package var finalReturn: Double?
    /// How many it has had; more than at once in an elastic lifetime.
    package var actors: Int?

    package init(
        task: Int, repetition: Int, status: WorkStatus = .queued, learner: String? = nil, attempt: Int = 0,
        started: Double? = nil, ended: Double? = nil, episodes: Int? = nil, transitions: Int? = nil,
        transitionsLearnt: Int? = nil, updates: Int? = nil, meanPolicyLag: Double? = nil, finalReturn: Double? = nil,
        actors: Int? = nil
    ) {
        self.task = task
        self.repetition = repetition
        self.status = status
        self.learner = learner
        self.attempt = attempt
        self.started = started
        self.ended = ended
        self.episodes = episodes
        self.transitions = transitions
        self.transitionsLearnt = transitionsLearnt
        self.updates = updates
        self.meanPolicyLag = meanPolicyLag
        self.finalReturn = finalReturn
        self.actors = actors
    }
}

/// What is known of a stream's checksums.
///
/// `unchecked`: no index has read the file, or it grows and its end is torn. `sound`: every checksum held when the file
/// was read. `damaged`: not, or its recorder set it aside.
package enum Integrity: String, Hashable, Sendable, CaseIterable, Codable {
    case unchecked, sound, damaged
}

/// One stream file.
///
/// One row in `streams`, by path. The coordinator writes it when a recorder reports a stream sealed or quarantined.
package struct StreamRecord: Hashable, Sendable {
    package var stream: StreamIdentifier
    /// Below the run's folder.
    package var path: String
    /// Transitions.
    package var rows: Int
    package var rollouts: Int
    package var isSealed: Bool
    package var integrity: Integrity
    /// Bytes on disk, where they were looked at.
    package var bytes: Int?
    /// What is wrong with a damaged one, where it is known.
    package var problem: String?

    package init(
        stream: StreamIdentifier, rows: Int, rollouts: Int, isSealed: Bool, integrity: Integrity = .unchecked,
        bytes: Int? = nil, problem: String? = nil
    ) {
        self.stream = stream
        self.path = stream.path
        self.rows = rows
        self.rollouts = rollouts
        self.isSealed = isSealed
        self.integrity = integrity
        self.bytes = bytes
        self.problem = problem
    }
}

/// A process of the run.
///
/// One row in `nodes`, by name. People look at it; nothing in a run depends on it.
package struct NodeRecord: Hashable, Sendable {
    package var name: String
    package var role: String
    package var host: String
    /// Its process id on `host`.
    package var process: Int
    /// Where others reach it (learner, recorder); empty otherwise.
    package var endpoint: String
    package var joined: Double
    /// When it was last heard of.
    package var lastSeen: Double
    /// When it went; nil while it is there.
    package var left: Double?
    /// Why it went, in words.
    package var reason: String?

    package init(
        name: String, role: String, host: String, process: Int, endpoint: String = "", joined: Double,
        lastSeen: Double, left: Double? = nil, reason: String? = nil
    ) {
        self.name = name
        self.role = role
        self.host = host
        self.process = process
        self.endpoint = endpoint
        self.joined = joined
        self.lastSeen = lastSeen
        self.left = left
        self.reason = reason
    }
}

/// A checkpoint of the distiller.
///
/// One row in `checkpoints`, by name: a checkpoint that the coordinator has stored.
package struct CheckpointRecord: Hashable, Sendable {
    /// `step-00020000`, its folder below `checkpoints/distiller`.
    package var name: String
    /// Optimiser steps of the distiller.
    package var step: Int
    package var created: Double
    /// Seconds of training that it took to get there.
    package var trainingSeconds: Double?
    /// Nats an action; nil in a catalogue that was remade from files.
    package var loss: Double?

    package init(name: String, step: Int, created: Double, trainingSeconds: Double? = nil, loss: Double? = nil) {
        self.name = name
        self.step = step
        self.created = created
        self.trainingSeconds = trainingSeconds
        self.loss = loss
    }
}

/// Whether the context lives through the episodes, or is cleared at each.
///
/// `control` shows how much of the return comes from the context: the same model, the same tasks and as many episodes,
/// each begun with an empty context.
package enum EvaluationKind: String, Hashable, Sendable, CaseIterable, Codable {
    case inContext = "in-context"
    case control
}

/// One checkpoint on one task with all its seeds: a job of an evaluator.
///
/// One row in `evaluations`, by evaluation and task.
package struct EvaluationRecord: Hashable, Sendable {
    /// Folder of its streams below `evaluations`; with the task's number it names the job.
    package var evaluation: String
    package var task: Int
    package var checkpoint: String
    package var split: Split
    package var kind: EvaluationKind
    package var status: WorkStatus
    /// Copies of the environment that are played.
    package var seeds: Int
    package var episodes: Int
    package var ended: Double?

    package init(
        evaluation: String, task: Int, checkpoint: String, split: Split, kind: EvaluationKind,
        status: WorkStatus = .queued, seeds: Int, episodes: Int, ended: Double? = nil
    ) {
        self.evaluation = evaluation
        self.task = task
        self.checkpoint = checkpoint
        self.split = split
        self.kind = kind
        self.status = status
        self.seeds = seeds
        self.episodes = episodes
        self.ended = ended
    }
}

/// The returns of one evaluated task, (seeds, episodes).
///
/// Saved together: replacing the record removes the returns that were there. `returns` is empty for a job that is not
/// finished.
package struct EvaluationReturns: Hashable, Sendable {
    package var evaluation: EvaluationRecord
    package var returns: [[Float]]

    package init(evaluation: EvaluationRecord, returns: [[Float]]) {
        self.evaluation = evaluation
        self.returns = returns
    }
}

/// One number of one moment.
///
/// One row in `metrics`, which only grows: numbers for plots, and the marks of phases (`phase/...`).
package struct MetricRecord: Hashable, Sendable {
    package var time: Double
    /// The node that it comes from.
    package var source: String
    /// For example `distil/loss`.
    package var name: String
    package var step: Int
    package var value: Double

    package init(time: Double, source: String, name: String, step: Int, value: Double) {
        self.time = time
        self.source = source
        self.name = name
        self.step = step
        self.value = value
    }
}

extension MetricRecord {
    /// The mark of a run whose distillation is done.
    package static let distillationFinished = "distiller/finished"

    /// Written once, when the training is over; a coordinator that finds it leases no more training.
    package static func distillationFinished(at time: Double) -> MetricRecord {
        MetricRecord(time: time, source: "distiller", name: distillationFinished, step: 0, value: 1)
    }
}
