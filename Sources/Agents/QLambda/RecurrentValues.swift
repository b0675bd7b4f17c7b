import Environments
import Experience
import Neural

/// Of networks that remember: sequences begin with what was remembered when they were lived, and gradients flow back to their
/// first rows and no further.
///
/// Rows between two ends of trials, or holes, are a piece. Pieces of one length go through together, at most
/// `mostPieces`, each group by one thread; gradients are added in the groups' order, so that what comes out does not depend
/// on the number of threads.
final class RecurrentValues: SequenceValues {
    /// Pieces that go through together.
    private static let mostPieces = 16

    /// Rows of one sequence that one memory goes through.
    private struct Piece {
        let firstRow: Int
        let length: Int
        /// The sequence that it begins; nil where it begins with nothing.
        let sequence: Int?
    }

    /// Pieces of one length T. Their rows of inputs and heads are (T, B) from `firstSlot` on, their states (L, B, H) from
    /// `firstState` on.
    private struct Group {
        let pieces: ArraySlice<Piece>
        let firstSlot: Int
        let firstState: Int
        var length: Int { pieces[pieces.startIndex].length }
    }

    private let layout: RecurrentValuesLayout
    private let pool: WorkerPool
    private let seen: SeenRows
    private let learning: Side
    private let target: Side
    private var groups: [Group] = []
    private(set) var count = 0
    /// (rows): the row of heads of each; (rows, contextNumbers).
    private let slotOfRow = GrowingBuffer<Int>()
    private let contexts = GrowingBuffer<Float>()
    /// Of all groups: hidden units, and cells, before their pieces.
    private let hidden = GrowingBuffer<Float>()
    private let cells = GrowingBuffer<Float>()
    /// (count): max_a Q'(o, a).
    private let ofTarget = GrowingBuffer<Float>()
    /// (count, inputs): gradients; (rows, features) of the encoder's outputs.
    private let inputGradients = GrowingBuffer<Float>()
    private let featureGradients = GrowingBuffer<Float>()
    /// One for each group of the largest step so far, of the parameters behind the encoder's alone.
    private var groupGradients: [FloatBuffer] = []

    /// `rows`: of a batch. `generator`: of the lifetime's random numbers.
    init(
        _ layout: RecurrentValuesLayout, scene: Scene, weights: FloatBuffer, target: FloatBuffer, rows: Int,
        threads: Int, generator: Philox
    ) {
        self.layout = layout
        let pool = WorkerPool(count: threads)
        self.pool = pool
        seen = SeenRows(scene, seesStored: layout.sight.seesStored, pool: pool)
        let words = generator.words(.dropout, episode: 0, step: 0)
        learning = Side(
            layout, weights: weights,
            sight: layout.makeSight(
                weights: weights, images: rows, pool: pool, dropoutKey: (words.x, words.y)), learns: true)
        self.target = Side(
            layout, weights: target,
            sight: layout.makeSight(weights: target, images: rows, pool: pool, dropoutKey: nil), learns: false)
    }

    var onProgress: (() -> Void)? {
        didSet {
            learning.sight.onProgress = onProgress
            target.sight.onProgress = onProgress
        }
    }

    // MARK: - Taking in

    func take(_ batch: SequenceBatch) throws {
        try seen.take(batch.observations.base, rows: batch.count)
        count = batch.count
        slotOfRow.reserve(count)
        arrange(pieces(of: batch))
        noteContexts(batch)
        noteStates(batch)
        batch.slotOfRow.base.update(from: slotOfRow.base, count: count)
    }

    private func pieces(of batch: SequenceBatch) -> [Piece] {
        let length = batch.layout.sequenceLength
        var pieces: [Piece] = []
        for sequence in 0..<(batch.count / length) {
            var first = sequence * length
            for row in first..<((sequence + 1) * length) {
                guard row == (sequence + 1) * length - 1 || !batch.following(row).goesOn else { continue }
                pieces.append(
                    Piece(
                        firstRow: first, length: row + 1 - first, sequence: first == sequence * length ? sequence : nil)
                )
                first = row + 1
            }
        }
        // Whole sequences first: their groups are the large ones, and find the memory that they had in the step before. Not
        // every sort keeps the order of what is equal.
        return pieces.sorted { (-$0.length, $0.firstRow) < (-$1.length, $1.firstRow) }
    }

