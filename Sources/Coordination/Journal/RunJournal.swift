package import Environments
package import Experience
package import Histories
package import Wire

/// Where the coordinator writes down what happened: the catalogue in a run (`LedgerJournal`), memory or nothing in
/// a test.
///
/// Entries may be kept back until `commit`. The coordinator sends nothing that tells of an entry before `commit` has
/// returned; so what a node was told is known to every later coordinator. Each call throws where it cannot be done,
/// which ends the run unless it is a lack of room. All calls come from the coordinator's thread. After a restart a node
/// may report again what an earlier coordinator has written down.
package protocol RunJournal: AnyObject {
    /// Known, and not begun in this start.
    func lifetimeQueued(_ lifetime: LifetimeIdentifier, task: Task, actors: Int) throws
    /// Begun, begun once more, or joined by more actors. `actors`: all that it has had by now.
    func lifetimeStarted(_ lifetime: LifetimeIdentifier, attempt: UInt64, learner: String, actors: Int) throws
    /// Its learner's last numbers; `Progress` does not begin the lifetime again.
    func lifetimeEnded(_ lifetime: LifetimeIdentifier, numbers: [String: Double]) throws
    /// The recorder's report: the file has so many rows (transitions) and rollouts.
    func streamSealed(_ stream: StreamIdentifier, rows: UInt64, rollouts: UInt64) throws
    /// The recorder has given the stream up for `reason`; its file is set aside and the lifetime goes on without it.
    func streamQuarantined(_ stream: StreamIdentifier, reason: String) throws
    /// All streams of the lifetime lie with one recorder from now on, known by its folder.
    func streamsPinned(_ lifetime: LifetimeIdentifier, to recorder: String) throws
    /// Where a recorder writes, by what its folder is known.
    func recorderPlaced(_ recorder: String, at place: RecorderLinks.Place) throws
    /// What `scale` has set; the last one counts.
    func scaled(_ scale: Scale) throws
    /// For people who read the catalogue; a later coordinator asks the nodes themselves.
    func nodeJoined(_ hello: Hello) throws
    /// `reason`: in words, such as its silence.
    func nodeLeft(_ name: String, reason: String) throws
    /// Also at the start of a run that is resumed, with the phase in which it goes on.
    func phaseBegan(_ phase: RunPhase) throws
    /// Numbers of a source (`collect`, `distiller`), at a step of it.
    func metrics(_ source: String, _ metrics: Metrics) throws
    /// The checkpoint `name` is whole and on the disk; `numbers` are those that its training had told last.
    func checkpointStored(_ name: String, numbers: [String: Double]) throws
    /// Training has ended with this checkpoint: a later start does not train.
    func distillationFinished(_ checkpoint: String) throws
    /// A result; `returns` are (seeds, episodes).
    func evaluated(_ job: EvaluationJob, split: Split, returns: [Float]) throws
    /// A number for plots alone, which may be lost.
    func plot(_ name: String, step: UInt64, value: Double) throws
    /// Every job of the evaluation has its result.
    func evaluationEnded(_ evaluation: String) throws
    /// What was written before is kept from now on, whatever happens to the process; where one of the entries has to
    /// survive a loss of power, all of them do.
    func commit() throws
}

extension RunJournal {
    package func plot(_ name: String, step: UInt64, value: Double) throws {}
    package func evaluationEnded(_ evaluation: String) throws {}
}

/// The kinds of entries, and which of them have to survive a loss of power; every entry survives the death of the
/// process.
package enum JournalEntry: CaseIterable, Sendable {
    case lifetimeQueued, lifetimeStarted, lifetimeEnded, streamSealed, streamQuarantined, streamsPinned, recorderPlaced
    case scaled, nodeJoined, nodeLeft, phaseBegan, metrics, checkpointStored, distillationFinished, evaluated

    /// Whether a lease or an acknowledgement depends on it that no file and no node could give back.
    package var survivesPowerLoss: Bool {
        switch self {
        // An attempt is never given out twice; an end, a result and what `scale` set are acknowledged, and not said
        // again.
        case .lifetimeStarted, .lifetimeEnded, .distillationFinished, .evaluated, .scaled: true
        // Streams that were begun with one recorder must never be begun with another.
        case .streamsPinned: true
        // The sealed file, its mark and the checkpoint's folder were on the disk before: the recorder says the former
        // again when it is asked to seal, and the store has the latter.
        case .streamSealed, .streamQuarantined, .checkpointStored: false
        // Every start queues again, every node joins again; the rest is looked at by people only.
        case .lifetimeQueued, .nodeJoined, .nodeLeft, .phaseBegan, .metrics, .recorderPlaced: false
        }
    }
}

/// What a run is at; the phases follow one another in this order, and those that the goal leaves out are passed
/// through.
package enum RunPhase: String, Sendable, Codable {
    case collecting, distilling, evaluating, finished
}
