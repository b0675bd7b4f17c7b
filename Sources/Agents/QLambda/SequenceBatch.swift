import Experience

/// The sequences of one step, (sequences, length) row after row, with the errors of their lambda-returns.
///
/// A step calls `place` for each sequence, has its `observations` looked at, and calls `computeErrors` with the values of
/// both networks. The memory is taken at the beginning.
final class SequenceBatch {
    /// Rows of all sequences.
    let count: Int
    /// Rows that are learnt from.
    private(set) var learntCount = 0
    /// (count): the row of the network's heads that belongs to each row; for the owner to fill in.
    let slotOfRow: GrowingBuffer<Int>
    /// (count): a_t of each row.
    let actionOfRow: GrowingBuffer<Int32>
    /// (count): G_t - Q(o_t, a_t), 0 where nothing is learnt.
    let errors: GrowingBuffer<Float>
    /// (count): whether the row is learnt from.
    let learns: GrowingBuffer<Bool>

    /// (count, observation bytes): as they are stored.
    let observations: GrowingBuffer<UInt8>

    /// (sequences, memoryWidth): what was remembered before each sequence.
    let memories: GrowingBuffer<Float>
    /// (count)
    let rewards: GrowingBuffer<Float>

    let layout: ReplayLayout
    private let following: GrowingBuffer<UInt8>

    init(sequences: Int, layout: ReplayLayout) {
        count = sequences * layout.sequenceLength
        self.layout = layout
        slotOfRow = GrowingBuffer(capacity: count)
        actionOfRow = GrowingBuffer(capacity: count)
        errors = GrowingBuffer(capacity: count)
        learns = GrowingBuffer(capacity: count)
        observations = GrowingBuffer(capacity: count * layout.observationBytes)
        rewards = GrowingBuffer(capacity: count)
        following = GrowingBuffer(capacity: count)
        memories = GrowingBuffer(capacity: sequences * layout.memoryWidth)
    }

    /// What follows a row.
    func following(_ row: Int) -> SequenceReplay.Following {
        SequenceReplay.Following(rawValue: following.base[row]) ?? .unknown
    }

    /// Sequence number `index` is the one that begins with the block in this place of the replay.
    func place(_ index: Int, from block: Int, of replay: SequenceReplay) {
        let row = index * layout.sequenceLength
        replay.copySequence(
            from: block, observations: observations.base + row * layout.observationBytes,
            actions: actionOfRow.base + row, rewards: rewards.base + row, following: following.base + row)
        (memories.base + index * layout.memoryWidth).update(
            from: replay.memory(of: block), count: layout.memoryWidth)
    }

    /// Fills in `errors` and `learns` from the heads of the network (slots, headWidth) and max_a Q'(o, a) of the target
    /// network (slots).
    ///
    /// G_t = r_t + discount * ((1 - lambda) * max_a Q'(o_{t+1}, a) + lambda * G_{t+1}), Peng's Q(lambda), and the error
    /// is G_t - Q(o_t, a_t). Behind the end of an episode, or of a trial where there are some, both terms are 0. At the last row of a sequence, and before a
    /// hole, max_a Q' stands for everything that follows the row before, and the row itself is not learnt from: it is in
    /// the next sequence, too.
    ///
    /// For example with discount 0.9, lambda 0.75, target values 1, 2, 4 and no reward and no end: the last row is not
    /// learnt from, G_1 = 0.9 * 4 = 3.6, G_0 = 0.9 * (0.25 * 2 + 0.75 * 3.6) = 2.88.
    func computeErrors(
        heads: UnsafePointer<Float>, headWidth: Int, targets: UnsafePointer<Float>, discount: Float, lambda: Float
    ) {
        learntCount = 0
        let length = layout.sequenceLength
        for first in stride(from: 0, to: count, by: length) {
            var nextValue: Float = 0
            var nextReturn: Float = 0
            for row in stride(from: first + length - 1, through: first, by: -1) {
                let value = targets[slotOfRow.base[row]]
                let follows = following(row)
                let isOpen = row == first + length - 1 && follows.goesOn
                if isOpen || follows == .unknown {
                    learns.base[row] = false
                    errors.base[row] = 0
                    (nextValue, nextReturn) = (value, value)
                    continue
                }
                if follows == .end { (nextValue, nextReturn) = (0, 0) }
                let target = rewards.base[row] + discount * ((1 - lambda) * nextValue + lambda * nextReturn)
                let action = Int(actionOfRow.base[row])
                learns.base[row] = true
                errors.base[row] = target - heads[slotOfRow.base[row] * headWidth + action]
                learntCount += 1
                (nextValue, nextReturn) = (value, target)
            }
        }
    }
}
