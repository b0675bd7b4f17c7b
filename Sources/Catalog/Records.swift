package import Environments
package import Experience
import Foundation

/// The run as a whole: one row in `run`. Times here and below are seconds since 1970, UTC.
package struct RunRecord: Hashable, Sendable {
    /// The experiment's name.
    package var name: String
    /// Of the program that began it.
    package var softwareVersion: String
    /// The resolved experiment.
    ///
    /// As YAML, like RUN/experiment.yaml.
    package var experimentYAML: String
    /// When the coordinator first began it; a resumed run keeps it.
    package var started: Double
    /// Nil while it runs, or where its coordinator died.
    package var ended: Double?
    /// Why the run failed; nil while it runs and where it went well.
    package var failure: String?

    /// Written when a run begins, and written again with `ended` when it is over.
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
    /// The environment's number of the task, which streams and seeds are named after.
    package var id: Int
    /// Whether the distiller may learn from it (`train`), or it is kept for evaluation (`test`).
    package var split: Split
    /// The task's own description, as its environment reads it.
    package var json: String
    /// Return of an episode by the best policy; nil where the environment does not know it.
    package var optimalReturn: Double?
    /// Mean return of an episode by uniformly random actions; nil where the environment does not know it.
    package var randomReturn: Double?

    /// The index makes it of a stream's attributes, `Ledger.tasks` of a row.
    package init(id: Int, split: Split, json: String, optimalReturn: Double? = nil, randomReturn: Double? = nil) {
        self.id = id
        self.split = split
        self.json = json
        self.optimalReturn = optimalReturn
        self.randomReturn = randomReturn
    }

    /// A task of `distribution` with the two returns that curves are measured against; computing them may take a while.
    ///
    /// Blocks its thread while the environment computes the references, such as a value iteration.
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
    /// The task's id.
    package var task: Int
    /// From 0: which of several lifetimes on the same task, each with its own random numbers.
    package var repetition: Int
    /// As the coordinator saw it last; `--resume` takes up what is not finished.
    package var status: WorkStatus
    /// Name of the learner that has or had it.
    package var learner: String?
    /// How often it was begun. Incarnations of its streams are `(attempt - 1) << 16 | n`, so it must never fall.
    package var attempt: Int
    /// When it was begun first, or the first rollout's time in a remade catalogue.
    package var started: Double?
    /// When its learner reported the end, or the last rollout's time in a remade catalogue.
    package var ended: Double?
    /// Episodes of all actors together.
    package var episodes: Int?
    /// Transitions of all actors together.
    package var transitions: Int?
    /// Transitions that the learner learnt from.
    package var transitionsLearnt: Int?
    /// Updates of its learner, which is the last policy version.
    package var updates: Int?
    /// Mean number of updates by which the learner was ahead of the policy that had acted.
    package var meanPolicyLag: Double?
    /// Mean return of its last episodes; what `HistoriesIndex` writes is over the last ten of each stream.
    package var finalReturn: Double?
    /// How many it has had; more than at once in an elastic lifetime.
    package var actors: Int?

    /// The defaults are those of a lifetime that is queued: attempt 0, all numbers nil.
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
    /// Where it belongs, and by `path` its file.
    package var stream: StreamIdentifier
    /// Below the run's folder.
    package var path: String
    /// Transitions.
    package var rows: Int
    /// Pieces in which the transitions came; rows of the file's dataset `rollouts`.
    package var rollouts: Int
    /// Whether the file is complete and will not grow.
    package var isSealed: Bool
    /// A coordinator writes `unchecked` for a sealed stream, whose file it does not read, and `damaged` for a
    /// quarantined one.
    package var integrity: Integrity
    /// Bytes on disk, where they were looked at.
    package var bytes: Int?
    /// What is wrong with a damaged one, where it is known.
    package var problem: String?

    /// `path` follows from `stream`.
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
    /// What the process calls itself in its `Hello`.
    package var name: String
    /// The raw value of its `RoleName`.
    package var role: String
    /// As the process reported it.
    package var host: String
    /// Its process id on `host`.
    package var process: Int
    /// Where others reach it (learner, recorder); empty otherwise.
    package var endpoint: String
    /// When the coordinator noted that it joined.
    package var joined: Double
    /// When it was last heard of.
    package var lastSeen: Double
    /// When it went; nil while it is there.
    package var left: Double?
    /// Why it went, in words.
    package var reason: String?

    /// A node that has just joined has neither `left` nor `reason`; `lastSeen` is its `joined`.
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
    /// When it was stored, or the modification time of its `config.json` in a remade catalogue.
    package var created: Double
    /// Seconds of training that it took to get there.
    package var trainingSeconds: Double?
    /// Nats an action; nil in a catalogue that was remade from files.
    package var loss: Double?

    /// `name` follows from `step`: see `Checkpoint.name(ofStep:)`.
    package init(name: String, step: Int, created: Double, trainingSeconds: Double? = nil, loss: Double? = nil) {
        self.name = name
        self.step = step
        self.created = created
        self.trainingSeconds = trainingSeconds
        self.loss = loss
    }
}

