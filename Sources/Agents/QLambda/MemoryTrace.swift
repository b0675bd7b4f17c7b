import Environments
import Experience
import Neural

/// What each actor remembers before each row of its rollouts, as the learner's own network has it: the learner goes through
/// what comes once, under the parameters that there are then, and goes on where the rollout before ended. In lockstep that is
/// what the actors remember, bit for bit; rollouts do not carry it.
///
/// Replayed sequences begin with what was remembered when they were lived (Kapturowski et al. 2019, R2D2: stored state). After a
/// hole nothing is remembered, as after a trial's end, and the row is taken for an episode's first.
final class MemoryTrace {
    /// What comes before an actor's next row.
    struct Carried {
        var incarnation: UInt64
        /// Of the rollout that follows.
        var sequence: UInt64
        /// (memoryWidth)
        var memory: [Float]
    }

    /// By actor.
    var carried: [Int: Carried] = [:]
    /// (rows, memoryWidth): what comes before each row of the last `trace`.
    let memories = GrowingBuffer<Float>()
    var onProgress: (() -> Void)?

    private let layout: RecurrentValuesLayout
    private let weights: FloatBuffer
    private let seen: SeenRows
    private let sight: any ObservationNetwork
    private let lstm: LSTM
    private let packed: LSTMWeights
    /// (rows, features)
    private let features = GrowingBuffer<Float>()
    /// (B, inputs), (L, B, H) twice, (B, H), (B, contextNumbers).
    private let inputs = GrowingBuffer<Float>()
    private let hidden = GrowingBuffer<Float>()
    private let cells = GrowingBuffer<Float>()
    private let scratch = GrowingBuffer<Float>()
    private let contexts = GrowingBuffer<Float>()
    /// Rows whose observations are looked at together.
    private static let rowsAtATime = 256

    /// `weights`: those that are learnt.
    init(_ layout: RecurrentValuesLayout, scene: Scene, weights: FloatBuffer, threads: Int) {
        self.layout = layout
        self.weights = weights
        let pool = WorkerPool(count: threads)
        seen = SeenRows(scene, seesStored: layout.sight.seesStored, pool: pool)
        sight = layout.makeSight(weights: weights, images: Self.rowsAtATime, pool: pool, dropoutKey: nil)
        lstm = LSTM(layout.lstm)
        packed = LSTMWeights(layout.lstm, training: false)
    }

    /// Fills `memories` for the rows of rollouts. `following`: (rows) what follows each. Throws `SourceAlgorithmError` for an
    /// observation outside its space.
    func trace(_ rows: RolloutRowsInOrder, following: UnsafePointer<UInt8>) throws {
        try look(at: rows)
        memories.reserve(rows.count * layout.memoryWidth)
        packed.pack(weights.start)
        for group in groups(rows.segments) {
            run(group.map { rows.segments[$0] }, rows, following)
        }
    }

    private func look(at rows: RolloutRowsInOrder) throws {
        let (width, stored) = (layout.sight.width, rows.observationBytes)
        features.reserve(rows.count * width)
        sight.parametersHaveChanged()
        for first in stride(from: 0, to: rows.count, by: Self.rowsAtATime) {
            let count = min(Self.rowsAtATime, rows.count - first)
            try seen.take(rows.observations.base + first * stored, rows: count)
            (features.base + first * width).update(
                from: sight.values(of: seen.base, rows: count), count: count * width)
            onProgress?()
        }
    }

    /// Numbers of the rollouts that are stepped together: of one length, and each of another actor; those of an actor in
    /// their order.
    private func groups(_ segments: [RolloutRowsInOrder.Segment]) -> [[Int]] {
        var groups: [Place: [Int]] = [:]
        var (actor, wave) = (-1, 0)
        for (number, segment) in segments.enumerated() {
            (actor, wave) = (segment.actor, segment.actor == actor ? wave + 1 : 0)
            groups[Place(wave: wave, length: segment.length), default: []].append(number)
        }
        return groups.sorted { $0.key < $1.key }.map(\.value)
    }

    private struct Place: Hashable, Comparable {
        let wave: Int
        let length: Int
        static func < (one: Self, other: Self) -> Bool { (one.wave, one.length) < (other.wave, other.length) }
    }

