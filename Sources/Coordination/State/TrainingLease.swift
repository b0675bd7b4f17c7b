package import Wire

/// One training: which distiller has it, what that one has said of it, and the checkpoint that it ended with. Owned by
/// the coordinator, which looks for checkpoints and writes down the end.
package struct TrainingLease {
    /// The node that the training is leased to.
    package private(set) var distiller: String?
    /// What the distiller has said last, by the names of its metrics.
    package private(set) var numbers: [String: Double] = [:]
    /// The lease was given out while histories were still collected, and its holder was not told yet that they are not any
    /// more.
    package private(set) var isGrowing = false
    /// The optimiser step of `numbers`.
    package private(set) var step: UInt64 = 0
    /// So many distillers were lost with the training, one after the other, without another checkpoint of it between them. Those
    /// that left in good order do not count, and neither do those that waited for histories.
    package private(set) var losses = 0
    /// The last of them.
    package private(set) var lastLost = ""
    /// The checkpoint that training has ended with, or that the run was given; nil before.
    package private(set) var finalCheckpoint: String?

    /// `finalCheckpoint`: of a run that only evaluates.
    package init(finalCheckpoint: String? = nil) { self.finalCheckpoint = finalCheckpoint }

    /// Whether the training waits for a distiller.
    package var isFree: Bool { distiller == nil && finalCheckpoint == nil }

    /// `isGrowing`: histories are still collected.
    package mutating func lease(to node: String, isGrowing: Bool = false) {
        distiller = node
        self.isGrowing = isGrowing
    }

    /// The node has left the run: another can have the training. `isLost`: without a word.
    package mutating func leave(_ node: String, isLost: Bool = false) {
        guard distiller == node else { return }
        distiller = nil
        if isLost, !isGrowing { (losses, lastLost) = (losses + 1, node) }
    }

    /// A checkpoint of the training was stored, by whichever distiller: it gets on.
    package mutating func checkpointStored() { losses = 0 }

    /// Training is over with this checkpoint, which is what evaluators get. `numbers`: what its distiller says at the
    /// end.
    package mutating func end(with checkpoint: String, numbers: [String: Double] = [:]) {
        finalCheckpoint = checkpoint
        self.numbers.merge(numbers) { $1 }
    }

    /// Takes numbers of the distiller and gives back what is to be written down: those with `loss_floor`, the entropy of
    /// the source's policies in nats, where it is known. Nil where the training is not leased to the sender.
    package mutating func take(_ metrics: Metrics, from node: String, sourceEntropy: Double? = nil) -> Metrics? {
        guard node == distiller else { return nil }
        var metrics = metrics
        if let sourceEntropy { metrics.numbers["loss_floor"] = sourceEntropy }
        numbers = metrics.numbers
        step = metrics.step
        return metrics
    }
}
