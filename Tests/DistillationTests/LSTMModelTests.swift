import Distillation
import Environments
import Experience
import Models
import Neural
import Settings
import TestSupport
import Testing

@Suite("LSTM-AD while it acts")
struct LSTMModelTests {
    func logits(_ model: LSTMModel, _ columns: SyntheticColumns) throws -> [Float] {
        try Prediction.logits(
            model: model, environment: smallEnvironment, observations: columns.observations, actions: columns.actions,
            rewards: columns.rewards)
    }

    /// The same parameters with windows of another length.
    func model(_ model: LSTMModel, contextLength: Int) throws -> LSTMModel {
        var settings = model.settings
        settings.contextLength = contextLength
        let other = try LSTMModel(settings: settings, spaces: model.spaces)
        other.parameters.copy(from: model.parameters)
        return other
    }

    func policy(_ model: LSTMModel, copies: Int, slide: Int = 1) throws -> InContextPolicy {
        try InContextPolicy(
            model: model, keys: (0..<copies).map { StreamKey(seed: 1, task: 2, repetition: 0, actor: $0) },
            settings: InContextPolicy.Settings(slide: slide))
    }

    /// Acts for `rows` rows of each copy's stream, whose actions are those that it chose.
    func act(_ model: LSTMModel, copies: Int = 3, rows: Int, clearAt: Int? = nil, slide: Int = 1) throws -> (
        logits: [[Float]], streams: [SyntheticColumns]
    ) {
        let policy = try policy(model, copies: copies, slide: slide)
        var streams = (0..<copies).map { SyntheticColumns(episodes: (rows + 5) / 6, seed: UInt32(100 + $0)) }
        var found = [[Float]](repeating: [], count: copies)
        for row in 0..<rows {
            if row == clearAt { policy.clear(1) }
            var actions = [UInt8](repeating: 9, count: copies)
            policy.act(
                observations: streams.flatMap { $0.observations[(2 * row)..<(2 * row + 2)] }, actions: &actions)
            policy.record(rewards: streams.map { $0.rewards[row] })
            for copy in 0..<copies {
                streams[copy].actions[row] = actions[copy]
                found[copy] += policy.lastLogits(copy)
            }
        }
        return (found, streams)
    }

    @Test("a row's logits are those of predict as far as a window reaches, and of a longer window behind it")
    func actingIsPrediction() throws {
        let model = try smallLSTM()
        let (found, streams) = try act(model, rows: 48)
        let longer = try self.model(model, contextLength: 60)
        for copy in 0..<3 {
            let window = 3 * model.contextLength
            let expected = try logits(model, streams[copy])
            #expect(largestDifference(Array(found[copy][..<window]), Array(expected[..<window])) < 1e-5)
            #expect(largestDifference(found[copy], try logits(longer, streams[copy])) < 1e-5)
        }
    }

    @Test(
        "with a window's memory a row's logits are those of the rows that stay, and of a copy that was cleared",
        arguments: [1, 2, 7, 9, 100])
    func window(rows: Int) throws {
        var settings = smallLSTMSettings()
        settings.memory = .window
        let (model, length) = (try smallLSTM(settings), settings.contextLength)
        let slide = min(rows, length / 2)
        let (found, streams) = try act(model, rows: 48, clearAt: 24, slide: rows)
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

    @Test("what was before the window changes what it does, and predict does not see it")
    func memory() throws {
        let model = try smallLSTM()
        var columns = SyntheticColumns(episodes: 5, seed: 7)
        let longer = try self.model(model, contextLength: 60)
        let (before, remembered) = (try logits(model, columns), try logits(longer, columns))
        columns.rewards[0] += 1
        let (after, changed) = (try logits(model, columns), try logits(longer, columns))
        let (last, lengthBehind) = (29 * 3, (model.contextLength + 1) * 3)
        #expect(before[lengthBehind...] == after[lengthBehind...])
        #expect(remembered[last...] != changed[last...])
    }

    @Test("a cleared copy starts anew while the others go on")
    func clear() throws {
        let model = try smallLSTM()
        let longer = try self.model(model, contextLength: 60)
        let (found, streams) = try act(model, rows: 36, clearAt: 24)
        #expect(largestDifference(found[0], try logits(longer, streams[0])) < 1e-5)
        var late = streams[1]
        late.observations = Array(late.observations[48...])
        late.actions = Array(late.actions[24...])
        late.rewards = Array(late.rewards[24...])
        #expect(largestDifference(Array(found[1][72...]), try logits(model, late)) < 1e-5)
    }

    @Test("a prompt is as good as what was acted: the logits after it are the same")
    func prompt() throws {
        let model = try smallLSTM()
        let (found, streams) = try act(model, rows: 30)
        let policy = try policy(model, copies: 3)
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

    @Test("a copy's bits do not depend on how many act beside it")
    func copies() throws {
        let model = try smallLSTM()
        let many = try act(model, copies: 9, rows: 12).logits
        for copies in [1, 2, 5, 7] {
            #expect(try act(model, copies: copies, rows: 12).logits == Array(many[..<copies]))
        }
    }

    @Test("attention is not to be had of it")
    func attention() throws {
        #expect(try policy(smallLSTM(), copies: 1).attention(of: 0) == nil)
    }

    @Test("more copies than memory should hold, and spaces that are no integers, are refused")
    func refusals() throws {
        var settings = LSTMSettings()
        (settings.units, settings.layers) = (8_192, 16)
        let spaces = try ModelSpaces(smallEnvironment)
        #expect(throws: SettingsError.self) {
            try LSTMModel(settings: smallLSTMSettings(), spaces: spaces).makeContext(copies: 1 << 40, slide: 1)
        }
        let box = Space.box(shape: [5000], type: .float32, low: 0, high: 1)
        #expect(throws: SettingsError.self) {
            try LSTMModel(
                settings: settings, spaces: ModelSpaces(observationSpace: box, actionSpace: .discrete(count: 3)))
        }
        settings.mlpDepth = 0
        #expect(throws: SettingsError.self) { try LSTMModelKind.parameterLayout(settings, spaces) }
    }

    @Test("operations of a forward pass are those of its products, counted one after the other")
    func operations() throws {
        let settings = smallLSTMSettings()
        let steps = 18 * (4 * 24 * (3 * 8 + 24) + 4 * 24 * (24 + 24))
        let rows = 19 * ((24 + 8) * 20 + 20 * 20 + 20 * 3)
        #expect(
            try LSTMModelKind.forwardOperations(settings, ModelSpaces(smallEnvironment)) == Double(2 * (steps + rows)))
    }
}