    private func run(
        _ segments: [RolloutRowsInOrder.Segment], _ rows: RolloutRowsInOrder, _ following: UnsafePointer<UInt8>
    ) {
        let (count, length) = (segments.count, segments[0].length)
        let context = RecurrentValuesLayout.contextNumbers
        begin(segments)
        for step in 0..<length {
            for (place, segment) in segments.enumerated() {
                let row = segment.firstRow + step
                write(place, count, to: memories.base + row * layout.memoryWidth)
                layout.writeInput(
                    features.base + row * layout.sight.width, context: contexts.base + place * context,
                    into: inputs.base + place * layout.lstm.inputs)
            }
            lstm.step(
                packed, inputs.base, sequences: count, state: .init(hidden: hidden.base, cells: cells.base),
                scratch: scratch.base)
            for (place, segment) in segments.enumerated() {
                let row = segment.firstRow + step
                let next = SequenceReplay.Following(rawValue: following[row]) ?? .unknown
                RecurrentValuesLayout.advance(
                    contexts.base + place * context, action: rows.actionOfRow.base[row],
                    reward: rows.rewards.base[row], following: next)
                if !next.goesOn { clear(place, count) }
            }
            if step % 64 == 0 { onProgress?() }
        }
        for (place, segment) in segments.enumerated() {
            note(segment) { write(place, count, to: $0) }
        }
    }

    /// What the rollout that follows this one goes on from, which `write` writes; nothing where the stream ends.
    private func note(_ segment: RolloutRowsInOrder.Segment, _ write: (UnsafeMutablePointer<Float>) -> Void) {
        guard !segment.isLast else {
            carried[segment.actor] = nil
            return
        }
        let memory = [Float](unsafeUninitializedCapacity: layout.memoryWidth) { buffer, count in
            if let base = buffer.baseAddress { write(base) }
            count = layout.memoryWidth
        }
        carried[segment.actor] = Carried(
            incarnation: segment.incarnation, sequence: segment.sequence &+ 1, memory: memory)
    }

    /// Each stream's state and context before its first row.
    private func begin(_ segments: [RolloutRowsInOrder.Segment]) {
        let (count, units, layers) = (segments.count, layout.lstm.units, layout.lstm.layers.count)
        let context = RecurrentValuesLayout.contextNumbers
        inputs.reserve(count * layout.lstm.inputs)
        hidden.reserve(layers * count * units)
        cells.reserve(layers * count * units)
        scratch.reserve(count * units)
        contexts.reserve(count * context)
        for (place, segment) in segments.enumerated() {
            guard let known = carried[segment.actor], known.incarnation == segment.incarnation,
                known.sequence == segment.sequence
            else {
                clear(place, count)
                RecurrentValuesLayout.beginContext(contexts.base + place * context)
                continue
            }
            known.memory.withUnsafeBufferPointer { memory in
                guard let memory = memory.baseAddress else { return }
                for layer in 0..<layers {
                    let target = (layer * count + place) * units
                    (hidden.base + target).update(from: memory + layer * units, count: units)
                    (cells.base + target).update(from: memory + (layers + layer) * units, count: units)
                }
                (contexts.base + place * context).update(from: memory + layout.stateWidth, count: context)
            }
        }
    }

    private func clear(_ place: Int, _ count: Int) {
        let units = layout.lstm.units
        for layer in layout.lstm.layers.indices {
            let target = (layer * count + place) * units
            (hidden.base + target).update(repeating: 0, count: units)
            (cells.base + target).update(repeating: 0, count: units)
        }
    }

    /// Writes what comes before the next row of a stream, (memoryWidth).
    private func write(_ place: Int, _ count: Int, to memory: UnsafeMutablePointer<Float>) {
        let (units, layers) = (layout.lstm.units, layout.lstm.layers.count)
        let context = RecurrentValuesLayout.contextNumbers
        for layer in 0..<layers {
            let source = (layer * count + place) * units
            (memory + layer * units).update(from: hidden.base + source, count: units)
            (memory + (layers + layer) * units).update(from: cells.base + source, count: units)
        }
        (memory + layout.stateWidth).update(from: contexts.base + place * context, count: context)
    }
}
