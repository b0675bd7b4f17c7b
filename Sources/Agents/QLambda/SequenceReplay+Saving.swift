/// Saved bytes: blocks so far (UInt64), whole sequences, new ones and streams (UInt32 each), and a UInt32 of 0; of the
/// blocks that are there, the oldest first, the lengths and the steps to the next (UInt32 each), observations, actions,
/// rewards, what follows, and what was remembered before each block (Float each), column by column; the first block's place of each whole sequence (UInt32); block (UInt64)
/// and new rows (Int32) of each new sequence; of each stream, ascending by actor: actor, incarnation, sequence, tail,
/// candidate (UInt64 each), lead and new rows (Int32 each).
extension SequenceReplay {
    private static let headerBytes = 24
    private static let freshBytes = 12
    private static let chainBytes = 48

    static func largestSavedBytes(_ layout: ReplayLayout, chains: Int, fresh: Int) -> Int {
        bytes(layout, blocks: layout.capacity, wholes: layout.capacity, fresh: fresh, chains: chains)
    }

    private static func bytes(_ layout: ReplayLayout, blocks: Int, wholes: Int, fresh: Int, chains: Int) -> Int {
        headerBytes + blocks * (8 + layout.stride * layout.rowBytes + 4 * layout.memoryWidth) + 4 * wholes + freshBytes
            * fresh
            + chainBytes * chains
    }

    func save(to bytes: inout SavedBytes) {
        bytes.append(blocks)
        for count in [wholeCount, fresh.count, chains.count, 0] { bytes.append(UInt32(count)) }
        let stride = layout.stride
        appendBlocks(lengths, 1, to: &bytes)
        appendBlocks(steps, 1, to: &bytes)
        appendBlocks(observations, stride * layout.observationBytes, to: &bytes)
        appendBlocks(actions, stride * layout.actionBytes, to: &bytes)
        appendBlocks(rewards, stride, to: &bytes)
        appendBlocks(following, stride, to: &bytes)
        appendBlocks(memories, layout.memoryWidth, to: &bytes)
        bytes.append(UnsafePointer(wholes), wholeCount)
        for sequence in fresh {
            bytes.append(sequence.block)
            bytes.append(sequence.newRows)
        }
        for (actor, chain) in chains.sorted(by: { $0.key < $1.key }) {
            for number in [UInt64(actor), chain.incarnation, chain.sequence, chain.tail, chain.candidate] {
                bytes.append(number)
            }
            bytes.append(Int32(chain.lead))
            bytes.append(Int32(chain.newRows))
        }
    }

    /// The ring's blocks in the order of their numbers are those from the oldest one's place on, and those before it.
    private var parts: [Range<Int>] {
        guard blocks > UInt64(layout.capacity) else { return [0..<Int(blocks)] }
        let first = place(of: oldest)
        return [first..<layout.capacity, 0..<first]
    }

    private func appendBlocks<Element: BitwiseCopyable>(
        _ column: UnsafeMutablePointer<Element>, _ width: Int, to bytes: inout SavedBytes
    ) {
        for part in parts { bytes.append(UnsafePointer(column + part.lowerBound * width), part.count * width) }
    }

    /// Fills this replay, which must be new, from the bytes between two offsets. Throws `SourceAlgorithmError` for what
    /// no replay of this layout and of so many `actions` can hold; it must not be used then. `isMemory`: whether numbers
    /// (memoryWidth) can be what is remembered before a row.
    func restore(
        _ saved: SavedNumbers, from start: Int, to end: Int, actions count: Int,
        isMemory: (UnsafePointer<Float>) -> Bool = { _ in true }
    ) throws {
        guard end - start >= Self.headerBytes else { throw Self.damaged("ends before its counts") }
        let counts = (0..<4).map { Int(saved.read(start + 8 + 4 * $0) as UInt32) }
        blocks = saved.read(start)
        let live = Int(blocks - oldest)
        guard blocks < 1 << 62, counts[0] <= live, counts[3] == 0,
            end - start
                == Self.bytes(layout, blocks: live, wholes: counts[0], fresh: counts[1], chains: counts[2])
        else { throw Self.damaged("has another length than its counts say") }
        var offset = start + Self.headerBytes
        offset = restoreBlocks(lengths, 1, saved, offset)
        offset = restoreBlocks(steps, 1, saved, offset)
        offset = restoreBlocks(observations, layout.stride * layout.observationBytes, saved, offset)
        offset = restoreBlocks(self.actions, layout.stride * layout.actionBytes, saved, offset)
        offset = restoreBlocks(rewards, layout.stride, saved, offset)
        offset = restoreBlocks(following, layout.stride, saved, offset)
        offset = restoreBlocks(memories, layout.memoryWidth, saved, offset)
        try checkBlocks(actions: count, isMemory)
        offset = try restoreWholes(counts[0], saved, offset)
        offset = try restoreFresh(counts[1], saved, offset)
        try restoreChains(counts[2], saved, offset)
    }

