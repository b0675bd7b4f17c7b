import Foundation
package import Wire

/// What `distillery status --json` prints: the coordinator makes it (`Coordinator.status`), the command and
/// programs read it. Names of fields are a promise to them: fields are added, not renamed. Times are in seconds,
/// unless the name says otherwise, and are ages, not moments: clocks of machines need not agree. All of it is
/// of one moment of the coordinator, whose news of the nodes is about a second old.
package struct ClusterStatus: Sendable, Codable, Equatable {
    /// A node that has joined and not left. What it says of itself is as old as its last heartbeat, which comes about
    /// once a second.
    package struct Node: Sendable, Codable, Equatable {
        /// Unique in the run: a process that replaces another joins under another name.
        package var name: String
        package var role: RoleName
        /// The machine's own name for itself, which need not be one that others can resolve.
        package var host: String
        /// The process's number on its host (PID), by which a supervisor ends it.
        package var process: Int
        /// Where others reach it; empty for nodes that only connect, such as actor processes.
        package var endpoint: String
        /// Actors that an actor process can carry, lifetimes that a learner can learn at once, processes that a
        /// supervisor's host has room for; 0 for other roles.
        package var capacity: Int
        /// Seconds since it joined.
        package var ageSeconds: Double
        /// Time since its last message of any kind; beyond 5 s it is given up.
        package var silentMilliseconds: Int
        /// The node that it waits for and why, in words; empty when it waits for nothing that has lasted.
        package var waitingFor: String
        /// How long it has waited, by its own clock; 0 when it waits for nothing.
        package var waitingMilliseconds: Int
        /// It was asked to leave and gets no new leases.
        package var isLeaving: Bool
        /// Environment steps of an actor process or an evaluator, transitions learnt of a learner, transitions taken of
        /// a recorder, steps of a distiller; over the last seconds.
        package var stepsPerSecond: Double
        /// What it complained of within the last seconds.
        package var complaint: String
        /// The counters of its heartbeat, by the names that its role gives them.
        package var numbers: [String: Double]
        /// What it is at that takes long; nil for what does not.
        package var work: Work?
        /// Of a recorder: where its streams lie on its host, and how many lifetimes it keeps that are not complete; nil
        /// until it has said where it writes.
        package var folder: String?
        package var openLifetimes: Int?
    }

    /// Long work of a node.
    package struct Work: Sendable, Codable, Equatable {
        /// What the node does, in words that follow its name: `seals streams`.
        package var what: String
        package var seconds: Double
        /// Seconds since the work last got on.
        package var stillSeconds: Double
        /// Pieces that are done, of so many; both 0 where they are not counted. A node whose work stays at the same
        /// number for `cluster.work_limit_seconds` is ended and replaced.
        package var done: UInt64
        package var total: UInt64
    }

    /// A node that was given up. Supervisors are not listed.
    package struct Loss: Sendable, Codable, Equatable {
        package var node: String
        package var reason: String
        /// Seconds since it was given up.
        package var seconds: Double
    }

    /// How many lifetimes of the run are in each state: those that rest after a refusal are queued, those that end
    /// are running.
    package struct Lifetimes: Sendable, Codable, Equatable {
        package var queued: Int
        package var running: Int
        package var finished: Int
        package var total: Int
    }

    /// A stream whose file was damaged and moved aside. It counts as complete, so that a damaged file does not keep a
    /// run from its end.
    package struct Quarantine: Sendable, Codable, Equatable {
        /// The path of its file below the run's folder.
        package var stream: String
        package var reason: String
    }

    /// How many jobs of the evaluation are in each state. A job is one task with all its seeds.
    package struct Jobs: Sendable, Codable, Equatable {
        package var finished: Int
        package var running: Int
        package var total: Int
    }

    /// A lifetime that a learner and actor processes hold. The numbers of learning are nil until the learner that holds
    /// the lifetime now has told of it.
    package struct Lease: Sendable, Codable, Equatable {
        package var task: Int
        /// The number of the lifetime among the task's, from 0.
        package var repetition: Int
        /// How often it was begun.
        package var attempt: UInt64
        /// The learner has ended it; streams are being completed.
        package var isEnding: Bool
        /// Empty when an ending lifetime has none any more.
        package var learner: String
        /// Actors that take part; those of an elastic lifetime that are about to leave are not counted.
        package var actors: Int
        /// Seconds since it was leased.
        package var seconds: Double
        package var parts: [Part]
        /// What its learner has said of it; nil before.
        package var updates: UInt64?
        package var transitions: UInt64?
        package var episodes: UInt64?
        /// In updates, over the transitions of rollouts that were fresh enough to learn from; `maximumPolicyLag` is the
        /// largest of them.
        package var meanPolicyLag: Double?
        package var maximumPolicyLag: Double?
    }

    /// Consecutive actors of a lifetime that one process carries.
    package struct Part: Sendable, Codable, Equatable {
        package var firstActor: Int
        package var actors: Int
        /// Empty while they wait for a process.
        package var node: String
        /// Rises whenever the actors get another carrier: `(attempt - 1) << 16 | n`.
        package var incarnation: UInt64
        package var isFinished: Bool
        /// `joining`, `opening`, `running` or `draining`. This and the following are what the process has said of the
        /// part; nil before, and for all but the first 32 parts of a process.
        package var phase: String?
        /// Rollouts that the learner has not answered, of at most `unansweredLimit`.
        package var unansweredRollouts: Int?
        package var unansweredLimit: Int?
        /// Bytes that the recorder has not called durable.
        package var unacknowledgedBytes: Int?
        /// Updates that the policy has had by which the actors act.
        package var policyVersion: UInt64?
    }

    /// An evaluation of one task that an evaluator is at. Its `seconds` count from the lease.
    package struct JobLease: Sendable, Codable, Equatable {
        package var evaluation: String
        package var task: Int
        package var node: String
        package var seconds: Double
    }

    /// An item of the plan of work: all lifetimes together, a distillation or an evaluation.
    package struct PlanItem: Sendable, Codable, Equatable {
        package enum Kind: String, Sendable, Codable { case histories, distillation, evaluation }
        /// `waiting` for other items; `ready` for a node that does it; `running`; `finished`.
        package enum State: String, Sendable, Codable, CaseIterable { case waiting, ready, running, finished }

        package var kind: Kind
        /// Of a distillation its name in the plan; of an evaluation that of its streams' folder, or, while its checkpoint
        /// is not known, of what acts and what it is called.
        package var name: String
        package var state: State
        /// Names of the items that have to be finished first and are not.
        package var waitsFor: [String]
        /// The nodes that are at it; none of the histories', whose leases are listed by themselves.
        package var nodes: [String]
        /// Lifetimes, optimiser steps or jobs that are done, of so many.
        package var done: Int
        package var total: Int
    }

    /// Who waits for whom.
    package struct Wait: Sendable, Codable, Equatable {
        /// A node's name; `the run` where no one node waits.
        package var who: String
        /// A node's name where it is a node that is waited for.
        package var whom: String
        package var why: String
        package var seconds: Double
        /// Of what the run itself lacks: `disk`, `checkpoints`, `recorder`, `learner`, `room`, `carriers`, `seals`, `refusals`,
        /// `environment`, `distiller`, `evaluator` or `movement`. Nil of other waits.
        package var kind: String?
    }

    /// The experiment's name.
    package var run: String
    /// The first kind of item of the plan that is not done, and `failure` says whether it has failed there.
    package var phase: RunPhase
    package var seconds: Double
    /// Seconds since the phase began in this start of the run; `seconds` are those since the coordinator began.
    package var secondsOfPhase: Double
    package var lifetimes: Lifetimes
    /// Steps of all actor processes that this coordinator has heard of, those that have gone among them.
    package var environmentSteps: Double
    package var environmentStepsPerSecond: Double
    package var distillationStep: UInt64
    /// What the distiller has told last of its training, by the names of its metrics; empty before. Where there are several
    /// distillations these are of one that is under way.
    package var distillation: [String: Double]
    package var jobs: Jobs
    package var quarantined: [Quarantine]
    package var nodes: [Node]
    package var leases: [Lease]
    package var jobLeases: [JobLease]
    /// In the order in which items are begun; nil from coordinators that had no plan.
    package var plan: [PlanItem]?
    /// The longest first.
    package var waits: [Wait]
    /// Nodes that were given up within the last minutes; nil for none.
    package var givenUp: [Loss]?
    /// Why the run has failed; empty while it has not.
    package var failure: String
    /// What the coordinator has counted itself: `refused_connections`, `resident_bytes`, ...
    package var numbers: [String: Double]

    /// Throws `DecodingError` for what is no status of this version.
    package init(json: String) throws { self = try JSONDecoder().decode(ClusterStatus.self, from: Data(json.utf8)) }

    /// One document; in one line unless it is to be `pretty`.
    package func json(pretty: Bool) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    init(
        run: String, phase: RunPhase, seconds: Double, secondsOfPhase: Double, lifetimes: Lifetimes,
        environmentSteps: Double, environmentStepsPerSecond: Double, distillationStep: UInt64,
        distillation: [String: Double], jobs: Jobs, quarantined: [Quarantine], nodes: [Node], leases: [Lease],
        jobLeases: [JobLease], plan: [PlanItem]?, waits: [Wait], givenUp: [Loss]?, failure: String,
        numbers: [String: Double]
    ) {
        self.run = run
        self.phase = phase
        self.seconds = seconds
        self.secondsOfPhase = secondsOfPhase
        self.lifetimes = lifetimes
        self.environmentSteps = environmentSteps
        self.environmentStepsPerSecond = environmentStepsPerSecond
        self.distillationStep = distillationStep
        self.distillation = distillation
        self.jobs = jobs
        self.quarantined = quarantined
        self.nodes = nodes
        self.leases = leases
        self.jobLeases = jobLeases
        self.plan = plan
        self.waits = waits
        self.givenUp = givenUp
        self.failure = failure
        self.numbers = numbers
    }
}
