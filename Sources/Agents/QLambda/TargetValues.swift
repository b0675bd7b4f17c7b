import Experience
import Neural

/// What the target network says that observations are worth: max_a Q'(o, a).
///
/// Where observations are few they are all computed when the network changes, which is seldom; otherwise those of each
/// batch.
final class TargetValues {
    /// (parameterCount) of the target network, the owner's; `refresh` after a change.
    private let weights: FloatBuffer
    private let policy: PerceptronPolicy
    private let network: PerceptronNetwork
    /// Observations that there are, where those are few.
    private let rows: Int?
    /// (rows, components)
    private let components = GrowingBuffer<Int32>()
    /// (rows)
    private let ofNumber = GrowingBuffer<Float>()
    /// (slots) of the last batch.
    private let ofSlot = GrowingBuffer<Float>()

    init(_ policy: PerceptronPolicy, weights: FloatBuffer) {
        self.policy = policy
        network = policy.makeNetwork()
        self.weights = weights
        rows = policy.observation.tableSize.flatMap { $0 <= PolicyTable.largestRows ? $0 : nil }
        guard let rows else { return }
        let width = policy.shape.components.count
        components.reserve(rows * width)
        ofNumber.reserve(rows)
        for row in 0..<rows { policy.observation.write(row, rows: components.base + row * width) }
    }

    /// To be called when `weights` have changed.
    func refresh() {
        guard let rows else { return }
        compute(components.base, rows, into: ofNumber.base)
    }

    /// The values of all slots, (slots): valid until the next call.
    func values(of slots: ObservationSlots) -> UnsafePointer<Float> {
        ofSlot.reserve(slots.count)
        if rows == nil {
            compute(slots.components, slots.count, into: ofSlot.base)
        } else {
            for slot in 0..<slots.count { ofSlot.base[slot] = ofNumber.base[slots.number(of: slot)] }
        }
        return UnsafePointer(ofSlot.base)
    }

    private func compute(_ components: UnsafePointer<Int32>, _ rows: Int, into values: UnsafeMutablePointer<Float>) {
        network.forward(parameters: weights.start, components: components, rows: rows)
        for row in 0..<rows {
            let heads = network.heads + row * policy.shape.headWidth
            values[row] = heads[greedyAction(heads, policy.actions)]
        }
    }
}
