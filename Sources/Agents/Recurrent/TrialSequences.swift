import Environments
import Experience

/// The rows of some batches of rollouts as sequences for a network with memory: rows of one actor and one trial without
/// a gap, each sequence with the state that it begins with.
///
/// A sequence that ends with its trial is learnt from as a whole. Any other lends the value of its last row to those
/// before, and that row is learnt from with the actor's next rollout, which shows what it led to. So the state that is
/// kept is the one before that row, from this learner's own pass: the next sequence begins with the row and that state.
/// In lockstep it is what an actor has that was given the last parameters a row earlier. It is zero at a trial's begin,
/// and after a gap or under a new incarnation, where nothing is known of what came before.
final class TrialSequences {
    /// A transition, and what the network sees besides its observation.
    struct Row: BitwiseCopyable {
        var previousAction: Int32
        var previousReward: Float
        var beginsEpisode: Bool
        var action: Int32
        var reward: Float
    }

    struct Sequence {
        let first: Int
        var length = 0
        /// (layers, B = 1, H) hidden units, then cells, as `Carried.state`; empty for zeros.
        let initial: [Float]
        /// The trial ends with it.
        var isWhole = false
        /// The actor whose next rollout continues it.
        var carriedBy: Int?
        var learntRows: Int { isWhole ? length : length - 1 }
    }

    /// What an actor's next rollout goes on from.
    struct Carried {
        var incarnation: UInt64
        /// Of the rollout that follows, and the episode that its first row belongs to.
        var sequence: UInt64
        var episode: UInt64
        /// That row is the first of its episode.
        var beginsEpisode: Bool
        /// The row at which the last rollout was cut; nil where its trial ended there.
        var row: Row?
        /// (components) of that row.
        var components: [Int32] = []
        /// Before that row: hidden units (layers, H), then cells likewise.
        var state: [Float] = []
        /// A bit for each observation, 1 where the trial or the episode had it before; empty where there is no cut row.
        var visited: [UInt64] = []
    }

    /// By actor.
    var carried: [Int: Carried] = [:]
    private(set) var rows: [Row] = []
    /// (rows, components) of what is one-hot.
    private(set) var components: [Int32] = []
    private(set) var sequences: [Sequence] = []
    private(set) var arrivedCount = 0
    /// Cut rows that are never learnt from.
    private(set) var abandonedCount = 0

    private let policy: RecurrentPolicy
    /// Added to the reward of the row before the first visit of an observation in a trial or an episode, for learning alone:
    /// the network sees the reward as it was. No action has led to where an episode begins.
    private let novelty: Float
    private let span: NoveltySpan
    private let layout: RolloutLayout
    private let view: (any ObservationView)?
    /// What will be carried once the update is made.
    private var next: [Int: Carried?] = [:]

    private struct Rollout {
        let header: RolloutHeader
        let first: Int
    }
    /// The rollouts as they came: (rows) of each column, (rows, components).
    private var arrived: (components: [Int32], actions: [Int32], rewards: [Float], ends: [Bool]) = ([], [], [], [])

    /// `novelty`, `span`: see `ActorCriticSettings`; above 0 only where observations can be numbered.
    init(policy: RecurrentPolicy, scene: Scene, novelty: Double, span: NoveltySpan) {
        self.policy = policy
        self.novelty = Float(novelty)
        self.span = span
        layout = scene.environment.rolloutLayout
        view = scene.view
    }

    var learntCount: Int { sequences.reduce(0) { $0 + $1.learntRows } }

    /// Takes over `batches`. Throws `SourceAlgorithmError` for an observation or an action outside its space.
    func arrange(_ batches: [RolloutBatch]) throws {
        var rollouts = try read(batches)
        rollouts.sort {
            ($0.header.actor, $0.header.incarnation, $0.header.sequence)
                < ($1.header.actor, $1.header.incarnation, $1.header.sequence)
        }
        rows.removeAll(keepingCapacity: true)
        components.removeAll(keepingCapacity: true)
        sequences.removeAll(keepingCapacity: true)
        next = [:]
        arrivedCount = arrived.actions.count
        abandonedCount = 0
        var index = 0
        while index < rollouts.count {
            let actor = rollouts[index].header.actor
            var thread = carried[actor]
            var isOpen = false
            while index < rollouts.count, rollouts[index].header.actor == actor {
                thread = append(rollouts[index], after: thread, &isOpen)
                index += 1
            }
            if isOpen, thread?.row != nil { sequences[sequences.count - 1].carriedBy = actor }
            next[actor] = .some(thread)
        }
    }

    /// After the update: `state` gives what comes before the last row of the sequence of a number.
    func keep(state: (_ sequence: Int) -> [Float]) {
        for (index, sequence) in sequences.enumerated() {
            guard let actor = sequence.carriedBy, var carried = next[actor] ?? nil else { continue }
            carried.state = state(index)
            carried.components = Array(
                components[((sequence.first + sequence.length - 1) * policy.components)...].prefix(policy.components))
            next[actor] = .some(carried)
        }
        for (actor, carried) in next { self.carried[actor] = carried }
        next = [:]
    }

