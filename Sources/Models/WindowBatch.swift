import CKernels

/// Windows of transitions as the embedding reads them, B windows of c rows, end to end.
package final class WindowBatch {
    package let windows: Int
    package let length: Int
    package let width: Int
    /// (B, c, width) rows of the observation table.
    package let components: UnsafeMutablePointer<Int32>
    /// (B, c) the action before the row, or "none".
    package let previousActions: UnsafeMutablePointer<Int32>
    /// (B, c) the reward before the row.
    package let previousRewards: UnsafeMutablePointer<Float>
    /// (B, c) which of previous action (1) and previous reward (2) are hidden; the merged layout hides both or neither.
    package let masked: UnsafeMutablePointer<UInt8>
    /// (B, c) the action of the row.
    package let targets: UnsafeMutablePointer<Int32>
    /// (B, c) whether the row's action is taught.
    package let taught: UnsafeMutablePointer<UInt8>

    package init(windows: Int, length: Int, width: Int) {
        self.windows = windows
        self.length = length
        self.width = width
        let rows = windows * length
        components = .allocate(capacity: rows * width)
        previousActions = .allocate(capacity: rows)
        previousRewards = .allocate(capacity: rows)
        masked = .allocate(capacity: rows)
        targets = .allocate(capacity: rows)
        taught = .allocate(capacity: rows)
        components.initialize(repeating: 0, count: rows * width)
        previousActions.initialize(repeating: 0, count: rows)
        previousRewards.initialize(repeating: 0, count: rows)
        masked.initialize(repeating: 0, count: rows)
        targets.initialize(repeating: 0, count: rows)
        taught.initialize(repeating: 0, count: rows)
    }

    deinit {
        components.deallocate()
        previousActions.deallocate()
        previousRewards.deallocate()
        masked.deallocate()
        targets.deallocate()
        taught.deallocate()
    }

    /// The tokens from row `row` on, as the kernels take them.
    @inline(__always)
    func tokens(from row: Int) -> ck_tokens {
        ck_tokens(
            components: components + row * width, width: width, actions: previousActions + row,
            rewards: previousRewards + row, masked: masked + row)
    }
}