    private func restoreBlocks<Element: BitwiseCopyable>(
        _ column: UnsafeMutablePointer<Element>, _ width: Int, _ saved: SavedNumbers, _ offset: Int
    ) -> Int {
        parts.reduce(offset) { saved.copy($0, to: column + $1.lowerBound * width, $1.count * width) }
    }

    private func checkBlocks(actions count: Int, _ isMemory: (UnsafePointer<Float>) -> Bool) throws {
        for block in oldest..<blocks {
            let place = place(of: block)
            noteNoWhole(place)
            guard lengths[place] <= UInt32(layout.stride), block + UInt64(steps[place]) < blocks else {
                throw Self.damaged(
                    "has a block of \(lengths[place]) rows, or one that another follows that is not there")
            }
            guard isMemory(memory(of: place)) else { throw Self.damaged("remembers what no policy can") }
            for row in (place * layout.stride)..<(place * layout.stride + Int(lengths[place])) {
                guard 0..<count ~= Int(action(row)), Following(rawValue: following[row]) != nil, rewards[row].isFinite
                else { throw Self.damaged("has a row that no rollout can have") }
            }
        }
    }

    private func restoreWholes(_ count: Int, _ saved: SavedNumbers, _ start: Int) throws -> Int {
        for index in 0..<count {
            let first = Int(saved.read(start + 4 * index) as UInt32)
            guard isWhole(first) else { throw Self.damaged("has a sequence that is not whole") }
            addWhole(first)
        }
        return start + 4 * count
    }

    /// Whether the blocks from this place on hold a sequence that was not noted before.
    private func isWhole(_ first: Int) -> Bool {
        guard first < Int(blocks - oldest), !isNoted(first) else { return false }
        var place = first
        for _ in 1..<layout.blocksOfSequence {
            guard lengths[place] == UInt32(layout.stride), steps[place] > 0 else { return false }
            place = (place + Int(steps[place])) % layout.capacity
        }
        return lengths[place] >= UInt32(layout.rowsOfLastBlock)
    }

    private func restoreFresh(_ count: Int, _ saved: SavedNumbers, _ start: Int) throws -> Int {
        for index in 0..<count {
            let sequence = Fresh(
                block: saved.read(start + Self.freshBytes * index),
                newRows: saved.read(start + Self.freshBytes * index + 8))
            guard isThere(sequence.block), isNoted(place(of: sequence.block)), sequence.newRows >= 0 else {
                throw Self.damaged("has a new sequence that is not whole")
            }
            fresh.append(sequence)
        }
        return start + Self.freshBytes * count
    }

    private func restoreChains(_ count: Int, _ saved: SavedNumbers, _ start: Int) throws {
        var lastActor = -1
        for first in stride(from: start, to: start + count * Self.chainBytes, by: Self.chainBytes) {
            let numbers: [UInt64] = (0..<5).map { saved.read(first + 8 * $0) }
            let chain = Chain(
                incarnation: numbers[1], sequence: numbers[2], tail: numbers[3], candidate: numbers[4],
                lead: Int(saved.read(first + 40) as Int32), newRows: Int(saved.read(first + 44) as Int32))
            let actor = Int(clamping: numbers[0])
            guard actor > lastActor, chain.tail < blocks, chain.candidate <= chain.tail,
                0..<layout.blocksOfSequence ~= chain.lead, chain.newRows >= 0, isChain(chain)
            else { throw Self.damaged("has a stream that stands nowhere") }
            lastActor = actor
            chains[actor] = chain
        }
    }

    /// Whether the blocks from the candidate on lead to the tail, and the candidate's sequence is not whole yet; of a stream that
    /// was overtaken nothing is asked, since it begins anew.
    private func isChain(_ chain: Chain) -> Bool {
        guard isThere(chain.candidate), isThere(chain.tail) else { return true }
        var block = chain.candidate
        for _ in 0..<chain.lead {
            let step = UInt64(steps[place(of: block)])
            guard step > 0, block + step <= chain.tail else { return false }
            block += step
        }
        return block == chain.tail && !isNoted(place(of: chain.candidate))
    }

    private static func damaged(_ what: String) -> SourceAlgorithmError {
        SourceAlgorithmError("the learner's checkpoint holds a replay that \(what)")
    }
}
