package import Catalog
package import Coordination
import Distillation
package import Environments
package import Experience
package import Histories
package import Wire

/// What the coordinator wrote down and committed; another coordinator takes it up.
@dynamicMemberLookup
package final class MemoryJournal: RunJournal {
    /// What a coordinator can take up.
    package struct State {
        package fileprivate(set) var sealed: [StreamIdentifier: (rows: UInt64, rollouts: UInt64)] = [:]
        package fileprivate(set) var ended: Set<LifetimeIdentifier> = []
        package fileprivate(set) var attempts: [LifetimeIdentifier: UInt64] = [:]
        package fileprivate(set) var actors: [LifetimeIdentifier: Int] = [:]
        package fileprivate(set) var quarantined: [StreamIdentifier: String] = [:]
        package fileprivate(set) var results: [FinishedJob] = []
        /// Returns of every job.
        package fileprivate(set) var returns: [FinishedJob: [Float]] = [:]
        /// Names of the distillations that have ended.
        package fileprivate(set) var distilled: Set<String> = []
        package fileprivate(set) var pins: [LifetimeIdentifier: String] = [:]
        package fileprivate(set) var recorders: [String: RecorderLinks.Place] = [:]
        fileprivate var scale: Scale?
        fileprivate var starts: UInt64 = 0
        fileprivate var plottedSteps: UInt64 = 0
    }

    /// Of commits that can be lost with the power, so many are kept in mind.
    private static let losableTurns = 16

    private var state = State()
    /// What was there before each of the latest commits.
    private var earlier: [State] = []
    package private(set) var endings = 0
    /// What was plotted, by name: steps and values in their order.
    package private(set) var plots: [String: [(step: UInt64, value: Double)]] = [:]
    /// Gets everything as well: the catalogue, where it is to be tested with the rest.
    package var next: (any RunJournal)?
    /// Faults, to be planted.
    package var forgetsAttempts = false
    package var forgetsResults = false
    /// What a commit throws that has something to write: a full disk, for one.
    package var failure: (any Error)?
    /// Nodes whose supervisor said that their process had ended.
    package private(set) var endedProcesses = 0
    private var turn: [() -> Void] = []
    /// The turn has something that must survive a loss of power; what was committed before survives with it.
    private var turnSurvives = false
    /// A fault, to be planted: the catalogue says that it is on the disk, and is not.
    package var losesEverything = false
    /// Another: a catalogue that is remade from files does not know how often lifetimes were begun.
    package var indexForgetsAttempts = false

    package init() {}

    package subscript<Value>(dynamicMember path: KeyPath<State, Value>) -> Value { state[keyPath: path] }

    /// For the next coordinator.
    package func progress() -> Coordination.Progress {
        // What was not committed has died with its coordinator.
        dropTurn()
        var progress = Coordination.Progress()
        progress.lifetimes = state.ended
        progress.attempts = forgetsAttempts ? [:] : state.attempts
        progress.actors = state.actors
        for stream in state.sealed.keys { progress.sealed[stream.lifetime, default: []].insert(stream.actor) }
        for stream in state.quarantined.keys { progress.sealed[stream.lifetime, default: []].insert(stream.actor) }
        progress.quarantined = state.quarantined
        progress.pins = state.pins
        progress.recorders = state.recorders
        progress.jobs = forgetsResults ? [] : Set(state.results)
        progress.distilled = state.distilled
        progress.starts = state.starts
        progress.plottedSteps = state.plottedSteps
        progress.scale = state.scale
        state.starts += 1
        return progress
    }

    /// Whoever resumes a run begins with the actors of its experiment.
    package func forgetScale() {
        state.scale = nil
        for index in earlier.indices { earlier[index].scale = nil }
    }

    /// The power fails: up to so many of the latest commits are gone, as they were never on the disk.
    package func losePower(turns: Int) {
        dropTurn()
        // That a coordinator was started is its own transaction, and on the disk before it speaks to anybody.
        let starts = state.starts
        if turns > 0, let before = earlier.dropLast(turns - 1).last ?? earlier.first { state = before }
        state.starts = starts
        earlier = []
    }

    /// From now on the run is what a catalogue says that was remade from its files. `keepsNumbers`: the old catalogue
    /// was still there, and what it held of the run itself.
    package func takeUp(
        _ progress: Coordination.Progress, streams: [StreamRecord], returns: [EvaluationReturns], keepsNumbers: Bool
    ) {
        dropTurn()
        earlier = []
        var state = State()
        for record in streams where record.isSealed {
            state.sealed[record.stream] = (UInt64(record.rows), UInt64(record.rollouts))
        }
        state.ended = progress.lifetimes
        state.attempts = progress.attempts
        state.actors = progress.actors
        if keepsNumbers {
            state.attempts.merge(self.state.attempts, uniquingKeysWith: max)
            state.actors.merge(self.state.actors, uniquingKeysWith: max)
        }
        if indexForgetsAttempts { state.attempts = [:] }
        state.quarantined = progress.quarantined
        state.results = Array(progress.jobs)
        for result in returns {
            let job = FinishedJob(evaluation: result.evaluation.evaluation, task: result.evaluation.task)
            if progress.jobs.contains(job) { state.returns[job] = Array(result.returns.joined()) }
        }
        state.distilled = keepsNumbers ? self.state.distilled : progress.distilled
        state.pins = keepsNumbers ? self.state.pins : progress.pins
        state.recorders = keepsNumbers ? self.state.recorders : progress.recorders
        state.starts = keepsNumbers ? self.state.starts : progress.starts
        self.state = state
    }

    private func dropTurn() {
        turn = []
        turnSurvives = false
    }

    private func note(survivesPowerLoss: Bool = false, _ change: @escaping () -> Void = {}) {
        turn.append(change)
        turnSurvives = turnSurvives || survivesPowerLoss
    }

    package func scaled(_ scale: Scale) throws {
        note(survivesPowerLoss: true) { self.state.scale = scale }
        try next?.scaled(scale)
    }
    package func lifetimeQueued(_ lifetime: LifetimeIdentifier, task: Task, actors: Int) throws {
        note()
        try next?.lifetimeQueued(lifetime, task: task, actors: actors)
    }
    package func lifetimeStarted(
        _ lifetime: LifetimeIdentifier, attempt: UInt64, learner: String, actors: Int
    ) throws {
        note(survivesPowerLoss: true) {
            self.state.attempts[lifetime] = attempt
            self.state.actors[lifetime] = actors
        }
        try next?.lifetimeStarted(lifetime, attempt: attempt, learner: learner, actors: actors)
    }
    package func lifetimeEnded(_ lifetime: LifetimeIdentifier, numbers: [String: Double]) throws {
        note(survivesPowerLoss: true) {
            self.state.ended.insert(lifetime)
            self.endings += 1
        }
        try next?.lifetimeEnded(lifetime, numbers: numbers)
    }
    package func streamSealed(_ stream: StreamIdentifier, rows: UInt64, rollouts: UInt64) throws {
        note { self.state.sealed[stream] = (rows, rollouts) }
        try next?.streamSealed(stream, rows: rows, rollouts: rollouts)
    }
    package func streamQuarantined(_ stream: StreamIdentifier, reason: String) throws {
        note { self.state.quarantined[stream] = reason }
        try next?.streamQuarantined(stream, reason: reason)
    }
    package func streamsPinned(_ lifetime: LifetimeIdentifier, to recorder: String) throws {
        note(survivesPowerLoss: true) { self.state.pins[lifetime] = recorder }
        try next?.streamsPinned(lifetime, to: recorder)
    }
    package func recorderPlaced(_ recorder: String, at place: RecorderLinks.Place) throws {
        note { self.state.recorders[recorder] = place }
        try next?.recorderPlaced(recorder, at: place)
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
        note { if source == "collect" { self.state.plottedSteps = metrics.step } }
        for (name, value) in metrics.numbers { plots["\(source)/\(name)", default: []].append((metrics.step, value)) }
        try next?.metrics(source, metrics)
    }
    package func plot(_ name: String, step: UInt64, value: Double) throws {
        plots[name, default: []].append((step, value))
        try next?.plot(name, step: step, value: value)
    }
    package func evaluationEnded(_ evaluation: String) throws { try next?.evaluationEnded(evaluation) }
    package func checkpointStored(_ name: String, numbers: [String: Double]) throws {
        note()
        try next?.checkpointStored(name, numbers: numbers)
    }
    package func distillationFinished(_ checkpoint: String) throws {
        note(survivesPowerLoss: true) {
            self.state.distilled.insert(Checkpoint.parts(of: checkpoint).distillation)
        }
        try next?.distillationFinished(checkpoint)
    }
    package func evaluated(_ job: EvaluationJob, split: Split, returns: [Float]) throws {
        let finished = FinishedJob(evaluation: job.evaluation, task: job.task)
        note(survivesPowerLoss: true) {
            self.state.results.append(finished)
            self.state.returns[finished] = returns
        }
        try next?.evaluated(job, split: split, returns: returns)
    }
    package func commit() throws {
        if let failure, !turn.isEmpty { throw failure }
        try next?.commit()
        if turnSurvives, !losesEverything {
            earlier = []
        } else if !turn.isEmpty {
            earlier.append(state)
            if earlier.count > Self.losableTurns { earlier.removeFirst() }
        }
        turnSurvives = false
        for change in turn { change() }
        turn.removeAll(keepingCapacity: true)
    }
}