    /// Appends a rollout's rows to the open sequence, or to new ones. What is returned says what its actor's next one
    /// goes on from; nil where nothing follows.
    private func append(_ rollout: Rollout, after known: Carried?, _ isOpen: inout Bool) -> Carried? {
        let header = rollout.header
        let continues =
            known.map {
                $0.incarnation == header.incarnation && $0.sequence == header.sequence
                    && $0.episode == header.firstEpisode && header.length > 0
            } ?? false
        if let known, known.row != nil, !continues { abandonedCount += 1 }
        if !continues { isOpen = false }
        var previous = continues ? known?.row : nil
        var begins = continues ? known?.beginsEpisode ?? true : known?.incarnation != header.incarnation
        if continues, let known, let row = known.row, !isOpen {
            begin(&isOpen, initial: known.state)
            append(row, known.components[...])
        }
        var episode = header.firstEpisode
        var visited = continues ? known?.visited ?? [] : []
        for place in rollout.first..<(rollout.first + header.length) {
            if !isOpen { begin(&isOpen, initial: []) }
            let row = Row(
                previousAction: previous?.action ?? -1, previousReward: previous?.reward ?? 0, beginsEpisode: begins,
                action: arrived.actions[place], reward: arrived.rewards[place])
            let width = policy.components
            let inputs = arrived.components[(place * width)..<((place + 1) * width)]
            let isNew = novelty > 0 && visit(inputs, &visited)
            if isNew, !begins, previous != nil { rows[rows.count - 1].reward += novelty }
            append(row, inputs)
            previous = row
            begins = arrived.ends[place]
            guard begins else { continue }
            episode += 1
            if span == .episode { visited = [] }
            if policy.environment.beginsTrial(episode) {
                sequences[sequences.count - 1].isWhole = true
                isOpen = false
                previous = nil
                visited = []
            }
        }
        if header.isLast {
            if isOpen, header.length > 0 { abandonedCount += 1 }
            isOpen = false
            return nil
        }
        return Carried(
            incarnation: header.incarnation, sequence: header.sequence &+ 1, episode: episode, beginsEpisode: begins,
            row: isOpen ? previous : nil, visited: isOpen ? visited : [])
    }

    /// Marks an observation; whether it was not marked before.
    private func visit(_ inputs: ArraySlice<Int32>, _ visited: inout [UInt64]) -> Bool {
        if visited.isEmpty { visited = Array(repeating: 0, count: policy.visitedWords) }
        var (number, offset) = (0, 0)
        for (component, count) in zip(inputs, policy.observation.counts) {
            number = number * count + Int(component) - offset
            offset += count
        }
        let bit: UInt64 = 1 << UInt64(number % 64)
        defer { visited[number / 64] |= bit }
        return visited[number / 64] & bit == 0
    }

    private func begin(_ isOpen: inout Bool, initial: [Float]) {
        sequences.append(Sequence(first: rows.count, initial: initial))
        isOpen = true
    }

    private func append(_ row: Row, _ inputs: ArraySlice<Int32>) {
        rows.append(row)
        components.append(contentsOf: inputs)
        components.withUnsafeMutableBufferPointer { all in
            guard let base = all.baseAddress else { return }
            policy.writeContext(
                base + (rows.count - 1) * policy.components, previousAction: row.previousAction,
                beginsEpisode: row.beginsEpisode)
        }
        sequences[sequences.count - 1].length += 1
    }

    /// Copies the columns of all rollouts, and takes every observation apart.
    private func read(_ batches: [RolloutBatch]) throws -> [Rollout] {
        arrived.components.removeAll(keepingCapacity: true)
        arrived.actions.removeAll(keepingCapacity: true)
        arrived.rewards.removeAll(keepingCapacity: true)
        arrived.ends.removeAll(keepingCapacity: true)
        var rollouts: [Rollout] = []
        for batch in batches {
            try batch.forEachRollout(layout) { header, rows in
                rollouts.append(Rollout(header: header, first: arrived.actions.count))
                try readObservations(rows, header)
                let actions = rows[.actions]
                for row in 0..<rows.length {
                    let action = actions.baseAddress.map {
                        layout.action.integer(at: 0, of: $0 + row * layout.action.byteCount)
                    }
                    guard let action, 0..<policy.actions ~= action else {
                        throw SourceAlgorithmError(
                            "row \(row) of rollout \(header.sequence) of actor \(header.actor) has action "
                                + "\(action ?? -1), expected 0 to \(policy.actions - 1)")
                    }
                    arrived.actions.append(Int32(truncatingIfNeeded: action))
                    arrived.rewards.append(
                        rows[.rewards].loadUnaligned(fromByteOffset: 4 * row, as: Float.self))
                    arrived.ends.append(rows[.terminations][row] | rows[.truncations][row] != 0)
                }
            }
        }
        return rollouts
    }

    private func readObservations(_ rows: RolloutRows, _ header: RolloutHeader) throws {
        guard rows.length > 0, let stored = rows[.observations].baseAddress else { return }
        let width = policy.observation.byteCount
        var seen = [UInt8](repeating: 0, count: rows.length * width)
        seen.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            if let view {
                view.see(stored, count: rows.length, into: base)
            } else {
                base.copyMemory(from: stored, byteCount: bytes.count)
            }
        }
        var inputs = [Int32](repeating: 0, count: policy.components)
        for row in 0..<rows.length {
            let isInside = seen.withUnsafeBytes { bytes in
                bytes.baseAddress.map { policy.observation.read($0 + row * width, rows: &inputs) != nil } ?? false
            }
            guard isInside else {
                throw SourceAlgorithmError(
                    "row \(row) of rollout \(header.sequence) of actor \(header.actor) holds an observation outside "
                        + "its space: expected components below \(policy.observation.counts)")
            }
            arrived.components.append(contentsOf: inputs)
        }
    }
}
