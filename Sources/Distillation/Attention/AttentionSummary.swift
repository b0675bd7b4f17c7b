/// Where a model's attention goes, on average over decisions, each share beside that of attention that is spread evenly
/// over the context: what a claim such as "attention reaches over several episodes" is judged by.
package struct AttentionSummary: Sendable, Equatable, Encodable {
    /// A share of all attention.
    package struct Share: Sendable, Equatable, Encodable {
        package let attention: Double
        /// What it would be if every row of the context got the same.
        package let uniform: Double
    }

    /// One head, or the mean over all.
    package struct Head: Sendable, Equatable, Encodable {
        /// By distance in episodes: the decision's own, the one before, and so on, as far as any context reaches. Their
        /// sum is 1.
        package let byEpisodesBack: [Share]
        /// On rows of all episodes before the decision's own.
        package let earlierEpisodes: Share
        /// On rows whose tokens show a reward other than 0.
        package let rewards: Share
        /// On rows that begin an episode.
        package let episodeStarts: Share
    }

    /// A head with its place in the model.
    package struct PlacedHead: Sendable, Equatable, Encodable {
        package let layer: Int
        package let head: Int
        package let attention: Head
    }

    package let layers: Int
    package let heads: Int
    /// Rows of the stream.
    package let decisions: [Int]
    /// The mean over all heads.
    package let mean: Head
    /// Layer by layer.
    package let byHead: [PlacedHead]

    /// Every decision weighs the same, however long its context is. All shares are 0 without a decision.
    package init(_ attention: StreamAttention) {
        (layers, heads) = (attention.layers, attention.heads)
        decisions = attention.decisions.map(\.row)
        let places = (0..<layers).flatMap { layer in (0..<attention.heads).map { (layer: layer, head: $0) } }
        byHead = places.map { place in
            PlacedHead(
                layer: place.layer, head: place.head,
                attention: Head(attention) { $0.weights(layer: place.layer, head: place.head, of: attention.heads) })
        }
        mean = Head(attention) { decision in
            let all = places.map { decision.weights(layer: $0.layer, head: $0.head, of: attention.heads) }
            return ArraySlice(
                decision.keys.indices.map { key in
                    all.reduce(0) { $0 + $1[$1.startIndex + key - decision.keys.lowerBound] }
                        / Float(max(1, all.count))
                })
        }
    }

    /// A line for each head and share, the mean over all heads first: `layer,head,rows,attention,uniform`.
    package var csv: String {
        "layer,head,rows,attention,uniform\n" + lines("all,all", mean)
            + byHead.map { lines("\($0.layer),\($0.head)", $0.attention) }.joined()
    }

    private func lines(_ place: String, _ head: Head) -> String {
        let shares =
            head.byEpisodesBack.enumerated().map { ("\($0) episodes back", $1) } + [
                ("earlier episodes", head.earlierEpisodes), ("with a reward", head.rewards),
                ("first of an episode", head.episodeStarts),
            ]
        return shares.map { "\(place),\($0),\($1.attention),\($1.uniform)\n" }.joined()
    }
}

extension AttentionSummary.Head {
    /// `weights`: (K) of a decision.
    fileprivate init(
        _ attention: StreamAttention, _ weights: (StreamAttention.Decision) -> ArraySlice<Float>
    ) {
        let decisions = attention.decisions.map { ($0, Array(weights($0))) }
        func share(_ counts: (StreamAttention.Decision, Int) -> Bool) -> AttentionSummary.Share {
            var (attended, uniform) = (0.0, 0.0)
            for (decision, weights) in decisions {
                let keys = weights.indices.filter { counts(decision, $0) }
                attended += keys.reduce(0) { $0 + Double(weights[$1]) }
                uniform += Double(keys.count) / Double(max(1, weights.count))
            }
            let count = Double(max(1, decisions.count))
            return AttentionSummary.Share(attention: attended / count, uniform: uniform / count)
        }
        let furthest = attention.decisions.flatMap(\.episodesBack).max() ?? -1
        byEpisodesBack = (0..<(furthest + 1)).map { back in share { $0.episodesBack[$1] == back } }
        earlierEpisodes = share { $0.episodesBack[$1] > 0 }
        rewards = share { $0.rewards[$1] != 0 }
        episodeStarts = share { $0.isStart[$1] }
    }
}
