import Distillation
import Environments
import Experience
import Models
import Neural
import NeuralReference
import TestSupport
import Testing

@Suite("The transformer with frozen weights")
struct InferenceTests {
    func logits(_ model: TransformerModel, _ columns: SyntheticColumns) throws -> [Float] {
        try Prediction.logits(
            model: model, environment: smallEnvironment, observations: columns.observations, actions: columns.actions,
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
    func act(_ model: TransformerModel, rows: Int, clearAt: Set<Int> = [], slide: Int = 1) throws -> (
        policyLogits: [[Float]], streams: [SyntheticColumns]
    ) {
        let copies = 3
        let policy = try InContextPolicy(
            model: model, keys: (0..<copies).map { StreamKey(seed: 1, task: 2, repetition: 0, actor: $0) },
            settings: InContextPolicy.Settings(slide: slide))
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
        let (found, streams) = try act(model, rows: 48)
        for copy in 0..<3 {
            #expect(largestDifference(found[copy], try logits(model, streams[copy])) < 1e-5)
        }
    }

    @Test("a cleared copy starts anew while the others go on", arguments: TokenLayout.allCases)
    func clear(layout: TokenLayout) throws {
        let model = try smallModel(smallSettings(layout: layout))
        let (found, streams) = try act(model, rows: 36, clearAt: [24])
        #expect(largestDifference(found[0], try logits(model, streams[0])) < 1e-5)
        var late = streams[1]
        late.observations = Array(late.observations[48...])
        late.actions = Array(late.actions[24...])
        late.rewards = Array(late.rewards[24...])
        #expect(largestDifference(Array(found[1][72...]), try logits(model, late)) < 1e-5)
    }

    @Test(
        "a context that slides by several rows gives the logits of the rows that stay, and of a copy that was cleared",
        arguments: [2, 7, 9, 100])
    func slide(rows: Int) throws {
        let length = 19
        let slide = min(rows, length / 2)
        let model = try smallModel(smallSettings(layout: .merged))
        let (found, streams) = try act(model, rows: 48, clearAt: [24], slide: rows)
        for copy in 0..<3 {
            var start = 0
            for row in 0..<48 {
                if copy == 1, row == 24 { start = 24 }
                if row - start == length { start += slide }
                var window = streams[copy]
                window.observations = Array(window.observations[(2 * start)..<(2 * row + 2)])
                window.actions = Array(window.actions[start...row])
                window.rewards = Array(window.rewards[start...row])
                let expected = Array(try logits(model, window).suffix(3))
                #expect(largestDifference(Array(found[copy][(3 * row)..<(3 * row + 3)]), expected) < 1e-5)
            }
        }
    }

    @Test("a prompt is as good as what was acted: the logits after it are the same", arguments: TokenLayout.allCases)
    func prompt(layout: TokenLayout) throws {
        let model = try smallModel(smallSettings(layout: layout))
        let (found, streams) = try act(model, rows: 30)
        let policy = try InContextPolicy(
            model: model, keys: (0..<3).map { StreamKey(seed: 8, task: 2, repetition: 0, actor: $0) })
        func observations(_ row: Int) -> [UInt8] { streams.flatMap { $0.observations[(2 * row)..<(2 * row + 2)] } }
        for row in 0..<29 {
            policy.show(
                observations: observations(row), actions: streams.map { $0.actions[row] },
                rewards: streams.map { $0.rewards[row] })
        }
        var actions = [UInt8](repeating: 9, count: 3)
        policy.act(observations: observations(29), actions: &actions)
        for copy in 0..<3 { #expect(policy.lastLogits(copy) == Array(found[copy][87..<90])) }
    }

    @Test(
        "attention weights of a growing and of a full context: every query shares itself among the keys up to its own",
        arguments: TokenLayout.allCases)
    func attention(layout: TokenLayout) throws {
        let model = try smallModel(smallSettings(layout: layout))
        let policy = try InContextPolicy(
            model: model, keys: [StreamKey(seed: 1, task: 2, repetition: 0, actor: 0)])
        #expect(policy.attention(of: 0) == [])
        let columns = SyntheticColumns(episodes: 5, seed: 4)
        for row in 0..<25 {
            var action: [UInt8] = [9]
            policy.act(observations: Array(columns.observations[(2 * row)..<(2 * row + 2)]), actions: &action)
            policy.record(rewards: [columns.rewards[row]])
            guard row == 6 || row == 24 else { continue }
            let maps = try #require(policy.attention(of: 0))
            let tokens = min(row + 1, 19) * layout.tokensPerTransition
            #expect(maps.map(\.block) == [0, 0, 0, 1, 1, 1] && maps.map(\.head) == [0, 1, 2, 0, 1, 2])
            for map in maps {
                #expect(map.tokens == tokens && map.weights.count == tokens * tokens)
                for query in 0..<tokens {
                    let weights = map.weights[(query * tokens)..<((query + 1) * tokens)]
                    #expect(abs(weights.reduce(0, +) - 1) < 1e-5)
                    #expect(weights.prefix(query + 1).allSatisfy { $0 > 0 })
                    #expect(weights.dropFirst(query + 1).allSatisfy { $0 == 0 })
                }
            }
            #expect(maps[0].weights != maps[1].weights)
        }
    }

    @Test("the first block's weights are those of a slow reference")
    func attentionReference() throws {
        let model = try smallModel()
        let policy = try InContextPolicy(
            model: model, keys: [StreamKey(seed: 1, task: 2, repetition: 0, actor: 0)])
        let columns = SyntheticColumns(episodes: 2, seed: 4)
        var actions: [UInt8] = []
        for row in 0..<9 {
            var action: [UInt8] = [9]
            policy.act(observations: Array(columns.observations[(2 * row)..<(2 * row + 2)]), actions: &action)
            policy.record(rewards: [columns.rewards[row]])
            actions += action
        }
        let maps = try #require(policy.attention(of: 0))
        func tensor(_ name: String) throws -> [Double] {
            let tensor = try #require(model.parameterLayout[name])
            return (0..<tensor.count).map { Double(model.parameters.start[tensor.offset + $0]) }
        }
        let d = 24
        let observation = try tensor("embed.observation.weight")
        let (action, reward) = (try tensor("embed.action.weight"), try tensor("embed.reward.weight"))
        let (rewardBias, position) = (try tensor("embed.reward.bias"), try tensor("embed.position.weight"))
        let (weight, bias) = (
            try tensor("blocks.0.attention.in_proj.weight"), try tensor("blocks.0.attention.in_proj.bias")
        )
        let x = (0..<9).flatMap { row in
            (0..<d).map { k -> Double in
                let (a, b) = (Int(columns.observations[2 * row]), 5 + Int(columns.observations[2 * row + 1]))
                let previous = row == 0 ? 3 : Int(actions[row - 1])
                let gain = row == 0 ? 0 : Double(columns.rewards[row - 1])
                return observation[a * d + k] + observation[b * d + k] + action[previous * d + k] + gain * reward[k]
                    + rewardBias[k] + position[row * d + k]
            }
        }
        func project(_ part: Int, _ head: Int) -> [Double] {
            (0..<9).flatMap { row in
                (0..<8).map { column -> Double in
                    let output = part * d + head * 8 + column
                    return bias[output] + (0..<d).reduce(0) { $0 + weight[output * d + $1] * x[row * d + $1] }
                }
            }
        }
        for head in 0..<3 {
            let expected = Reference<Double>.attentionWeights(project(0, head), project(1, head), d: 8)
            #expect(largestDifference(maps[head].weights, expected.map { Float($0) }) < 1e-5)
        }
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
        #expect(throws: HistoriesError.self) { try logits(smallModel(), columns) }
    }
}
