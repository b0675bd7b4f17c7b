import Experience
import Neural

/// A policy written out: the probabilities of all actions at every observation there is, (observations, actions).
///
/// Where observations are few, this is what actors load instead of the network: 1.6 KB in place of 147 in Dark Room 9 x
/// 9 (81 observations of 5 actions, 4 bytes each). Each policy is then computed once for all processes, and what they
/// draw from has the same bits.
final class PolicyTable {
    /// Most observations that a table has. With more rows the learner would be at work for its actors longer than for
    /// itself: an update of 100 actors sees some hundred different observations, forward and backward.
    static let largestRows = 512

    private let shape: ActorCriticShape
    private let rows: Int
    /// (rows, components): the observation of each row.
    private let components: GrowingBuffer<Int32>
    private let policy = PolicyBuffers()

    /// Nil where actors load the network: `rows(of:shape:)` says so.
    init?(_ observation: IntegerComponents, shape: ActorCriticShape) {
        guard let rows = Self.rows(of: observation, shape: shape) else { return nil }
        self.shape = shape
        self.rows = rows
        components = GrowingBuffer(capacity: rows * shape.components.count)
        policy.reserve(rows: rows, actions: shape.actions)
        for row in 0..<rows {
            observation.write(row, rows: components.base + row * shape.components.count)
        }
    }

    /// One row for each observation where those are few and the table is smaller than the network, otherwise nil.
    static func rows(of observation: IntegerComponents, shape: ActorCriticShape) -> Int? {
        guard let rows = observation.tableSize, rows <= largestRows, rows * shape.actions < shape.parameterCount
        else { return nil }
        return rows
    }

    /// Writes out what `network`, of the table's shape, does with `parameters`, and lends it, (rows, actions): valid
    /// until the next call. Overwrites the network's `heads`.
    func fill(from network: ActorCriticNetwork, parameters: UnsafePointer<Float>) -> UnsafeBufferPointer<Float> {
        network.forward(parameters: parameters, components: components.base, rows: rows)
        policy.fill(from: network.heads, shape: shape, rows: rows)
        return UnsafeBufferPointer(start: policy.probabilities.base, count: rows * shape.actions)
    }
}
