import Experience
import Neural

/// The last c transitions of B copies that act, with a cache of their keys and values.
///
/// While a context is not full, a step costs one transition against the cache. When it is full, it slides: its oldest
/// transitions leave, and every position changes. With a slide of one, as in the paper, the window is full again at once,
/// so that all of it is computed anew for each step until `clear`. With a longer slide what stays is brought into the cache
/// anew, and the next steps cost one transition again: with a slide of half the context a step costs two on average.
///
/// Copies need not be at the same place: in one call, those that grow go together, and those that are full go together.
final class TransformerContext: ModelContext {
    let model: TransformerModel
    private let copies: Int
    private let length: Int
    /// Transitions that leave a full window together.
    private let slide: Int
    private let width: Int
    /// Nil where observations are images.
    private let integers: IntegerComponents?
    private let encoder: (any ObservationEncoder)?
    private let inference: TransformerInference
    private let cache: KeyValueCache
    /// (B, c, width), (B, c), (B, c): the rows of each copy's window; the last row has no action before `complete`.
    private let components: UnsafeMutablePointer<Int32>
    /// (B, c, D) what the encoder made of images, and (B, D) of those that were seen last.
    private let vectors: FloatBuffer
    private let seen: FloatBuffer
    private let actions: UnsafeMutablePointer<Int32>
    private let rewards: UnsafeMutablePointer<Float>
    /// Transitions in each copy's window that are complete.
    private var filled: [Int]
    /// Whether the cache of a copy does not hold its window any more.
    private var isStale: [Bool]
    /// Copies that were shifted in this call, whose cache is to hold what stays.
    private var shifted: [Int] = []
    /// Windows, and rows of windows that grow, of the copies that take part in a call.
    private let windows: WindowBatch
    private let rows: WindowBatch
    private let groupLogits: FloatBuffer
    /// Copies that take part in a call, and their positions.
    private let group: UnsafeMutablePointer<Int>
    private let positions: UnsafeMutablePointer<Int>
    /// Made when attention is first asked for.
    private lazy var attentionPass = model.makeAttentionPass()

    init(_ model: TransformerModel, copies: Int, slide: Int) {
        self.model = model
        self.copies = copies
        length = model.contextLength
        self.slide = max(1, min(slide, length / 2))
        if case .components(let integers) = model.form.input { self.integers = integers } else { integers = nil }
        width = integers?.counts.count ?? 0
        encoder = model.makeEncoder(observations: copies, pool: WorkerPool(count: 1), seed: nil)
        let floats = encoder == nil ? 0 : copies * model.settings.modelDimension
        (vectors, seen) = (FloatBuffer(floats * length), FloatBuffer(floats))
        inference = TransformerInference(model, sequences: copies)
        cache = KeyValueCache(model.settings, slots: copies)
        components = .allocate(capacity: copies * length * width)
        actions = .allocate(capacity: copies * length)
        rewards = .allocate(capacity: copies * length)
        components.initialize(repeating: 0, count: copies * length * width)
        actions.initialize(repeating: 0, count: copies * length)
        rewards.initialize(repeating: 0, count: copies * length)
        filled = Array(repeating: 0, count: copies)
        isStale = Array(repeating: false, count: copies)
        shifted.reserveCapacity(copies)
        windows = WindowBatch(windows: copies, form: model.form, holdsObservations: false)
        rows = WindowBatch(windows: copies, form: model.form.of(length: 1), holdsObservations: false)
        groupLogits = FloatBuffer(copies * model.spaces.actionCount)
        group = .allocate(capacity: copies)
        positions = .allocate(capacity: copies)
    }

    deinit {
        components.deallocate()
        actions.deallocate()
        rewards.deallocate()
        group.deallocate()
        positions.deallocate()
    }

    var onProgress: (() -> Void)? {
        get { inference.onProgress }
        set { inference.onProgress = newValue }
    }

    func clear(_ copy: Int) {
        filled[copy] = 0
        isStale[copy] = false
    }

    func observe(_ observations: UnsafeRawPointer, logits: UnsafeMutablePointer<Float>) {
        encoder?.encode(observations, count: copies, into: seen.start)
        for copy in 0..<copies {
            if filled[copy] == length { shift(copy) }
            let row = copy * length + filled[copy]
            vector(row).update(from: seen.start + copy * vectorWidth, count: vectorWidth)
            guard let integers else { continue }
            let number = integers.read(observations + copy * integers.byteCount, rows: components + row * width)
            precondition(number != nil, "copy \(copy) observed something outside its observation space")
        }
        restoreCaches()
        extendGrowing(logits)
        computeFull(logits)
    }

