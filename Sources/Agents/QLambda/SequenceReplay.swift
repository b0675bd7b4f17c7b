import Experience

/// The last transitions of a lifetime, as overlapping sequences of each actor: every `stride` rows one begins, and it is
/// whole when its last row has come.
///
/// A row is stored once, as streams store it, in a block of its actor; the oldest block gives way to a new one. A
/// sequence may cross the ends of episodes, and places where a stream has a hole: the row before the hole then stands at
/// a boundary. Of policies with memory a block has what was remembered before it. All of the replay's own memory is taken at
/// the beginning. Belongs to one thread.
final class SequenceReplay {
    /// What follows a row.
    enum Following: UInt8, BitwiseCopyable {
        /// The next row, of the same episode.
        case row
        /// Nothing: the episode has ended, and what comes next is worth nothing to it.
        case end
        /// Nothing that is known: the row says what its observation is worth, and nothing is learnt from it. It is the
        /// last one before a hole, or no transition at all but the final observation of an episode.
        case unknown
        /// The next row, of the next episode of the same trial: to a policy with memory a step like any other.
        case episode

        /// Whether what comes next is worth something to the row.
        var goesOn: Bool { self == .row || self == .episode }
    }

    /// A sequence that no step has learnt from yet.
    struct Fresh: BitwiseCopyable, Hashable {
        /// Number of its first block.
        let block: UInt64
        /// Its transitions that are in no sequence before it.
        let newRows: Int32
    }

    /// Where an actor's stream stands.
    struct Chain: Hashable {
        var incarnation: UInt64
        /// Sequence number of the rollout that goes on with the stream.
        var sequence: UInt64
        /// Number of the block that is being filled.
        var tail: UInt64
        /// Number of the block whose sequence is the next to be whole, and how many blocks it is before `tail`; -1 where
        /// it comes after it.
        var candidate: UInt64
        var lead: Int
        /// Transitions that are in no whole sequence yet, but for its last one.
        var newRows: Int
    }

    let layout: ReplayLayout
    /// Blocks so far: number n lies in place n % capacity, until number n + capacity does.
    var blocks: UInt64 = 0
    /// (capacity * stride, observation bytes)
    let observations: UnsafeMutablePointer<UInt8>
    /// (capacity * stride, action bytes)
    let actions: UnsafeMutablePointer<UInt8>
    /// (capacity * stride) each.
    let rewards: UnsafeMutablePointer<Float>
    let following: UnsafeMutablePointer<UInt8>
    /// (capacity, memoryWidth): what was remembered before each block's first row.
    let memories: UnsafeMutablePointer<Float>
    /// (capacity): rows of each block.
    let lengths: UnsafeMutablePointer<UInt32>
    /// (capacity): how many blocks later its actor's next block is; 0 for none.
    let steps: UnsafeMutablePointer<UInt32>
    /// (capacity): the block's place in `wholes`, or -1.
    private let placeInWholes: UnsafeMutablePointer<Int32>
    /// (wholeCount): places of the blocks with which whole sequences begin.
    let wholes: UnsafeMutablePointer<UInt32>
    /// Sequences that can be drawn.
    var wholeCount = 0
    /// Of each actor that has a stream.
    var chains: [Int: Chain] = [:]
    /// Whole sequences that no step has learnt from, the oldest first; `takeFresh` removes them.
    var fresh: [Fresh] = []

    init(_ layout: ReplayLayout) {
        self.layout = layout
        let (blocks, rows) = (layout.capacity, layout.capacity * layout.stride)
        observations = .allocate(capacity: rows * layout.observationBytes)
        actions = .allocate(capacity: rows * layout.actionBytes)
        rewards = .allocate(capacity: rows)
        following = .allocate(capacity: rows)
        memories = .allocate(capacity: max(1, blocks * layout.memoryWidth))
        lengths = .allocate(capacity: blocks)
        steps = .allocate(capacity: blocks)
        placeInWholes = .allocate(capacity: blocks)
        wholes = .allocate(capacity: blocks)
    }

    deinit {
        observations.deallocate()
        actions.deallocate()
        rewards.deallocate()
        following.deallocate()
        memories.deallocate()
        lengths.deallocate()
        steps.deallocate()
        placeInWholes.deallocate()
        wholes.deallocate()
    }