/// What acts, as far as curves are told apart by it; any policy's name may be one.
///
/// `control` shows how much of the return comes from the context: the same model, the same tasks and as many episodes,
/// each begun with an empty context.
package struct EvaluationKind: RawRepresentable, Hashable, Sendable {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    /// The distilled model, whose context lives through the episodes; or RL2, whose memory does.
    package static let inContext = EvaluationKind(rawValue: "in-context")
    /// The same with the context cleared at each.
    package static let control = EvaluationKind(rawValue: "control")
    /// The source algorithm, which learns from scratch.
    package static let source = EvaluationKind(rawValue: "source")

    /// Settings apart from the control's tell no kinds apart.
    package init(_ policy: PolicyDescription) {
        switch policy {
        case .inContext(_, let clearContext): self = clearContext ? .control : .inContext
        case .named(let name, let settings) where name == PolicyDescription.distilled:
            self = Self.isCleared(settings) ? .control : .inContext
        // It learns in its memory, which lives through the episodes of a trial.
        case .named(PolicyDescription.learnt, _): self = .inContext
        case .named(let name, _): self.init(rawValue: name)
        }
    }

    /// Of the settings of the distilled model's policy.
    private static func isCleared(_ settings: String) -> Bool {
        let object = try? JSONSerialization.jsonObject(with: Data(settings.utf8)) as? [String: Any]
        return object?["context"] as? String == "cleared"
    }
}

/// One policy on one task with all its seeds: a job of an evaluator.
///
/// One row in `evaluations`, by evaluation and task.
package struct EvaluationRecord: Hashable, Sendable {
    /// Folder of its streams below `evaluations`; with the task's number it names the job.
    package var evaluation: String
    /// The task's id.
    package var task: Int
    /// The checkpoint that acts; nil for a policy that needs none.
    package var checkpoint: String?
    /// The split of `task`; kept so that a report need not look it up.
    package var split: Split
    /// What acts.
    package var kind: EvaluationKind
    /// `finished` once its returns are in `evaluation_returns`.
    package var status: WorkStatus
    /// Copies of the environment that are played.
    package var seeds: Int
    /// Episodes of each seed.
    package var episodes: Int
    /// When its result was stored; nil until then.
    package var ended: Double?

    package init(
        evaluation: String, task: Int, checkpoint: String?, split: Split, kind: EvaluationKind,
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
    /// The job that played them.
    package var evaluation: EvaluationRecord
    /// (seeds, episodes), undiscounted, in the order of playing.
    package var returns: [[Float]]

    /// For a job without results `returns` is empty.
    package init(evaluation: EvaluationRecord, returns: [[Float]]) {
        self.evaluation = evaluation
        self.returns = returns
    }
}

/// One number of one moment.
///
/// One row in `metrics`, which only grows: numbers for plots, and the marks of phases (`phase/...`).
package struct MetricRecord: Hashable, Sendable {
    /// When the coordinator noted it, by its own clock.
    package var time: Double
    /// The node that it comes from.
    package var source: String
    /// For example `distiller/loss`.
    package var name: String
    /// What the x axis of its plot counts: optimiser steps, or the task's id in numbers of lifetimes.
    package var step: Int
    /// NaN for a number that could not be measured; it comes back as NaN.
    package var value: Double

    /// Nothing is checked: any name makes a plot.
    package init(time: Double, source: String, name: String, step: Int, value: Double) {
        self.time = time
        self.source = source
        self.name = name
        self.step = step
        self.value = value
    }
}

extension MetricRecord {
    /// Mean entropy in nats of the policies of a lifetime's source; its `step` is the task's id.
    package static let sourceEntropy = "learner/mean_policy_entropy"

    /// The name of the mark of a distillation that is done, whose `value` is 1: `distiller/finished`, or
    /// `distiller/ed/finished` of one that has a name.
    package static func distillationFinished(_ distillation: String) -> String {
        distillation.isEmpty ? "distiller/finished" : "distiller/\(distillation)/finished"
    }

    /// Written once, when the training is over; a coordinator that finds it does not lease that training.
    package static func distillationFinished(_ distillation: String, at time: Double) -> MetricRecord {
        MetricRecord(
            time: time, source: "distiller", name: distillationFinished(distillation), step: 0, value: 1)
    }
}