    func complete(actions chosen: UnsafePointer<Int32>, rewards received: UnsafePointer<Float>) {
        for copy in 0..<copies {
            actions[copy * length + filled[copy]] = chosen[copy]
            rewards[copy * length + filled[copy]] = received[copy]
            filled[copy] += 1
        }
    }

    /// Floats of a vector; 0 where observations are integers.
    private var vectorWidth: Int { rows.vectorWidth }

    private func vector(_ row: Int) -> UnsafeMutablePointer<Float> { vectors.start + row * vectorWidth }

    /// The oldest transitions of a full window leave.
    private func shift(_ copy: Int) {
        let first = copy * length
        let kept = length - slide
        (components + first * width).update(from: components + (first + slide) * width, count: kept * width)
        vector(first).update(from: vector(first + slide), count: kept * vectorWidth)
        (actions + first).update(from: actions + first + slide, count: kept)
        (rewards + first).update(from: rewards + first + slide, count: kept)
        filled[copy] = kept
        // A window that is full again with the row to come would find no use for a cache.
        if slide == 1 { isStale[copy] = true } else { shifted.append(copy) }
    }

    /// Brings the windows that were shifted into the cache again, a transition of all of them at a time.
    private func restoreCaches() {
        guard !shifted.isEmpty else { return }
        for position in 0..<(length - slide) {
            for (index, copy) in shifted.enumerated() {
                group[index] = copy
                positions[index] = position
                writeRow(position, of: copy, at: index)
            }
            inference.extend(
                rows, sequences: shifted.count, positions: positions, slots: group, cache: cache,
                into: groupLogits.start)
            onProgress?()
        }
        shifted.removeAll(keepingCapacity: true)
    }

    /// The copies whose cache holds their window: one more transition each.
    private func extendGrowing(_ logits: UnsafeMutablePointer<Float>) {
        var count = 0
        for copy in 0..<copies where !isStale[copy] {
            group[count] = copy
            positions[count] = filled[copy]
            writeRow(filled[copy], of: copy, at: count)
            count += 1
        }
        guard count > 0 else { return }
        inference.extend(
            rows, sequences: count, positions: positions, slots: group, cache: cache, into: groupLogits.start)
        spread(count, over: logits)
    }

    /// The copies that have slid: their whole windows, without the cache.
    private func computeFull(_ logits: UnsafeMutablePointer<Float>) {
        var count = 0
        for copy in 0..<copies where isStale[copy] {
            group[count] = copy
            writeWindow(of: copy, rows: length, in: windows, at: count)
            count += 1
        }
        guard count > 0 else { return }
        inference.lastLogits(windows, windows: count, length: length, into: groupLogits.start)
        spread(count, over: logits)
    }

    /// Brings logits (rows, A) of the copies in `group` to their places in logits (B, A).
    private func spread(_ rows: Int, over logits: UnsafeMutablePointer<Float>) {
        let actionCount = model.spaces.actionCount
        for row in 0..<rows {
            (logits + group[row] * actionCount).update(
                from: groupLogits.start + row * actionCount, count: actionCount)
        }
    }

    /// Writes the tokens of the first `rows` rows of a copy's window as window `target` of a batch.
    private func writeWindow(of copy: Int, rows count: Int, in batch: WindowBatch, at target: Int) {
        let from = copy * length
        let to = target * length
        (batch.components + to * width).update(from: components + from * width, count: count * width)
        batch.vectors(from: to)?.update(from: vector(from), count: count * vectorWidth)
        batch.previousActions[to] = model.spaces.noAction
        batch.previousRewards[to] = 0
        (batch.previousActions + to + 1).update(from: actions + from, count: count - 1)
        (batch.previousRewards + to + 1).update(from: rewards + from, count: count - 1)
    }

    /// Writes a row of a copy's window as row `target` of the batch of one-row windows: its observation, and the action and
    /// reward of the row before.
    private func writeRow(_ position: Int, of copy: Int, at target: Int) {
        let row = copy * length + position
        (rows.components + target * width).update(from: components + row * width, count: width)
        rows.vectors(from: target)?.update(from: vector(row), count: vectorWidth)
        rows.previousActions[target] = position == 0 ? model.spaces.noAction : actions[row - 1]
        rows.previousRewards[target] = position == 0 ? 0 : rewards[row - 1]
    }
}

extension TransformerContext: AttentionSource {
    func attention(of copy: Int) -> [AttentionMap] {
        guard filled[copy] > 0 else { return [] }
        let batch = WindowBatch(windows: 1, form: model.form, holdsObservations: false)
        writeWindow(of: copy, rows: filled[copy], in: batch, at: 0)
        return attentionPass.attention(batch, length: filled[copy])
    }
}
