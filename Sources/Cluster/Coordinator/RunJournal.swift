package import Environments
package import Wire

/// Where the coordinator writes down what happened; the catalogue in a run, nothing in a test.
package protocol RunJournal: AnyObject {
    func lifetimeQueued(_ lifetime: LifetimeIdentifier, task: Task, actors: Int) throws
    /// Begun, begun once more, or joined by more actors, of which it has had so many by now.
    func lifetimeStarted(_ lifetime: LifetimeIdentifier, attempt: UInt64, learner: String, actors: Int) throws
    func lifetimeEnded(_ lifetime: LifetimeIdentifier, numbers: [String: Double]) throws
    func streamSealed(_ stream: StreamIdentifier, rows: UInt64, rollouts: UInt64) throws
    func streamQuarantined(_ stream: StreamIdentifier, reason: String) throws
    func scaled(_ scale: Scale) throws
    func nodeJoined(_ hello: Hello) throws
    func nodeLeft(_ name: String, reason: String) throws
    func phaseBegan(_ phase: RunPhase) throws
    func metrics(_ source: String, _ metrics: Metrics) throws
    func checkpointStored(_ name: String, numbers: [String: Double]) throws
    func distillationFinished(_ checkpoint: String) throws
    func evaluated(_ job: EvaluationJob, split: Split, returns: [Float]) throws
    /// Whatever was written before is kept from now on, whatever happens to the process.
    func commit() throws
}

/// What a run is at.
package enum RunPhase: String, Sendable, Codable {
    case collecting, distilling, evaluating, finished
}
