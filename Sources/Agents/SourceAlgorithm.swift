import Environments
package import Experience

/// Chooses the actions of some streams, in one process. Belongs to one thread.
///
/// A source algorithm's actor is one; the policy of a distilled model is another. `RolloutCollector` drives it.
package protocol StreamActor: AnyObject {
    /// Number of streams, B.
    var count: Int { get }
    /// Whether it is shown what streams store, where that is not what is seen of it.
    var seesStored: Bool { get }
    /// Chooses a_t from o_t. `observations`: (B, observation bytes), elements of the observation space, or with
    /// `seesStored` of the stored one; `episodes` and
    /// `steps`: (B), where each actor stands; writes `actions`: (B, action bytes). Allocates nothing.
    ///
    /// An action depends on the actor's stream key, its episode, its step, its observation and the parameters alone, and
    /// where it remembers or learns on what this trial has brought: at step 0 of an episode that begins a trial
    /// (`EnvironmentDescription.beginsTrial`), which is every episode where tasks do not change, all of that is
    /// forgotten. So a stream can be taken up there by another process.
    func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer)
    /// Sees what the actions of the last `act` brought, (B). For policies that learn within a stream, as in-context
    /// ones do.
    func receive(rewards: UnsafePointer<Float>)
}

extension StreamActor {
    /// Most see what there is to be seen.
    package var seesStored: Bool { false }
}

/// Acts for a source algorithm in one lifetime, under the learner's parameters. Lives in an actor process, which
/// `load`s each version that the learner broadcasts, between two rollouts.
package protocol SourceActor: StreamActor {
    /// Takes over what the learner's `withActingParameters` lends: copies it, since the memory is lent. Throws
    /// `SourceAlgorithmError`, and goes on with what it had, when it does not fit.
    func load(parameters: UnsafeBufferPointer<Float>) throws
    /// Of the softmax that actions are drawn from, for what is loaded next: above 0, 1 as in training. For evaluation.
    /// Throws `SourceAlgorithmError` where the algorithm draws from no softmax.
    func setTemperature(_ temperature: Double) throws
}

extension SourceActor {
    /// Most source algorithms learn from rewards in their learner alone.
    package func receive(rewards: UnsafePointer<Float>) {}

    package func setTemperature(_ temperature: Double) throws {
        guard temperature == 1 else {
            throw SourceAlgorithmError("the source algorithm has no temperature: expected 1, found \(temperature)")
        }
    }
}

/// Learns from the rollouts of one lifetime. Lives in a learner process and belongs to one thread.
///
/// `update` is deterministic: a learner that was restored from `save` and is given the same rollouts comes to the same
/// parameters.
package protocol SourceLearner: AnyObject {
    /// Updates so far, those that learnt nothing included; the policy version that the acting parameters are broadcast
    /// under.
    var version: UInt64 { get }
    /// Lends what actors load to act as the learner would after its last update: the parameters of a network, or a
    /// table of what it computes, whichever is less to send. A table is computed anew by each call.
    func withActingParameters<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result
    /// How many of the rollouts that wait the next update is to learn from, the oldest ones; 0 waits for more. It is
    /// asked again after each update. Pure: the answer follows from `waiting` and from what `save` holds, and asking
    /// changes nothing.
    ///
    /// With 10 actors, one rollout of each an update is `waiting.count >= 10 ? waiting.count : 0`, an update from every
    /// rollout is 1. A learner that never wants what waits does not stop the lifetime: see `RolloutQueue`.
    func rolloutsOfNextUpdate(_ waiting: WaitingRollouts) -> Int
    /// Learns once from all rollouts. What comes out depends on the rollouts, of this update and those before, not on
    /// how batches divide them: they are ordered by actor and sequence first. Throws `SourceAlgorithmError`, and learns
    /// nothing, when an observation or an action lies outside its space.
    func update(_ batches: [RolloutBatch]) throws -> UpdateReport
    /// Called again and again while an update is at work, however many rollouts it learns from, on the learner's
    /// thread: so that a long update is not taken for a dead process.
    var onProgress: (() -> Void)? { get set }
    /// Everything that the next update depends on: parameters, optimiser, version, transitions that wait. At most
    /// `LifetimeNeeds.largestSavedBytes`.
    func save() -> [UInt8]
    /// Goes on where `save` was called. `bytes` may come from a damaged file: throws `SourceAlgorithmError` when they
    /// are damaged or do not fit.
    func restore(_ bytes: [UInt8]) throws
}

extension SourceLearner {
    /// A copy of what actors load.
    package var actingParameters: [Float] { withActingParameters { Array($0) } }
}

/// A number that source algorithms tell of an update, by its name in metrics. An algorithm may make measures of its
/// own; the ones here are those that several algorithms have.
package struct Measure: Hashable, Sendable {
    package let name: String

    package init(_ name: String) { self.name = name }

    /// The policy's part of the objective.
    package static let policyLoss = Measure("policy_loss")
    /// Half the squared error of the value.
    package static let valueLoss = Measure("value_loss")
    /// Mean entropy in nats of the policy: what a perfect model of these actions would lose.
    package static let policyEntropy = Measure("policy_entropy")
    /// Norm of the gradient before clipping.
    package static let gradientNorm = Measure("gradient_norm")
}

/// What one update saw and did; the learner's metrics are made of it.
package struct UpdateReport: Hashable, Sendable {
    /// The version that the update led to.
    package var version: UInt64
    /// Transitions that came.
    package var rows = 0
    /// Transitions that were learnt from. One at which a rollout was cut in mid-episode is learnt from with the rollout
    /// that continues the episode, which may come with a later update.
    package var learntRows = 0
    /// Transitions at which a rollout was cut and whose episode turned out not to go on: nothing is learnt from them.
    package var cutRows = 0
    /// Transitions whose gradient was not finite: nothing was learnt from them.
    package var divergedRows = 0
    /// Further numbers that the algorithm tells of the update, as means over the rows learnt from, but for the
    /// gradient's norm.
    package var measures: [Measure: Double] = [:]

    package init(version: UInt64) { self.version = version }

    /// The same update where its gradient was not finite: its rows came, and nothing was learnt from them.
    var diverged: UpdateReport {
        var report = UpdateReport(version: version)
        report.rows = rows
        report.cutRows = cutRows
        report.divergedRows = learntRows
        return report
    }
}

/// A setting, an environment or saved bytes that a source algorithm cannot accept.
package struct SourceAlgorithmError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }
}
