import Distillation
import Environments
import Experience
import Models
import TestSupport
import Testing

@Suite("The transformer with frozen weights")
struct InferenceTests {
    func logits(_ model: TransformerModel, _ columns: SyntheticColumns) throws -> [Float] {
        try Prediction.logits(
            model: model, observationSpace: smallEnvironment.observationSpace,
            actionSpace: smallEnvironment.actionSpace, observations: columns.observations, actions: columns.actions,
            rewards: columns.rewards)
    }

    @Test("changing a later row never changes an earlier logit, and changes its own", arguments: TokenLayout.allCases)
    func causality(layout: TokenLayout) throws {
        let model = try smallModel(smallSettings(layout: layout))
        let columns = SyntheticColumns(episodes: 5, seed: 1)
        let before = try logits(model, columns)
        for row in [0, 7, 18, 19, 29] {
            var changed = columns
            changed.observations[2 * row] = (columns.observations[2 * row] + 1) % 5
            changed.actions[row] = (columns.actions[row] + 1) % 3
            changed.rewards[row] += 1
            let after = try logits(model, changed)
            #expect(Array(before[..<(3 * row)]) == Array(after[..<(3 * row)]))
            #expect(before[(3 * row)..<(3 * row + 3)] != after[(3 * row)..<(3 * row + 3)])
        }
    }

    @Test("a row's action and reward do not reach its own logits", arguments: TokenLayout.allCases)
    func ownAction(layout: TokenLayout) throws {
        let model = try smallModel(smallSettings(layout: layout))
        let columns = SyntheticColumns(episodes: 5, seed: 2)
        var changed = columns
        changed.actions[29] = (columns.actions[29] + 1) % 3
        changed.rewards[29] += 1
        #expect(try logits(model, columns) == logits(model, changed))
    }

    /// Acts along the columns of several streams, whose actions are taken over by force of temperature 0 and logits
    /// being all that is compared.
    func act(_ model: TransformerModel, slide: Int, rows: Int, clearAt: Set<Int> = []) throws -> (
        policyLogits: [[Float]], streams: [SyntheticColumns]
    ) {
        let copies = 3
        let policy = try InContextPolicy(
            model: model, keys: (0..<copies).map { StreamKey(seed: 1, task: 2, repetition: 0, actor: $0) },
            settings: .init(temperature: 1, slide: slide))
        var streams = (0..<copies).map { SyntheticColumns(episodes: (rows + 5) / 6, seed: UInt32(100 + $0)) }
        var found = [[Float]](repeating: [], count: copies)
        for row in 0..<rows {
            if clearAt.contains(row) { policy.clear(1) }
            let observations = streams.flatMap { $0.observations[(2 * row)..<(2 * row + 2)] }
            var actions = [UInt8](repeating: 9, count: copies)
            policy.act(observations: observations, actions: &actions)
            policy.record(rewards: streams.map { $0.rewards[row] })
            for copy in 0..<copies {
                #expect(actions[copy] < 3)
                streams[copy].actions[row] = actions[copy]
                found[copy] += policy.lastLogits(copy)
            }
        }
        return (found, streams)
    }

    @Test("acting gives the logits of predict, before and after the window is full", arguments: TokenLayout.allCases)
    func actingIsPrediction(layout: TokenLayout) throws {
        let model = try smallModel(smallSettings(layout: layout))
        let (found, streams) = try act(model, slide: 1, rows: 48)
        for copy in 0..<3 {
            #expect(largestDifference(found[copy], try logits(model, streams[copy])) < 1e-5)
        }
    }

    @Test(
        "a window that slides by several rows gives the logits of the rows that it holds",
        arguments: TokenLayout.allCases)
    func slide(layout: TokenLayout) throws {
        let model = try smallModel(smallSettings(layout: layout))
        let (found, streams) = try act(model, slide: 7, rows: 40)
        // Rows in the window at row t: 19 are full at 19, 12 stay, and so on every seven rows.
        for (row, first) in [(18, 0), (19, 7), (25, 7), (26, 14), (33, 21), (39, 21)] {
            var part = SyntheticColumns(episodes: 0, seed: 0)
            part.observations = Array(streams[0].observations[(2 * first)..<(2 * row + 2)])
            part.actions = Array(streams[0].actions[first...row])
            part.rewards = Array(streams[0].rewards[first...row])
            let expected = try logits(model, part).suffix(3)
            #expect(largestDifference(Array(found[0][(3 * row)..<(3 * row + 3)]), Array(expected)) < 1e-5)
        }
    }

    @Test("a cleared copy starts anew while the others go on", arguments: TokenLayout.allCases)
    func clear(layout: TokenLayout) throws {
        let model = try smallModel(smallSettings(layout: layout))
        let (found, streams) = try act(model, slide: 1, rows: 36, clearAt: [24])
        #expect(largestDifference(found[0], try logits(model, streams[0])) < 1e-5)
        var late = streams[1]
        late.observations = Array(late.observations[48...])
        late.actions = Array(late.actions[24...])
        late.rewards = Array(late.rewards[24...])
        #expect(largestDifference(Array(found[1][72...]), try logits(model, late)) < 1e-5)
    }

    @Test("the same keys draw the same actions, other keys draw others")
    func draws() throws {
        let model = try smallModel()
        func actions(seed: UInt64) throws -> [UInt8] {
            let policy = try InContextPolicy(
                model: model, keys: [StreamKey(seed: seed, task: 0, repetition: 0, actor: 0)])
            return (0..<40).map { _ in
                var action: [UInt8] = [0]
                policy.act(observations: [2, 1] as [UInt8], actions: &action)
                policy.record(rewards: [0])
                return action[0]
            }
        }
        #expect(try actions(seed: 1) == actions(seed: 1))
        #expect(try actions(seed: 1) != actions(seed: 2))
    }

    @Test("a stream with an action outside its space is refused")
    func outside() throws {
        var columns = SyntheticColumns(episodes: 2, seed: 1)
        columns.actions[5] = 3
        #expect(throws: StreamArraysError.self) { try logits(smallModel(), columns) }
    }
}
