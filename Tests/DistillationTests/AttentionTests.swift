import Distillation
import Environments
import Experience
import Foundation
import Histories
import Models
import TestSupport
import Testing

@Suite("What a model attends to along a stream")
struct AttentionTests {
    /// A sealed stream of made-up rows in episodes of 1 to 8 rows.
    private func withStream(_ body: (StreamContents) throws -> Void) throws {
        try withFolder { folder in
            let stream = GrowingStream(in: folder, environment: smallEnvironment, task: 0)
            var random = SplitMix(seed: 5)
            try stream.record(rollouts: 12, using: &random)
            try stream.seal()
            try body(try StreamContents(path: stream.path))
        }
    }

    @Test(
        "the weights are a distribution over the context's rows, those of a policy that was shown the same rows",
        arguments: TokenLayout.allCases)
    func weights(layout: TokenLayout) throws {
        let model = try smallModel(smallSettings(layout: layout))
        try withStream { stream in
            let rows = [0, 5, 18, 19, 30]
            try #require(stream.rows.rewards.count > 30)
            let attention = try StreamAttention(model: model, stream: stream, rows: rows)
            #expect(attention.layers == 2 && attention.heads == 3)
            for (row, decision) in zip(rows, attention.decisions) {
                #expect(decision.row == row && decision.keys == max(0, row - 18)..<(row + 1))
                let policy = try InContextPolicy(
                    model: model, keys: [StreamKey(seed: 1, task: 0, repetition: 0, actor: 0)])
                for key in decision.keys {
                    policy.show(
                        observations: Array(stream.rows[.observations][(2 * key)..<(2 * key + 2)]),
                        actions: [stream.rows[.actions][key]], rewards: [stream.rows.rewards[key]])
                }
                let maps = try #require(policy.attention(of: 0))
                for map in maps {
                    let found = decision.weights(layer: map.block, head: map.head, of: 3)
                    #expect(found.allSatisfy { $0 > 0 } && abs(found.reduce(0, +) - 1) < 1e-5)
                    let last = Array(map.weights.suffix(map.tokens))
                    let each = layout.tokensPerTransition
                    let expected = decision.keys.indices.map { key in
                        let first = (key - row - 1 + decision.keys.count) * each
                        return last[first..<(first + each)].reduce(0, +)
                    }
                    #expect(largestDifference(Array(found), expected) < 1e-6)
                }
            }
        }
    }

    @Test("each row is told how many episodes back it is, whether it begins one, and which reward it shows")
    func places() throws {
        try withStream { stream in
            let attention = try StreamAttention(model: try smallModel(), stream: stream, rows: [30])
            let decision = try #require(attention.decisions.first)
            func episode(_ row: Int) throws -> Int {
                try #require(stream.episodes.firstIndex { $0.rows.contains(row) })
            }
            for (index, row) in decision.keys.enumerated() {
                #expect(try decision.episodesBack[index] == episode(30) - episode(row))
                #expect(decision.isStart[index] == stream.episodes.contains { $0.rows.lowerBound == row })
                #expect(decision.rewards[index] == (index == 0 ? 0 : stream.rows.rewards[row - 1]))
            }
            #expect(Set(decision.episodesBack).count > 1 && decision.episodesBack.last == 0)
        }
    }

    @Test("rows that there are not and streams of other spaces are refused")
    func refused() throws {
        try withStream { stream in
            let count = stream.rows.rewards.count
            let error = #expect(throws: HistoriesError.self) {
                try StreamAttention(model: try smallModel(), stream: stream, rows: [count])
            }
            #expect(error?.description.contains("no row \(count)") ?? false)
        }
    }

    /// Two decisions: four rows of two episodes, the first of which gets everything in one head; and two rows of one.
    private var planted: StreamAttention {
        StreamAttention(
            layers: 1, heads: 2,
            decisions: [
                StreamAttention.Decision(
                    row: 9, keys: 6..<10, weights: [1, 0, 0, 0, 0.1, 0.2, 0.3, 0.4], episodesBack: [1, 1, 0, 0],
                    rewards: [0, 0.5, 0, -1], isStart: [true, false, true, false]),
                StreamAttention.Decision(
                    row: 1, keys: 0..<2, weights: [0.5, 0.5, 0.25, 0.75], episodesBack: [0, 0], rewards: [0, 0],
                    isStart: [true, false]),
            ])
    }

    @Test("the summary of planted weights is what they were planted as, beside even attention")
    func summary() throws {
        let summary = AttentionSummary(planted)
        #expect(summary.decisions == [9, 1] && summary.layers == 1 && summary.heads == 2)
        func expect(_ share: AttentionSummary.Share, _ attention: Double, _ uniform: Double) {
            #expect(abs(share.attention - attention) < 1e-6 && abs(share.uniform - uniform) < 1e-6, "\(share)")
        }
        let first = summary.byHead[0].attention
        expect(first.earlierEpisodes, 0.5, 0.25)
        expect(first.rewards, 0, 0.25)
        expect(first.episodeStarts, (1 + 0.5) / 2, 0.5)
        let second = summary.byHead[1].attention
        expect(second.earlierEpisodes, 0.15, 0.25)
        expect(second.rewards, 0.3, 0.25)
        expect(second.episodeStarts, (0.4 + 0.25) / 2, 0.5)
        #expect(second.byEpisodesBack.count == 2)
        expect(second.byEpisodesBack[0], (0.7 + 1) / 2, 0.75)
        expect(second.byEpisodesBack[1], 0.15, 0.25)
        expect(summary.mean.earlierEpisodes, 0.325, 0.25)
        expect(summary.mean.byEpisodesBack[0], 0.675, 0.75)
        let lines = summary.csv.split(separator: "\n")
        #expect(lines.count == 1 + 3 * 5 && lines[0] == "layer,head,rows,attention,uniform")
        #expect(lines.contains { $0.hasPrefix("0,1,with a reward,0.3") })
        let none = AttentionSummary(StreamAttention(layers: 1, heads: 1, decisions: []))
        #expect(none.mean.byEpisodesBack.isEmpty && none.mean.rewards.attention == 0)
    }
}