    /// The number of the oldest block that is still there.
    var oldest: UInt64 { blocks - min(blocks, UInt64(layout.capacity)) }
    func isThere(_ block: UInt64) -> Bool { block >= oldest && block < blocks }
    func place(of block: UInt64) -> Int { Int(block % UInt64(layout.capacity)) }

    // MARK: - Rows

    /// A row to be appended.
    struct Row {
        /// (observation bytes), copied.
        var observation: UnsafePointer<UInt8>
        var action: Int32 = 0
        var reward: Float = 0
        var following: Following
        /// (memoryWidth), copied: what is remembered before it; nil where nothing ever is.
        var memory: UnsafePointer<Float>?
    }

    /// The actor's rollout of this sequence number comes next. Where it does not go on where the stream stood in
    /// mid-episode, the last row stands at a boundary from now on. Returns how many transitions nothing will be learnt
    /// from because of that, 0 or 1.
    func begin(actor: Int, incarnation: UInt64, sequence: UInt64) -> Int {
        guard var chain = chains[actor] else { return 0 }
        let goesOn = chain.incarnation == incarnation && chain.sequence == sequence
        let lost = goesOn ? 0 : cut(&chain)
        chains[actor] = chain
        return lost
    }

    /// Marks the chain's last row as one before a hole, if its episode goes on.
    private func cut(_ chain: inout Chain) -> Int {
        guard isThere(chain.tail) else { return 0 }
        let tail = place(of: chain.tail)
        guard lengths[tail] > 0 else { return 0 }
        let last = tail * layout.stride + Int(lengths[tail]) - 1
        guard Following(rawValue: following[last])?.goesOn ?? false else { return 0 }
        following[last] = Following.unknown.rawValue
        chain.newRows -= 1
        return 1
    }

    /// The actor's rollout has ended, and this is the sequence number of the next.
    func end(actor: Int, incarnation: UInt64, nextSequence: UInt64) {
        chains[actor]?.incarnation = incarnation
        chains[actor]?.sequence = nextSequence
    }

    /// The actor's stream has ended. Returns how many transitions are in no sequence.
    func remove(actor: Int) -> Int { chains.removeValue(forKey: actor)?.newRows ?? 0 }

    /// Appends a row to the actor's stream, and with it perhaps a sequence to `fresh`.
    func append(_ row: Row, actor: Int) {
        var chain = chains[actor] ?? Chain(incarnation: 0, sequence: 0, tail: 0, candidate: 0, lead: -1, newRows: 0)
        // A stream that others have overtaken by the whole replay begins anew.
        let isLost = chain.lead >= 0 && !(isThere(chain.candidate) && isThere(chain.tail))
        if isLost { (chain.lead, chain.newRows) = (-1, 0) }
        if chains[actor] == nil || isLost {
            addBlock(to: &chain, isFirst: true)
        } else if lengths[place(of: chain.tail)] == UInt32(layout.stride) {
            addBlock(to: &chain, isFirst: false)
        }
        let tail = place(of: chain.tail)
        if lengths[tail] == 0, let memory = row.memory {
            (memories + tail * layout.memoryWidth).update(from: memory, count: layout.memoryWidth)
        }
        write(row, to: tail * layout.stride + Int(lengths[tail]))
        lengths[tail] += 1
        if row.following != .unknown { chain.newRows += 1 }
        if chain.lead == layout.blocksOfSequence - 1, lengths[tail] == UInt32(layout.rowsOfLastBlock) {
            complete(&chain, endsInMidEpisode: row.following.goesOn)
        }
        chains[actor] = chain
    }

    private func write(_ row: Row, to index: Int) {
        let width = layout.observationBytes
        (observations + index * width).update(from: row.observation, count: width)
        withUnsafeBytes(of: row.action.littleEndian) { bytes in
            for byte in 0..<layout.actionBytes { actions[index * layout.actionBytes + byte] = bytes[byte] }
        }
        rewards[index] = row.reward
        following[index] = row.following.rawValue
    }

    /// A new block takes the place of the oldest one, whose sequence cannot be drawn any more.
    private func addBlock(to chain: inout Chain, isFirst: Bool) {
        let new = place(of: blocks)
        if blocks >= UInt64(layout.capacity) { forgetSequence(of: new) }
        if !isFirst { steps[place(of: chain.tail)] = UInt32(truncatingIfNeeded: blocks - chain.tail) }
        clear(new)
        chain.tail = blocks
        chain.lead += 1
        if chain.lead == 0 { chain.candidate = blocks }
        blocks += 1
    }

