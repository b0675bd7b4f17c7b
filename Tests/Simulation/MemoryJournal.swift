package import Cluster
package import Environments
package import Wire

/// What the coordinator wrote down and committed; another coordinator takes it up.
package final class MemoryJournal: RunJournal {
    package private(set) var sealed: [StreamIdentifier: (rows: UInt64, rollouts: UInt64)] = [:]
    package private(set) var ended: Set<LifetimeIdentifier> = []
    package private(set) var attempts: [LifetimeIdentifier: UInt64] = [:]
    package private(set) var actors: [LifetimeIdentifier: Int] = [:]
    package private(set) var quarantined: [StreamIdentifier: String] = [:]
    private var scale: Scale?
    package private(set) var endings = 0
    package private(set) var results: [FinishedJob] = []
    /// Returns of every job.
    package private(set) var returns: [FinishedJob: [Float]] = [:]
    /// Gets everything as well: the catalogue, where it is to be tested with the rest.
    package var next: (any RunJournal)?
    /// Faults, to be planted.
    package var forgetsAttempts = false
    package var forgetsResults = false
    /// What a commit throws that has something to write: a full disk, for one.
    package var failure: (any Error)?
    /// Nodes whose supervisor said that their process had ended.
    package private(set) var endedProcesses = 0
    private var starts: UInt64 = 0
    private var turn: [() -> Void] = []

    package init() {}

    /// For the next coordinator.
    package func progress() -> Cluster.Progress {
        // What was not committed has died with its coordinator.
        turn = []
        var progress = Cluster.Progress()
        progress.lifetimes = ended
        progress.attempts = forgetsAttempts ? [:] : attempts
        progress.actors = actors
        for stream in sealed.keys { progress.sealed[stream.lifetime, default: []].insert(stream.actor) }
        for stream in quarantined.keys { progress.sealed[stream.lifetime, default: []].insert(stream.actor) }
        progress.quarantined = quarantined
        progress.jobs = forgetsResults ? [] : Set(results)
        progress.starts = starts
        progress.scale = scale
        starts += 1
        return progress
    }

    private func note(_ change: @escaping () -> Void = {}) { turn.append(change) }

    package func scaled(_ scale: Scale) throws {
        note { self.scale = scale }
        try next?.scaled(scale)
    }
    package func lifetimeQueued(_ lifetime: LifetimeIdentifier, task: Environments.Task, actors: Int) throws {
        note()
        try next?.lifetimeQueued(lifetime, task: task, actors: actors)
    }
    package func lifetimeStarted(
        _ lifetime: LifetimeIdentifier, attempt: UInt64, learner: String, actors: Int
    ) throws {
        note {
            self.attempts[lifetime] = attempt
            self.actors[lifetime] = actors
        }
        try next?.lifetimeStarted(lifetime, attempt: attempt, learner: learner, actors: actors)
    }
    package func lifetimeEnded(_ lifetime: LifetimeIdentifier, numbers: [String: Double]) throws {
        note {
            self.ended.insert(lifetime)
            self.endings += 1
        }
        try next?.lifetimeEnded(lifetime, numbers: numbers)
    }
    package func streamSealed(_ stream: StreamIdentifier, rows: UInt64, rollouts: UInt64) throws {
        note { self.sealed[stream] = (rows, rollouts) }
        try next?.streamSealed(stream, rows: rows, rollouts: rollouts)
    }
    package func streamQuarantined(_ stream: StreamIdentifier, reason: String) throws {
        note { self.quarantined[stream] = reason }
        try next?.streamQuarantined(stream, reason: reason)
    }
    package func nodeJoined(_ hello: Hello) throws {
        note()
        try next?.nodeJoined(hello)
    }
    package func nodeLeft(_ name: String, reason: String) throws {
        note { if reason == "its process has ended" { self.endedProcesses += 1 } }
        try next?.nodeLeft(name, reason: reason)
    }
    package func phaseBegan(_ phase: RunPhase) throws {
        note()
        try next?.phaseBegan(phase)
    }
    package func metrics(_ source: String, _ metrics: Metrics) throws {
        note()
        try next?.metrics(source, metrics)
    }
    package func checkpointStored(_ name: String, numbers: [String: Double]) throws {
        note()
        try next?.checkpointStored(name, numbers: numbers)
    }
    package func distillationFinished(_ checkpoint: String) throws {
        note()
        try next?.distillationFinished(checkpoint)
    }
    package func evaluated(_ job: EvaluationJob, split: Split, returns: [Float]) throws {
        let finished = FinishedJob(evaluation: job.evaluation, task: job.task)
        note {
            self.results.append(finished)
            self.returns[finished] = returns
        }
        try next?.evaluated(job, split: split, returns: returns)
    }
    package func commit() throws {
        if let failure, !turn.isEmpty { throw failure }
        try next?.commit()
        for change in turn { change() }
        turn.removeAll(keepingCapacity: true)
    }
}