    private func arrange(_ pieces: [Piece]) {
        groups.removeAll(keepingCapacity: true)
        let state = layout.lstm.layers.count * layout.lstm.units
        var (slot, place) = (0, 0)
        while place < pieces.count {
            let length = pieces[place].length
            let end = pieces[place...].prefix(Self.mostPieces).prefix { $0.length == length }.endIndex
            groups.append(Group(pieces: pieces[place..<end], firstSlot: slot, firstState: place * state))
            for step in 0..<length {
                for index in place..<end {
                    slotOfRow.base[pieces[index].firstRow + step] = slot
                    slot += 1
                }
            }
            place = end
        }
        hidden.reserve(pieces.count * state)
        cells.reserve(pieces.count * state)
    }

    private func noteContexts(_ batch: SequenceBatch) {
        let (length, width) = (batch.layout.sequenceLength, RecurrentValuesLayout.contextNumbers)
        contexts.reserve(batch.count * width)
        for row in 0..<batch.count {
            let context = contexts.base + row * width
            guard row % length > 0 else {
                let memory = batch.memories.base + row / length * layout.memoryWidth
                context.update(from: memory + layout.stateWidth, count: width)
                continue
            }
            context.update(from: context - width, count: width)
            RecurrentValuesLayout.advance(
                context, action: batch.actionOfRow.base[row - 1], reward: batch.rewards.base[row - 1],
                following: batch.following(row - 1))
        }
    }

    private func noteStates(_ batch: SequenceBatch) {
        let (units, layers) = (layout.lstm.units, layout.lstm.layers.count)
        for group in groups {
            for (place, piece) in group.pieces.enumerated() {
                for layer in 0..<layers {
                    let target = group.firstState + (layer * group.pieces.count + place) * units
                    guard let sequence = piece.sequence else {
                        (hidden.base + target).update(repeating: 0, count: units)
                        (cells.base + target).update(repeating: 0, count: units)
                        continue
                    }
                    let memory = batch.memories.base + sequence * layout.memoryWidth
                    (hidden.base + target).update(from: memory + layer * units, count: units)
                    (cells.base + target).update(from: memory + (layers + layer) * units, count: units)
                }
            }
        }
    }

    // MARK: - Forward

    func targetValues() -> UnsafePointer<Float> {
        let heads = forward(target, features: target.sight.values(of: seen.base, rows: count))
        ofTarget.reserve(count)
        for slot in 0..<count {
            let values = heads + slot * layout.actions
            ofTarget.base[slot] = values[greedyAction(values, layout.actions)]
        }
        return UnsafePointer(ofTarget.base)
    }

    func forward(step: Int) -> UnsafePointer<Float> {
        forward(learning, features: learning.sight.forward(seen.base, rows: count, step: step))
    }

    /// Heads (count, actions) of one of the networks, from features (rows, features).
    private func forward(_ side: Side, features: UnsafePointer<Float>) -> UnsafePointer<Float> {
        let (inputs, actions) = (layout.lstm.inputs, layout.actions)
        side.reserve(slots: count, groups: groups.map { ($0.length, $0.pieces.count) }, workers: pool.count)
        side.packed.pack(side.weights.start)
        let parameters = UnsafePointer(side.weights.start)
        for row in 0..<count {
            layout.writeInput(
                features + row * layout.sight.width,
                context: contexts.base + row * RecurrentValuesLayout.contextNumbers,
                into: side.inputs.base + slotOfRow.base[row] * inputs)
        }
        pool.run { worker in
            for number in stride(from: worker, to: groups.count, by: pool.count) {
                let group = groups[number]
                let (pieces, rows) = (group.pieces.count, group.length * group.pieces.count)
                let arena = side.arenas[side.learns ? number : worker]
                side.lstm.forward(
                    parameters, side.inputs.base + group.firstSlot * inputs, steps: group.length, sequences: pieces,
                    initial: .init(hidden: hidden.base + group.firstState, cells: cells.base + group.firstState),
                    arena: arena, weights: side.packed)
                let heads = side.heads.base + group.firstSlot * actions
                Linear.forward(
                    side.lstm.output(arena, sequences: pieces), weight: parameters + layout.headWeight, into: heads,
                    rows: rows, inputs: layout.lstm.units, outputs: actions)
                Linear.addBias(parameters + layout.headBias, to: heads, rows: rows, outputs: actions)
                if worker == 0 { onProgress?() }
            }
        }
        return UnsafePointer(side.heads.base)
    }

    func targetHasChanged() { target.sight.parametersHaveChanged() }

    func table(exploration: Float) -> UnsafeBufferPointer<Float>? { nil }

