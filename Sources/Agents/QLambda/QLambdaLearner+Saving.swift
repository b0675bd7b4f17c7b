import Neural

/// Saved bytes, little-endian: magic, layout version, parameter count, inputs of the network, actions, what the inputs are
/// (0 integers, 1 states, 2 pictures, 3 any of these with memory), and of the
/// replay's layout the sequence length, stride, bytes of an observation and of an action, capacity, floats of what is
/// remembered (each UInt32);
/// updates, steps, Adam's steps, transitions (each UInt64); parameters, those of the target network, first and second
/// moments (Float each); where something is remembered a UInt64, for how many actors, and of each, ascending, its number, its
/// incarnation and its next sequence number (each UInt64) and what comes before (Float each); the replay (`SequenceReplay.save`); CRC-32C of all before it.
extension QLambdaLearner {
    private static let magic: UInt32 = 0x4C51_5344  // "DSQL"
    private static let layoutVersion: UInt32 = 1
    private static let headerBytes = 80
    /// The parameters and what belongs to them.
    private var buffers: [FloatBuffer] {
        [trained.weights, target, trained.firstMoments, trained.secondMoments]
    }

    /// What `save` gives at most: each actor has a stream, and fewer new sequences wait than a step takes.
    static func largestSavedBytes(parameters: Int, _ layout: ReplayLayout, actors: Int, batch: Int) -> Int {
        headerBytes + 16 * parameters + carriedBytes(actors, layout)
            + SequenceReplay.largestSavedBytes(layout, chains: actors, fresh: batch) + 4
    }

    /// Bytes of what is remembered for so many actors.
    private static func carriedBytes(_ actors: Int, _ layout: ReplayLayout) -> Int {
        layout.memoryWidth == 0 ? 0 : 8 + actors * (24 + 4 * layout.memoryWidth)
    }

    private var header: [UInt32] {
        let layout = replay.layout
        return [
            Self.magic, Self.layoutVersion, UInt32(values.parameterCount), UInt32(values.inputs.count),
            UInt32(values.actions), values.inputs.kind, UInt32(layout.sequenceLength),
            UInt32(layout.stride), UInt32(layout.observationBytes), UInt32(layout.actionBytes),
            UInt32(layout.capacity), UInt32(layout.memoryWidth),
        ]
    }

    package func save() -> [UInt8] {
        var bytes = SavedBytes(
            capacity: Self.largestSavedBytes(
                parameters: values.parameterCount, replay.layout, actors: replay.chains.count,
                batch: settings.batchSequences))
        for number in header { bytes.append(number) }
        for count in [version, steps, trained.steps, transitions] { bytes.append(count) }
        for buffer in buffers { bytes.append(buffer) }
        if let trace {
            bytes.append(UInt64(trace.carried.count))
            for (actor, carried) in trace.carried.sorted(by: { $0.key < $1.key }) {
                for number in [UInt64(actor), carried.incarnation, carried.sequence] { bytes.append(number) }
                carried.memory.withUnsafeBufferPointer { memory in
                    if let memory = memory.baseAddress { bytes.append(memory, replay.layout.memoryWidth) }
                }
            }
        }
        replay.save(to: &bytes)
        return bytes.sealed()
    }

    package func restore(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { raw in
            let saved = SavedNumbers(bytes: raw)
            try check(saved)
            let numbers = buffers.reduce(0) { $0 + 4 * $1.count }
            let restored = SequenceReplay(replay.layout)
            let (carried, end) = try readCarried(saved, from: Self.headerBytes + numbers)
            try restored.restore(
                saved, from: end, to: raw.count - 4, actions: values.actions, isMemory: values.isMemory)
            // From here on nothing can fail.
            replay = restored
            trace?.carried = carried
            var offset = Self.headerBytes
            for buffer in buffers { offset = saved.copy(offset, to: buffer.start, buffer.count) }
            restore(
                version: saved.read(48), steps: saved.read(56), adamSteps: saved.read(64), transitions: saved.read(72))
        }
    }

    /// What comes before each actor's next row, and the offset behind it.
    private func readCarried(
        _ saved: SavedNumbers, from start: Int
    ) throws -> (carried: [Int: MemoryTrace.Carried], end: Int) {
        guard trace != nil else { return ([:], start) }
        let layout = replay.layout
        let room = saved.bytes.count - 4 - (start + 8)
        let count = room >= 0 ? Int(clamping: saved.read(start) as UInt64) : .max
        let each = Self.carriedBytes(1, layout) - 8
        guard count <= max(0, room) / each else {
            throw SourceAlgorithmError("the learner's checkpoint is too short for what \(count) actors remember")
        }
        var carried: [Int: MemoryTrace.Carried] = [:]
        for first in stride(from: start + 8, to: start + 8 + count * each, by: each) {
            var memory = [Float](repeating: 0, count: layout.memoryWidth)
            memory.withUnsafeMutableBufferPointer { buffer in
                if let base = buffer.baseAddress { _ = saved.copy(first + 24, to: base, buffer.count) }
            }
            carried[Int(clamping: saved.read(first) as UInt64)] = MemoryTrace.Carried(
                incarnation: saved.read(first + 8), sequence: saved.read(first + 16), memory: memory)
        }
        let areMemories = carried.values.allSatisfy {
            $0.memory.withUnsafeBufferPointer { $0.baseAddress.map(values.isMemory) ?? false }
        }
        guard carried.count == count, areMemories else {
            throw SourceAlgorithmError("the learner's checkpoint remembers what no policy can")
        }
        return (carried, start + 8 + count * each)
    }

    /// Throws `SourceAlgorithmError` for bytes that `save` of a learner like this one did not give.
    private func check(_ saved: SavedNumbers) throws {
        let least = Self.headerBytes + 16 * values.parameterCount + 4
        guard saved.bytes.count >= Self.headerBytes, header[..<2] == [saved.read(0), saved.read(4)] else {
            throw SourceAlgorithmError(
                "not the checkpoint of a learner of \(QLambda.name) of layout \(Self.layoutVersion): "
                    + "\(saved.bytes.count) bytes that begin otherwise")
        }
        let found: [UInt32] = header.indices.map { saved.read(4 * $0) }
        guard found == header, saved.bytes.count >= least else {
            throw SourceAlgorithmError(
                "the learner's checkpoint has \(saved.bytes.count) bytes with these numbers of parameters, of "
                    + "inputs and of actions, what the inputs are, of transitions of a sequence and of a block, of bytes of an observation and "
                    + "of an action, of blocks of the replay, and of floats of what is remembered: \(found.dropFirst(2)), expected "
                    + "\(header.dropFirst(2)) in at least \(least)")
        }
        let counts: [UInt64] = [48, 56, 64, 72].map { saved.read($0) }
        guard counts.allSatisfy({ $0 < 1 << 62 }) else {
            throw SourceAlgorithmError("the learner's checkpoint counts \(counts) updates, steps and transitions")
        }
        guard saved.isWhole else {
            throw SourceAlgorithmError("the learner's checkpoint is damaged: its checksum does not hold")
        }
    }
}
