package import Wire

/// The run's one training: which distiller has it, what that one has said of it, and the checkpoint that it ended with.
/// Owned by the coordinator, which looks for checkpoints and writes down the end.
package struct TrainingLease {
    /// The node that the training is leased to.
    package private(set) var distiller: String?
    /// What the distiller has said last, by the names of its metrics.
    package private(set) var numbers: [String: Double] = [:]
    /// The optimiser step of `numbers`.
    package private(set) var step: UInt64 = 0
    /// Of the train lifetimes that have ended since the coordinator started: their policies' entropies in nats, each
    /// times the transitions that it is the mean over, and these transitions.
    private var entropySum = 0.0
    private var entropyTransitions = 0.0
    /// The checkpoint that training has ended with, or that the run was given; nil before.
    package private(set) var finalCheckpoint: String?

    /// `finalCheckpoint`: of a run that only evaluates.
    package init(finalCheckpoint: String? = nil) { self.finalCheckpoint = finalCheckpoint }

    /// Whether the training waits for a distiller.
    package var isFree: Bool { distiller == nil && finalCheckpoint == nil }

    package mutating func lease(to node: String) { distiller = node }

    /// The node has left the run: another can have the training.
    package mutating func leave(_ node: String) { if distiller == node { distiller = nil } }

    /// Training is over with this checkpoint, which is what evaluators get. `numbers`: what its distiller says at the
    /// end.
    package mutating func end(with checkpoint: String, numbers: [String: Double] = [:]) {
        finalCheckpoint = checkpoint
        self.numbers.merge(numbers) { $1 }
    }

    /// A train lifetime has ended with these numbers of its learner.
    package mutating func note(source numbers: [String: Double]) {
        guard let entropy = numbers["mean_policy_entropy"], let learnt = numbers["transitions_learnt"] else { return }
        entropySum += entropy * learnt
        entropyTransitions += learnt
    }

    /// Mean entropy in nats of the source's policies: about what a model that knew each policy would lose. Nil where no
    /// lifetime of this start of the run has said it.
    package var sourceEntropy: Double? { entropyTransitions > 0 ? entropySum / entropyTransitions : nil }

    /// Takes numbers of the distiller and gives back what is to be written down: those with `loss_floor`, the entropy
    /// of the source's policies, where it is known. Nil where the training is not leased to the sender.
    package mutating func take(_ metrics: Metrics, from node: String) -> Metrics? {
        guard node == distiller else { return nil }
        var metrics = metrics
        if let sourceEntropy { metrics.numbers["loss_floor"] = sourceEntropy }
        numbers = metrics.numbers
        step = metrics.step
        return metrics
    }
}
