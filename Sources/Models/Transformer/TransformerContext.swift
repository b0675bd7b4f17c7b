import Experience
import Neural

/// The last c transitions of B copies that act, with a cache of their keys and values.
///
/// While a context is not full, a step costs one transition against the cache. When it is full, it slides as in the
/// paper: the oldest transition leaves, every position changes, and the whole window is computed again. A copy that has
/// slid is computed that way until `clear`, because its cache stays out of date.
///
/// Copies need not be at the same place: in one call, those that grow go together, and those that are full go together.
final class TransformerContext: ModelContext {
    let model: TransformerModel
    private let copies: Int
    private let length: Int
    private let width: Int
    private let integers: IntegerComponents
    private let inference: TransformerInference
    private let cache: KeyValueCache
    /// (B, c, width), (B, c), (B, c): the rows of each copy's window; the last row has no action before `complete`.
    private let components: UnsafeMutablePointer<Int32>
    private let actions: UnsafeMutablePointer<Int32>
    private let rewards: UnsafeMutablePointer<Float>
    /// Transitions in each copy's window that are complete.
    private var filled: [Int]
    /// Whether the cache of a copy does not hold its window any more.
    private var isStale: [Bool]
    /// Windows, and rows of windows that grow, of the copies that take part in a call.
    private let windows: WindowBatch
    private let rows: WindowBatch
    private let groupLogits: FloatBuffer
    /// Copies that take part in a call, and their positions.
    private let group: UnsafeMutablePointer<Int>
    private let positions: UnsafeMutablePointer<Int>
    /// Made when attention is first asked for.
    private lazy var attentionPass = model.makeAttentionPass()

    init(_ model: TransformerModel, copies: Int) {
        guard case .components(let integers) = model.form.input else {
            preconditionFailure("a transformer embeds components")
        }
        self.model = model
        self.copies = copies
        self.integers = integers
        length = model.contextLength
        width = integers.counts.count
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
        windows = WindowBatch(windows: copies, form: model.form)
        rows = WindowBatch(windows: copies, form: model.form.of(length: 1))
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
        for copy in 0..<copies {
            if filled[copy] == length { slide(copy) }
            let number = integers.read(
                observations + copy * integers.byteCount,
                rows: components + (copy * length + filled[copy]) * width)
            precondition(number != nil, "copy \(copy) observed something outside its observation space")
        }
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

    /// The oldest transition of a full window leaves. The window is as long again with the row to come, so nothing of
    /// it is cached.
    private func slide(_ copy: Int) {
        let first = copy * length
        let kept = length - 1
        (components + first * width).update(from: components + (first + 1) * width, count: kept * width)
        (actions + first).update(from: actions + first + 1, count: kept)
        (rewards + first).update(from: rewards + first + 1, count: kept)
        filled[copy] = kept
        isStale[copy] = true
    }

    /// The copies whose cache holds their window: one more transition each.
    private func extendGrowing(_ logits: UnsafeMutablePointer<Float>) {
        var count = 0
        for copy in 0..<copies where !isStale[copy] {
            group[count] = copy
            positions[count] = filled[copy]
            writeRow(of: copy, at: count)
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
        batch.previousActions[to] = model.spaces.noAction
        batch.previousRewards[to] = 0
        (batch.previousActions + to + 1).update(from: actions + from, count: count - 1)
        (batch.previousRewards + to + 1).update(from: rewards + from, count: count - 1)
    }

    /// Writes the last row of a copy's window, which has no action yet, as row `target` of the batch of one-row
    /// windows.
    private func writeRow(of copy: Int, at target: Int) {
        let row = copy * length + filled[copy]
        (rows.components + target * width).update(from: components + row * width, count: width)
        rows.previousActions[target] = filled[copy] == 0 ? model.spaces.noAction : actions[row - 1]
        rows.previousRewards[target] = filled[copy] == 0 ? 0 : rewards[row - 1]
    }
}

extension TransformerContext: AttentionSource {
    func attention(of copy: Int) -> [AttentionMap] {
        guard filled[copy] > 0 else { return [] }
        let batch = WindowBatch(windows: 1, form: model.form)
        writeWindow(of: copy, rows: filled[copy], in: batch, at: 0)
        return attentionPass.attention(batch, length: filled[copy])
    }
}
