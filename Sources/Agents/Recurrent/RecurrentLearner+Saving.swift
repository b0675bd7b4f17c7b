import Experience
import Neural

/// Saved bytes, little-endian: magic, layout version, parameter count, count of carried actors (each UInt32), updates,
/// Adam's steps (each UInt64), parameters, first and second moments (Float each), carried actors, CRC-32C of all before
/// it.
///
/// A carried actor: actor, incarnation, sequence, episode (each UInt64), flags (UInt32: 1 the next row begins an
/// episode, 2 there is a cut row, 4 that row began an episode), previous action, action (each Int32), previous reward,
/// reward (each Float), components (Int32 each), state (Float each), which observations the trial had (a bit each, in
/// words of UInt64).
extension RecurrentLearner {
    private static let magic: UInt32 = 0x4152_5344  // "DSRA"
    private static let layoutVersion: UInt32 = 2
    private static let headerBytes = 32
    private var buffers: [FloatBuffer] { [trained.weights, trained.firstMoments, trained.secondMoments] }

    /// What `save` gives at most for so many actors.
    static func savedBytes(_ policy: RecurrentPolicy, actors: Int) -> Int {
        headerBytes + 12 * policy.parameters.count + actors * carriedBytes(policy) + 4
    }

    private static func carriedBytes(_ policy: RecurrentPolicy) -> Int {
        52 + 4 * policy.components + 4 * policy.stateWidth + 8 * policy.visitedWords
    }

    package func save() -> [UInt8] {
        let actors = sequences.carried.keys.sorted()
        var bytes = SavedBytes(capacity: Self.savedBytes(policy, actors: actors.count))
        bytes.append(Self.magic)
        bytes.append(Self.layoutVersion)
        bytes.append(UInt32(policy.parameters.count))
        bytes.append(UInt32(actors.count))
        bytes.append(version)
        bytes.append(trained.steps)
        for buffer in buffers { bytes.append(buffer) }
        for actor in actors {
            guard let carried = sequences.carried[actor] else { continue }
            let row = carried.row
            bytes.append(UInt64(clamping: actor))
            bytes.append(carried.incarnation)
            bytes.append(carried.sequence)
            bytes.append(carried.episode)
            bytes.append(
                UInt32(carried.beginsEpisode ? 1 : 0) | (row == nil ? 0 : 2) | (row?.beginsEpisode ?? false ? 4 : 0))
            bytes.append(row?.previousAction ?? -1)
            bytes.append(row?.action ?? 0)
            bytes.append((row?.previousReward ?? 0).bitPattern)
            bytes.append((row?.reward ?? 0).bitPattern)
            let isCut = row != nil
            bytes.append(
                isCut ? carried.components : Array(repeating: 0, count: policy.components), policy.components)
            bytes.append(isCut ? carried.state : Array(repeating: 0, count: policy.stateWidth), policy.stateWidth)
            bytes.append(
                isCut && !carried.visited.isEmpty
                    ? carried.visited : Array(repeating: 0, count: policy.visitedWords), policy.visitedWords)
        }
        return bytes.sealed()
    }

    package func restore(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { raw in
            let saved = SavedNumbers(bytes: raw)
            try check(raw, saved)
            let carried = try readCarried(saved)
            var offset = Self.headerBytes
            for buffer in buffers { offset = saved.copy(offset, to: buffer.start, buffer.count) }
            sequences.carried = carried
            restore(version: saved.read(16), adamSteps: saved.read(24))
        }
    }

    /// Throws `SourceAlgorithmError` for bytes that `save` of a learner like this one did not give: length, layout,
    /// checksum.
    private func check(_ raw: UnsafeRawBufferPointer, _ saved: SavedNumbers) throws {
        guard raw.count >= Self.headerBytes + 4, saved.read(0) == Self.magic, saved.read(4) == Self.layoutVersion
        else {
            throw SourceAlgorithmError(
                "not the checkpoint of a recurrent actor-critic learner of layout \(Self.layoutVersion): "
                    + "\(raw.count) bytes that begin otherwise")
        }
        let count: UInt32 = saved.read(8)
        let actors: UInt32 = saved.read(12)
        let expected = Self.savedBytes(policy, actors: Int(actors))
        guard count == UInt32(policy.parameters.count), raw.count == expected else {
            throw SourceAlgorithmError(
                "the learner's checkpoint holds \(count) parameters and \(actors) actors in \(raw.count) bytes, "
                    + "expected \(policy.parameters.count) in \(expected): \(policy.networkName), "
                    + "\(policy.actions) actions")
        }
        guard saved.isWhole else {
            throw SourceAlgorithmError("the learner's checkpoint is damaged: its checksum does not hold")
        }
    }

    /// Throws `SourceAlgorithmError` for a row that no rollout of this environment can have.
    private func readCarried(_ saved: SavedNumbers) throws -> [Int: TrialSequences.Carried] {
        var all: [Int: TrialSequences.Carried] = [:]
        for place in 0..<Int(saved.read(12) as UInt32) {
            let first = Self.headerBytes + 12 * policy.parameters.count + place * Self.carriedBytes(policy)
            let actor = Int(clamping: saved.read(first) as UInt64)
            let flags: UInt32 = saved.read(first + 32)
            var carried = TrialSequences.Carried(
                incarnation: saved.read(first + 8), sequence: saved.read(first + 16), episode: saved.read(first + 24),
                beginsEpisode: flags & 1 != 0)
            if flags & 2 != 0 {
                let row = TrialSequences.Row(
                    previousAction: saved.read(first + 36), previousReward: Float(bitPattern: saved.read(first + 44)),
                    beginsEpisode: flags & 4 != 0, action: saved.read(first + 40),
                    reward: Float(bitPattern: saved.read(first + 48)))
                carried.components = (0..<policy.components).map { saved.read(first + 52 + 4 * $0) }
                let state = first + 52 + 4 * policy.components
                carried.state = (0..<policy.stateWidth).map { Float(bitPattern: saved.read(state + 4 * $0)) }
                let visited = state + 4 * policy.stateWidth
                carried.visited = (0..<policy.visitedWords).map { saved.read(visited + 8 * $0) }
                guard 0..<policy.actions ~= Int(row.action), -1..<policy.actions ~= Int(row.previousAction),
                    carried.components.allSatisfy({ 0..<policy.hotInputs ~= Int($0) }),
                    policy.isState(carried.state)
                else {
                    throw SourceAlgorithmError(
                        "the learner's checkpoint holds a cut row of actor \(actor) with actions, an observation "
                            + "or rows before it outside their spaces")
                }
                carried.row = row
            }
            all[actor] = carried
        }
        return all
    }
}
