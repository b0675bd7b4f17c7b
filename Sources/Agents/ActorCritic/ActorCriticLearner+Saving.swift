import Experience
import Neural

/// Saved bytes, little-endian: magic, layout version, parameter count, count of cut rows (each UInt32), updates, Adam's
/// steps (each UInt64), parameters, first and second moments (Float each), cut rows, CRC-32C of all before it.
///
/// A cut row: actor, incarnation, sequence, episode (each UInt64), action (Int32), reward (Float), observation.
extension ActorCriticLearner {
    private static let magic: UInt32 = 0x4341_5344  // "DSAC"
    private static let layoutVersion: UInt32 = 2
    private static let headerBytes = 32
    private var buffers: [FloatBuffer] { [trained.weights, trained.firstMoments, trained.secondMoments] }
    private var cutRowBytes: Int { Self.cutRowBytes(observationBytes: rows.waiting.observationBytes) }
    private static func cutRowBytes(observationBytes: Int) -> Int { 40 + observationBytes }

    package func save() -> [UInt8] {
        var bytes = SavedBytes(capacity: savedBytes(cutRows: rows.waiting.count))
        bytes.append(Self.magic)
        bytes.append(Self.layoutVersion)
        bytes.append(UInt32(shape.parameterCount))
        bytes.append(UInt32(rows.waiting.count))
        bytes.append(version)
        bytes.append(trained.steps)
        for buffer in buffers { bytes.append(buffer) }
        for place in 0..<rows.waiting.count {
            let row = rows.waiting[place]
            bytes.append(UInt64(clamping: row.actor))
            bytes.append(row.incarnation)
            bytes.append(row.sequence)
            bytes.append(row.episode)
            bytes.append(row.action)
            bytes.append(row.reward.bitPattern)
            bytes.append(rows.waiting.observation(place), rows.waiting.observationBytes)
        }
        return bytes.sealed()
    }

    private func savedBytes(cutRows: Int) -> Int {
        Self.savedBytes(shape, cutRows: cutRows, observationBytes: rows.waiting.observationBytes)
    }

    /// What `save` gives: each actor has one cut row at most.
    static func savedBytes(_ shape: PerceptronShape, cutRows: Int, observationBytes: Int) -> Int {
        headerBytes + 12 * shape.parameterCount + cutRows * cutRowBytes(observationBytes: observationBytes) + 4
    }

    package func restore(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { raw in
            try check(raw)
            let saved = SavedNumbers(bytes: raw)
            try restoreCutRows(saved)
            var offset = Self.headerBytes
            for buffer in buffers {
                offset = saved.copy(offset, to: buffer.start, buffer.count)
            }
            restore(version: saved.read(16), adamSteps: saved.read(24))
        }
    }

    /// Throws `SourceAlgorithmError` for bytes that `save` of a learner like this one did not give: length, layout,
    /// checksum.
    private func check(_ raw: UnsafeRawBufferPointer) throws {
        let saved = SavedNumbers(bytes: raw)
        guard raw.count >= Self.headerBytes, saved.read(0) == Self.magic, saved.read(4) == Self.layoutVersion else {
            throw SourceAlgorithmError(
                "not the checkpoint of an actor-critic learner of layout \(Self.layoutVersion): "
                    + "\(raw.count) bytes that begin otherwise")
        }
        let count: UInt32 = saved.read(8)
        let cutRows: UInt32 = saved.read(12)
        let expected = savedBytes(cutRows: Int(cutRows))
        guard count == UInt32(shape.parameterCount), raw.count == expected else {
            throw SourceAlgorithmError(
                "the learner's checkpoint holds \(count) parameters and \(cutRows) cut rows in \(raw.count) bytes, "
                    + "expected \(shape.parameterCount) in \(expected): hidden layers \(shape.hidden), "
                    + "\(actions) actions, observations of \(rows.waiting.observationBytes) bytes")
        }
        guard saved.isWhole else {
            throw SourceAlgorithmError("the learner's checkpoint is damaged: its checksum does not hold")
        }
    }

    /// Throws `SourceAlgorithmError`, and changes nothing, for a row that no rollout of this environment can have.
    private func restoreCutRows(_ saved: SavedNumbers) throws {
        let waiting = rows.waiting
        let count = Int(saved.read(12) as UInt32)
        waiting.beginReplacing(most: count)
        var lastActor = -1
        for place in 0..<count {
            let first = Self.headerBytes + 12 * shape.parameterCount + place * cutRowBytes
            let row = CutRows.Row(
                actor: Int(clamping: saved.read(first) as UInt64), incarnation: saved.read(first + 8),
                sequence: saved.read(first + 16), episode: saved.read(first + 24), action: saved.read(first + 32),
                reward: Float(bitPattern: saved.read(first + 36)))
            let observation = saved.bytes.baseAddress.map { $0 + first + 40 }
            guard row.actor > lastActor, 0..<actions ~= Int(row.action), let observation,
                slots.observation.number(of: observation) != nil
            else {
                throw SourceAlgorithmError(
                    "the learner's checkpoint holds a cut row of actor \(row.actor) after one of actor \(lastActor) with "
                        + "action \(row.action) and an observation, of which one lies outside what it can be: "
                        + "expected ascending actors, actions below \(actions), components below "
                        + "\(slots.observation.counts)")
            }
            lastActor = row.actor
            waiting.add(row, observation: observation.assumingMemoryBound(to: UInt8.self))
        }
        waiting.endReplacing()
    }
}
