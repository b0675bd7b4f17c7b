package import Experience
import Foundation
package import Models
import Neural
import Settings

/// The distilled model acting: B copies that each go on in a context of their own, for one thread.
///
/// A context starts empty, and nothing but `clear` empties it: episodes end inside it, and so the model sees what
/// earlier episodes brought. How far back it reaches, and what a step costs, is the model's: see `ModelContext`.
///
/// A step is `act`, the environments' step, `record`. A prompt is fed by `show` before the first `act`. A copy's random
/// numbers follow from its key and the number of its decisions, so that they do not depend on the copies beside it.
package final class InContextPolicy {
    /// How actions are drawn.
    package struct Settings: Sendable, Equatable {
        /// Divides the logits; 1 samples what the model has learnt, 0 takes the most probable action.
        package var temperature: Double
        /// How many of the oldest transitions leave a full context together; the model takes at most half of it.
        package var slide: Int

        package init(temperature: Double = 1, slide: Int = 1) {
            self.temperature = temperature
            self.slide = slide
        }
    }

    /// B, copies.
    package let count: Int
    package let settings: Settings
    private let spaces: ModelSpaces
    private let context: any ModelContext
    private let generators: [Philox]
    /// (B, A) logits and (B) actions of the last decision.
    private let logits: FloatBuffer
    private let chosen: UnsafeMutablePointer<Int32>
    /// Decisions of each copy so far: the counter of its random numbers.
    private var decisions: [UInt64]
    private var awaitsRewards = false

    /// One copy for each key. Throws `SettingsError` for settings that make no sense.
    package init(model: any SequenceModel, keys: [StreamKey], settings: Settings = Settings()) throws {
        try require(settings.temperature, in: 0...1e6, "temperature")
        try require(settings.slide, in: 1...1_000_000, "slide")
        try require(keys.count, in: 1...1_000_000, "copies")
        self.settings = settings
        spaces = model.spaces
        count = keys.count
        context = try model.makeContext(copies: count, slide: settings.slide)
        generators = keys.map { Philox($0) }
        logits = FloatBuffer(count * spaces.actionCount)
        chosen = .allocate(capacity: count)
        chosen.initialize(repeating: 0, count: count)
        decisions = Array(repeating: 0, count: count)
    }

    deinit { chosen.deallocate() }

    /// Called again and again while `act` is at work, however many copies and however long their contexts are.
    package var onProgress: (() -> Void)? {
        get { context.onProgress }
        set { context.onProgress = newValue }
    }

    /// Forgets the context of copy `index`, as the control does at every episode.
    package func clear(_ index: Int) { context.clear(index) }

    /// Chooses an action for every copy. `observations`: (B, observation bytes); `actions`: (B, action bytes).
    /// Precondition: observations lie in the space; `record` has followed the call before.
    package func act(observations: UnsafeRawPointer, actions: UnsafeMutableRawPointer) {
        precondition(!awaitsRewards, "act was called twice without record")
        awaitsRewards = true
        context.observe(observations, logits: logits.start)
        for copy in 0..<count {
            let action = draw(copy)
            chosen[copy] = Int32(action)
            spaces.store(action, at: actions + copy * spaces.actionBytes)
        }
    }

    /// Completes the transitions that the last `act` began. `rewards`: (B).
    package func record(rewards: UnsafePointer<Float>) {
        precondition(awaitsRewards, "record was called without act")
        awaitsRewards = false
        context.complete(actions: chosen, rewards: rewards)
    }

    /// Shows every copy a transition that it did not choose, as one of a prompt; draws nothing. Columns as streams
    /// store them, one row for each copy. Precondition: they lie in their spaces; `record` has followed the last `act`.
    package func show(observations: UnsafeRawPointer, actions: UnsafeRawPointer, rewards: UnsafePointer<Float>) {
        precondition(!awaitsRewards, "a transition was shown between act and record")
        context.observe(observations, logits: logits.start)
        for copy in 0..<count { chosen[copy] = spaces.action(at: actions + copy * spaces.actionBytes) }
        context.complete(actions: chosen, rewards: rewards)
    }

    /// Logits of copy `index` at the last `act`, (A).
    package func lastLogits(_ index: Int) -> [Float] {
        Array(UnsafeBufferPointer(start: logits.start + index * spaces.actionCount, count: spaces.actionCount))
    }

    /// What copy `index` attends to; nil where the model has no attention.
    package func attention(of index: Int) -> [AttentionMap]? {
        (context as? any AttentionSource)?.attention(of: index)
    }

    /// Draws from softmax(logits / temperature) by inverting its distribution function; at temperature 0 the first of
    /// the most probable actions. Each call takes one random number, also at temperature 0.
    private func draw(_ copy: Int) -> Int {
        let actionCount = spaces.actionCount
        let row = logits.start + copy * actionCount
        let word = generators[copy].words(.policy, episode: decisions[copy], step: 0).x
        decisions[copy] += 1
        let best = greedyAction(row, actionCount)
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

private func require<Value: Comparable>(_ value: Value, in range: ClosedRange<Value>, _ setting: String) throws {
    guard range.contains(value) else {
        throw SettingsError(setting, "must be between \(range.lowerBound) and \(range.upperBound)", found: "\(value)")
    }
}
