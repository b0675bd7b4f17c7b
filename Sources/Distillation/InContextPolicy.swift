package import Experience
import Foundation
package import Models
import Neural

/// The distilled model acting: B copies that each keep their last c transitions as context, for one thread.
///
/// The context starts empty, and nothing but `clear` empties it. While it is not full, a step costs one transition against a
/// cache of keys and values. When it is full, it slides: the oldest transitions leave, every position changes, and the
/// whole window is computed again.
package final class InContextPolicy {
    /// How actions are drawn and how the context slides.
    package struct Settings: Sendable, Equatable {
        /// Divides the logits; 1 samples what the model has learnt, 0 takes the most probable action.
        package var temperature: Double
        /// Transitions that leave a full window at once. 1 is the paper's sliding window. More is an approximation whose
        /// context has between c - slide + 1 and c transitions, and about `slide` times cheaper.
        package var slide: Int

        package init(temperature: Double = 1, slide: Int = 1) {
            self.temperature = temperature
            self.slide = slide
        }
    }

    package static let maximumCacheBytes = 16 << 30
    package let count: Int
    package let settings: Settings
    private let model: TransformerModel
    private let inference: TransformerInference
    private let cache: KeyValueCache
    private let generators: [Philox]
    private let length: Int
    private let width: Int
    private let actionCount: Int
    /// (B, c, width), (B, c), (B, c): the rows of each copy's window; the last row has no action before `act`.
    private let components: UnsafeMutablePointer<Int32>
    private let actions: UnsafeMutablePointer<Int32>
    private let rewards: UnsafeMutablePointer<Float>
    /// Transitions in each copy's window that are complete.
    private var filled: [Int]
    /// Whether the cache of a copy does not hold its window any more.
    private var isStale: [Bool]
    /// Decisions of each copy so far: the counter of its random numbers.
    private var decisions: [UInt64]
    private var awaitsRewards = false
    private let windows: WindowBatch
    private let rows: WindowBatch
    private let logits: FloatBuffer
    private let groupLogits: FloatBuffer
    /// Copies that take part in a call, and their positions.
    private let group: UnsafeMutablePointer<Int>
    private let positions: UnsafeMutablePointer<Int>

    /// One copy for each key. Throws `SettingsError` for settings that make no sense.
    package init(model: TransformerModel, keys: [StreamKey], settings: Settings = Settings()) throws {
        let length = model.settings.contextLength
        try require(settings.temperature, in: 0...1e6, "temperature")
        try require(settings.slide, in: 1...length, "slide")
        try require(keys.count, in: 1...1_000_000, "copies")
        let cacheBytes = KeyValueCache.byteCount(model.settings, slots: keys.count)
        guard cacheBytes <= Self.maximumCacheBytes else {
            throw SettingsError(
                "copies", "must need at most \(Self.maximumCacheBytes) bytes of keys and values, not \(cacheBytes)",
                found: "\(keys.count)")
        }
        self.model = model
        self.settings = settings
        self.length = length
        count = keys.count
        width = model.vocabulary.componentCounts.count
        actionCount = model.vocabulary.actionCount
        inference = TransformerInference(model, sequences: count)
        cache = KeyValueCache(model.settings, slots: count)
        generators = keys.map { Philox($0) }
        components = .allocate(capacity: count * length * width)
        actions = .allocate(capacity: count * length)
        rewards = .allocate(capacity: count * length)
        components.initialize(repeating: 0, count: count * length * width)
        actions.initialize(repeating: 0, count: count * length)
        rewards.initialize(repeating: 0, count: count * length)
        filled = Array(repeating: 0, count: count)
        isStale = Array(repeating: false, count: count)
        decisions = Array(repeating: 0, count: count)
        windows = WindowBatch(windows: count, length: length, width: width)
        rows = WindowBatch(windows: count, length: 1, width: width)
        logits = FloatBuffer(count * actionCount)
        groupLogits = FloatBuffer(count * actionCount)
        group = .allocate(capacity: count)
        positions = .allocate(capacity: count)
    }

    deinit {
        components.deallocate()
        actions.deallocate()
        rewards.deallocate()
        group.deallocate()
        positions.deallocate()
    }

    /// Called again and again while `act` is at work, however many copies and however long their contexts are.
    package var onProgress: (() -> Void)? {
        get { inference.onProgress }
        set { inference.onProgress = newValue }
    }

    /// Forgets the context of copy `index`, as the control does at every episode.
    package func clear(_ index: Int) {
        filled[index] = 0
        isStale[index] = false
    }

    /// Chooses an action for every copy. `observations`: (B, observation bytes); `chosen`: (B, action bytes).
    /// Precondition: observations lie in the space; `record` has followed the call before.
    package func act(observations: UnsafeRawPointer, actions chosen: UnsafeMutableRawPointer) {
        precondition(!awaitsRewards, "act was called twice without record")
        awaitsRewards = true
        let vocabulary = model.vocabulary
        slideFullWindows()
        for copy in 0..<count {
            vocabulary.components(
                of: observations + copy * vocabulary.observationBytes,
                into: components + (copy * length + filled[copy]) * width)
        }
        computeLogits()
        for copy in 0..<count {
            let action = draw(copy)
            actions[copy * length + filled[copy]] = Int32(action)
            vocabulary.store(action, at: chosen + copy * vocabulary.actionBytes)
        }
    }

    /// Completes the transitions that the last `act` began. `received`: (B) rewards.
    package func record(rewards received: UnsafePointer<Float>) {
        precondition(awaitsRewards, "record was called without act")
        awaitsRewards = false
        for copy in 0..<count {
            rewards[copy * length + filled[copy]] = received[copy]
            filled[copy] += 1
        }
    }

    /// Logits of copy `index` at the last `act`, (A).
    package func lastLogits(_ index: Int) -> [Float] {
        Array(UnsafeBufferPointer(start: logits.start + index * actionCount, count: actionCount))
    }

    /// Copies whose window is full lose their oldest transitions. With a slide of 1 the window is as long again with the
    /// row to come, so nothing is cached; otherwise what is left is computed once and then extended.
    private func slideFullWindows() {
        var sliding = 0
        for copy in 0..<count where filled[copy] == length {
            let kept = length - settings.slide
            let from = copy * length + settings.slide
            let to = copy * length
            (components + to * width).update(from: components + from * width, count: kept * width)
            (actions + to).update(from: actions + from, count: kept)
            (rewards + to).update(from: rewards + from, count: kept)
            filled[copy] = kept
            isStale[copy] = settings.slide == 1
            guard settings.slide > 1, kept > 0 else { continue }
            group[sliding] = copy
            writeWindow(of: copy, rows: kept, at: sliding)
            sliding += 1
        }
        guard sliding > 0 else { return }
        inference.lastLogits(
            windows, first: 0, sequences: sliding, length: length - settings.slide, into: groupLogits.start,
            cache: cache, slots: group)
    }

    private func computeLogits() {
        var extending = 0
        for copy in 0..<count where !isStale[copy] {
            group[extending] = copy
            positions[extending] = filled[copy]
            writeRow(of: copy, at: extending)
            extending += 1
        }
        if extending > 0 {
            inference.extend(
                rows, sequences: extending, positions: positions, slots: group, cache: cache, into: groupLogits.start)
            spread(extending)
        }
        var whole = 0
        for copy in 0..<count where isStale[copy] {
            group[whole] = copy
            writeWindow(of: copy, rows: length, at: whole)
            whole += 1
        }
        if whole > 0 {
            inference.lastLogits(windows, first: 0, sequences: whole, length: length, into: groupLogits.start)
            spread(whole)
        }
    }

    private func spread(_ rows: Int) {
        for row in 0..<rows {
            (logits.start + group[row] * actionCount).update(
                from: groupLogits.start + row * actionCount, count: actionCount)
        }
    }

    /// Writes the tokens of the first `rows` rows of a copy's window as window `target`.
    private func writeWindow(of copy: Int, rows count: Int, at target: Int) {
        let from = copy * length
        let to = target * length
        (windows.components + to * width).update(from: components + from * width, count: count * width)
        windows.previousActions[to] = model.vocabulary.noAction
        windows.previousRewards[to] = 0
        (windows.previousActions + to + 1).update(from: actions + from, count: count - 1)
        (windows.previousRewards + to + 1).update(from: rewards + from, count: count - 1)
    }

    private func writeRow(of copy: Int, at target: Int) {
        let row = copy * length + filled[copy]
        (rows.components + target * width).update(from: components + row * width, count: width)
        rows.previousActions[target] = filled[copy] == 0 ? model.vocabulary.noAction : actions[row - 1]
        rows.previousRewards[target] = filled[copy] == 0 ? 0 : rewards[row - 1]
    }

    /// Draws from softmax(logits / temperature) by inverting its distribution function.
    private func draw(_ copy: Int) -> Int {
        let row = logits.start + copy * actionCount
        let word = generators[copy].words(.policy, episode: decisions[copy], step: 0).x
        decisions[copy] += 1
        var best = 0
        for action in 1..<max(1, actionCount) where row[action] > row[best] { best = action }
        guard settings.temperature > 0 else { return best }
        let inverse = 1 / settings.temperature
        var total = 0.0
        for action in 0..<actionCount { total += exp(Double(row[action] - row[best]) * inverse) }
        var remaining = Double(Philox.unit(word)) * total
        for action in 0..<actionCount {
            remaining -= exp(Double(row[action] - row[best]) * inverse)
            if remaining < 0 { return action }
        }
        return best
    }
}
