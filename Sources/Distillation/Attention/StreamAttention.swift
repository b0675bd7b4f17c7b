import Environments
import Experience
package import Histories
package import Models
import Neural
import Settings

/// What a model attends to where it chooses the actions of some rows of a recorded stream: the paper's Figure 15.
///
/// A decision's context is that of `predict`: rows max(0, t - c + 1) to t, as an evaluation with a slide of 1 has it.
package struct StreamAttention: Sendable, Equatable {
    /// The decision at one row.
    package struct Decision: Sendable, Equatable {
        /// Whose action is chosen: the query is the token of its observation.
        package let row: Int
        /// Rows in the context, K of them, that one the last. The tokens of a row are its observation, and the action and
        /// the reward of the row before.
        package let keys: Range<Int>
        /// (layers, heads, K): shares that sum to 1 over K; where a row has three tokens, those of the three together.
        package let weights: [Float]
        /// (K): how many episodes before the decision's own; 0 for its own.
        package let episodesBack: [Int]
        /// (K): the reward that a row's tokens show, which is that of the row before; 0 at the context's beginning.
        package let rewards: [Float]
        /// (K): the row is the first of its episode.
        package let isStart: [Bool]

        package init(
            row: Int, keys: Range<Int>, weights: [Float], episodesBack: [Int], rewards: [Float], isStart: [Bool]
        ) {
            self.row = row
            self.keys = keys
            self.weights = weights
            self.episodesBack = episodesBack
            self.rewards = rewards
            self.isStart = isStart
        }

        /// (K) of one head.
        package func weights(layer: Int, head: Int, of heads: Int) -> ArraySlice<Float> {
            let first = (layer * heads + head) * keys.count
            return weights[first..<(first + keys.count)]
        }
    }

    package let layers: Int
    package let heads: Int
    package let decisions: [Decision]

    package init(layers: Int, heads: Int, decisions: [Decision]) {
        self.layers = layers
        self.heads = heads
        self.decisions = decisions
    }

    /// Computes the decisions at `rows` of a stream, each in a context of its own: at most c steps and one pass each.
    /// Throws `HistoriesError` for a model without attention, a stream of other spaces and a row that it does not have,
    /// and `EnvironmentError` where it does not say how its observations are seen.
    package init(model: any SequenceModel, stream: StreamContents, rows: [Int]) throws {
        let replay = try ContextReplay(model, stream)
        decisions = try rows.map { try replay.decision(at: $0) }
        (layers, heads) = (replay.layers, replay.heads)
    }
}

/// Lives parts of a stream again in one context, and asks what it attended to.
private final class ContextReplay {
    private(set) var layers = 0
    private(set) var heads = 0
    private let model: any SequenceModel
    private let context: any ModelContext
    private let source: any AttentionSource
    private let stream: StreamContents
    private let columns: CheckedColumns
    /// (A)
    private let logits: FloatBuffer
    /// (N): the number of the episode of each row.
    private let episodes: [Int]

    init(_ model: any SequenceModel, _ stream: StreamContents) throws {
        self.model = model
        self.stream = stream
        columns = try CheckedColumns(
            model: model, environment: stream.metadata.environment, view: try stream.metadata.makeView(),
            observations: stream.rows[.observations], actions: stream.rows[.actions], rewards: stream.rows.rewards)
        context = try model.makeContext(copies: 1, slide: 1)
        guard let source = context as? any AttentionSource else {
            throw HistoriesError("a model of the kind \(model.choice.kind.name) has no attention")
        }
        self.source = source
        logits = FloatBuffer(model.spaces.actionCount)
        episodes = stream.episodes.enumerated().flatMap { number, episode in
            Array(repeating: number, count: episode.rows.count)
        }
    }

    func decision(at row: Int) throws -> StreamAttention.Decision {
        guard columns.rewards.indices.contains(row) else {
            throw HistoriesError("there is no row \(row) in \(stream.path), which has \(columns.rewards.count)")
        }
        let keys = max(0, row + 1 - model.contextLength)..<(row + 1)
        context.clear(0)
        for key in keys {
            var action = columns.action(of: key)
            columns.observation(of: key).withUnsafeBytes { bytes in
                if let base = bytes.baseAddress { context.observe(base, logits: logits.start) }
            }
            context.complete(actions: &action, rewards: [columns.rewards[key]])
        }
        let maps = source.attention(of: 0)
        layers = (maps.map(\.block).max() ?? -1) + 1
        heads = (maps.map(\.head).max() ?? -1) + 1
        return StreamAttention.Decision(
            row: row, keys: keys, weights: maps.flatMap { $0.lastRow(over: keys.count) },
            episodesBack: keys.map { episodes[row] - episodes[$0] },
            rewards: keys.map { $0 == keys.lowerBound ? 0 : columns.rewards[$0 - 1] },
            isStart: keys.map { $0 == 0 || episodes[$0] != episodes[$0 - 1] })
    }
}

extension AttentionMap {
    /// (rows): what the last query, the token of the last observation, takes of each row's tokens.
    fileprivate func lastRow(over rows: Int) -> [Float] {
        let perRow = tokens / rows
        let last = weights.suffix(tokens)
        return (0..<rows).map { row in
            last.dropFirst(row * perRow).prefix(perRow).reduce(0, +)
        }
    }
}