    /// Rows beyond a block's length are zero, so that equal replays are saved as equal bytes.
    private func clear(_ block: Int) {
        let (first, rows) = (block * layout.stride, layout.stride)
        (observations + first * layout.observationBytes).update(repeating: 0, count: rows * layout.observationBytes)
        (actions + first * layout.actionBytes).update(repeating: 0, count: rows * layout.actionBytes)
        (rewards + first).update(repeating: 0, count: rows)
        (following + first).update(repeating: 0, count: rows)
        (memories + block * layout.memoryWidth).update(repeating: 0, count: layout.memoryWidth)
        lengths[block] = 0
        steps[block] = 0
        placeInWholes[block] = -1
    }

    /// The candidate's sequence is whole.
    private func complete(_ chain: inout Chain, endsInMidEpisode: Bool) {
        let first = place(of: chain.candidate)
        addWhole(first)
        // The last row only says what its observation is worth: it is learnt from in the next sequence.
        let kept = endsInMidEpisode ? 1 : 0
        fresh.append(Fresh(block: chain.candidate, newRows: Int32(truncatingIfNeeded: chain.newRows - kept)))
        chain.newRows = kept
        chain.lead -= 1
        chain.candidate += UInt64(steps[first])
    }

    /// The sequence that begins with the block in this place can be drawn.
    func addWhole(_ place: Int) {
        placeInWholes[place] = Int32(truncatingIfNeeded: wholeCount)
        wholes[wholeCount] = UInt32(truncatingIfNeeded: place)
        wholeCount += 1
    }

    /// Notes that no whole sequence begins with the block in this place.
    func noteNoWhole(_ place: Int) { placeInWholes[place] = -1 }
    func isNoted(_ place: Int) -> Bool { placeInWholes[place] >= 0 }

    /// The last of the whole sequences takes the place of the one that is gone.
    private func forgetSequence(of block: Int) {
        let place = Int(placeInWholes[block])
        guard place >= 0 else { return }
        wholeCount -= 1
        wholes[place] = wholes[wholeCount]
        placeInWholes[Int(wholes[place])] = Int32(truncatingIfNeeded: place)
        placeInWholes[block] = -1
    }

    // MARK: - Sequences

    /// The place of the first block of one of the whole sequences, each as likely as the others if `word` is random.
    /// There must be one.
    func drawn(by word: UInt32) -> Int { Int(wholes[Int((UInt64(word) * UInt64(wholeCount)) >> 32)]) }

    /// Copies the rows of the sequence that begins with the block in this place.
    ///
    /// - Parameters:
    ///   - observations: (sequence length, observation bytes)
    ///   - actions: (sequence length), numbers
    ///   - rewards, following: (sequence length)
    func copySequence(
        from first: Int, observations: UnsafeMutablePointer<UInt8>, actions: UnsafeMutablePointer<Int32>,
        rewards: UnsafeMutablePointer<Float>, following: UnsafeMutablePointer<UInt8>
    ) {
        let width = layout.observationBytes
        var place = first
        for start in stride(from: 0, to: layout.sequenceLength, by: layout.stride) {
            let (row, rows) = (place * layout.stride, min(layout.stride, layout.sequenceLength - start))
            (observations + start * width).update(from: self.observations + row * width, count: rows * width)
            (rewards + start).update(from: self.rewards + row, count: rows)
            (following + start).update(from: self.following + row, count: rows)
            for index in 0..<rows { actions[start + index] = action(row + index) }
            place = (place + Int(steps[place])) % layout.capacity
        }
    }

    /// What was remembered before the first row of the block in this place, (memoryWidth).
    func memory(of block: Int) -> UnsafePointer<Float> { UnsafePointer(memories + block * layout.memoryWidth) }

    /// The number of the action in a row.
    func action(_ row: Int) -> Int32 {
        var number: UInt32 = 0
        for byte in 0..<layout.actionBytes {
            number |= UInt32(actions[row * layout.actionBytes + byte]) << UInt32(8 * byte)
        }
        return Int32(bitPattern: number)
    }

    /// Removes the oldest `count` of `fresh`.
    func removeFresh(_ count: Int) { fresh.removeFirst(count) }
}
