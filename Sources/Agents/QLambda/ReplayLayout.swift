import Experience

/// Sizes of a `SequenceReplay`.
///
/// Rows lie in blocks of `stride` rows of one actor, because every `stride` rows a new sequence begins: a sequence is the
/// first rows of some blocks that follow one another. With sequences of 40 and a stride of 9 it is 4 blocks and 4 rows of
/// a fifth.
struct ReplayLayout: Hashable {
    /// Rows of a sequence.
    let sequenceLength: Int
    /// Rows of a block.
    let stride: Int
    let observationBytes: Int
    let actionBytes: Int
    /// Floats of what is remembered before a block; 0 of policies without memory.
    let memoryWidth: Int
    /// Blocks that there is room for.
    let capacity: Int

    /// `rows`: of the rollouts. At most so many transitions, and so many bytes of memory.
    init(
        sequenceLength: Int, stride: Int, rows: RolloutLayout, memoryWidth: Int = 0, mostTransitions: Int,
        mostBytes: Int
    ) {
        self.sequenceLength = sequenceLength
        self.stride = stride
        observationBytes = rows.width(of: .observations)
        actionBytes = rows.width(of: .actions)
        self.memoryWidth = memoryWidth
        let blockBytes =
            stride * Self.rowBytes(observationBytes, actionBytes) + 4 * memoryWidth + Self.blockOverhead
        capacity = min(mostTransitions / stride, mostBytes / blockBytes)
    }

    /// Bytes of a row: observation, action, reward, what follows.
    var rowBytes: Int { Self.rowBytes(observationBytes, actionBytes) }
    private static func rowBytes(_ observation: Int, _ action: Int) -> Int { observation + action + 4 + 1 }
    /// Bytes of a block beside its rows and what is remembered before them: its length, the next block, and its place among the sequences.
    private static let blockOverhead = 4 + 4 + 4 + 4

    /// Blocks that a sequence reaches into.
    var blocksOfSequence: Int { (sequenceLength - 1) / stride + 1 }
    /// Rows of its last block that belong to it.
    var rowsOfLastBlock: Int { (sequenceLength - 1) % stride + 1 }
}
