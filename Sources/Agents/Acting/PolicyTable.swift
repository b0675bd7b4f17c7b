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

    private let policy: PerceptronPolicy
    private let rows: Int
    /// (rows, components): the observation of each row.
    private let components: GrowingBuffer<Int32>
    private let policies = PolicyBuffers()

    /// Nil where actors load the network: `rows(of:)` says so.
    init?(_ policy: PerceptronPolicy) {
        guard let rows = Self.rows(of: policy) else { return nil }
        self.policy = policy
        self.rows = rows
        let width = policy.shape.components.count
        components = GrowingBuffer(capacity: rows * width)
        policies.reserve(rows: rows, actions: policy.actions)
        for row in 0..<rows { policy.observation.write(row, rows: components.base + row * width) }
    }

    /// One row for each observation where those are few and the table is smaller than the network, otherwise nil.
    static func rows(of policy: PerceptronPolicy) -> Int? {
        guard let rows = policy.observation.tableSize, rows <= largestRows,
            rows * policy.actions < policy.shape.parameterCount
        else { return nil }
        return rows
    }

    /// Writes out what `network`, of the policy's shape, does with `parameters` and, where the policy has one, this
    /// share of random actions, and lends it, (rows, actions): valid until the next call. Overwrites the network's
    /// `heads`.
    func fill(
        from network: PerceptronNetwork, parameters: UnsafePointer<Float>, exploration: Float = 0
    ) -> UnsafeBufferPointer<Float> {
        network.forward(parameters: parameters, components: components.base, rows: rows)
        policy.policy.fill(
            policies, from: network.heads, width: policy.shape.headWidth, rows: rows, exploration: exploration)
        return UnsafeBufferPointer(start: policies.probabilities.base, count: rows * policy.actions)
    }
}