    // MARK: - Backward

    func backward(_ headGradients: UnsafePointer<Float>, into gradients: UnsafeMutablePointer<Float>) {
        let (inputs, first) = (layout.lstm.inputs, layout.encoderCount)
        while groupGradients.count < groups.count {
            groupGradients.append(FloatBuffer(layout.parameters.count - first))
        }
        inputGradients.reserve(count * inputs)
        let seesImages = first > 0
        pool.run { worker in
            for number in stride(from: worker, to: groups.count, by: pool.count) {
                backward(groups[number], number, headGradients, seesImages)
                if worker == 0 { onProgress?() }
            }
        }
        for number in groups.indices {
            let source = groupGradients[number].start
            for index in first..<layout.parameters.count { gradients[index] += source[index - first] }
        }
        guard seesImages else { return }
        let width = layout.sight.width
        featureGradients.reserve(count * width)
        for row in 0..<count {
            (featureGradients.base + row * width).update(
                from: inputGradients.base + slotOfRow.base[row] * inputs, count: width)
        }
        learning.sight.backward(featureGradients.base, observations: seen.base, rows: count, into: gradients)
    }

    /// Leaves the gradients of one group in `groupGradients` and, where they are wanted, `inputGradients`.
    private func backward(
        _ group: Group, _ number: Int, _ headGradients: UnsafePointer<Float>, _ wantsInputs: Bool
    ) {
        let (units, actions) = (layout.lstm.units, layout.actions)
        let (pieces, rows) = (group.pieces.count, group.length * group.pieces.count)
        let arena = learning.arenas[number]
        groupGradients[number].start.update(repeating: 0, count: groupGradients[number].count)
        // As if the encoder's were there, too: nothing is added to those.
        let gradients = groupGradients[number].start - layout.encoderCount
        let heads = headGradients + group.firstSlot * actions
        let parameters = UnsafePointer(learning.weights.start)
        Linear.weightGradient(
            heads, learning.lstm.output(arena, sequences: pieces), into: gradients + layout.headWeight, rows: rows,
            inputs: units, outputs: actions)
        Linear.biasGradient(heads, into: gradients + layout.headBias, rows: rows, outputs: actions)
        Linear.inputGradient(
            heads, weight: parameters + layout.headWeight, into: learning.lstm.outputGradient(arena), rows: rows,
            inputs: units, outputs: actions)
        let first = group.firstSlot * layout.lstm.inputs
        learning.lstm.backward(
            parameters, gradients: gradients, learning.inputs.base + first, steps: group.length, sequences: pieces,
            arena: arena, inputGradient: wantsInputs ? inputGradients.base + first : nil, weights: learning.packed)
    }

    /// One of the two networks, and the memory of its passes.
    private final class Side {
        let weights: FloatBuffer
        let sight: any ObservationNetwork
        let lstm: LSTM
        let packed: LSTMWeights
        /// (slots, inputs), (slots, actions).
        let inputs = GrowingBuffer<Float>()
        let heads = GrowingBuffer<Float>()
        let learns: Bool
        /// One for each group where it learns, whose backward pass needs what the forward pass left; else for each worker.
        private(set) var arenas: [LSTMArena] = []
        private let layout: RecurrentValuesLayout

        init(
            _ layout: RecurrentValuesLayout, weights: FloatBuffer, sight: any ObservationNetwork, learns: Bool
        ) {
            self.layout = layout
            self.weights = weights
            self.sight = sight
            self.learns = learns
            lstm = LSTM(layout.lstm)
            packed = LSTMWeights(layout.lstm, training: learns)
        }

        /// Room for so many slots, and for groups of so many steps and sequences. What is there only grows.
        func reserve(slots: Int, groups: [(steps: Int, sequences: Int)], workers: Int) {
            inputs.reserve(slots * layout.lstm.inputs)
            heads.reserve(slots * layout.actions)
            for (number, group) in groups.enumerated() {
                let place = learns ? number : number % workers
                let known = place < arenas.count ? arenas[place] : nil
                let (steps, sequences) = (known?.steps ?? 0, known?.sequences ?? 0)
                if steps >= group.steps, sequences >= group.sequences { continue }
                let arena = LSTMArena(
                    layout.lstm, steps: max(steps, group.steps), sequences: max(sequences, group.sequences),
                    packsWeights: false)
                if known == nil { arenas.append(arena) } else { arenas[place] = arena }
            }
        }
    }
}
