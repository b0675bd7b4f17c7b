import Distillation
import Environments
import Experience
import Foundation
import Models
import Neural

let smallEnvironment = EnvironmentDescription(
    name: "dark-room", observationSpace: .multiDiscrete(counts: [5, 4]), actionSpace: .discrete(count: 3), horizon: 6,
    json: "{\"horizon\":6,\"size\":5}")

/// One that nothing but its spaces is known of.
func madeUpEnvironment(_ observation: Space, _ action: Space) -> EnvironmentDescription {
    EnvironmentDescription(
        name: "made-up", observationSpace: observation, actionSpace: action, horizon: nil, json: "{}")
}

func smallSettings(dropouts: Double = 0, layout: TokenLayout = .merged) -> TransformerSettings {
    var settings = TransformerSettings()
    settings.tokenLayout = layout
    settings.contextLength = 19
    settings.modelDimension = 24
    settings.layers = 2
    settings.heads = 3
    settings.feedForward = 40
    settings.embeddingDropout = dropouts
    settings.attentionDropout = dropouts
    settings.residualDropout = dropouts
    return settings
}

func smallLSTMSettings(dropouts: Double = 0) -> LSTMSettings {
    var settings = LSTMSettings()
    settings.contextLength = 19
    settings.embedding = 8
    (settings.units, settings.layers) = (24, 2)
    (settings.mlpDepth, settings.mlpWidth) = (2, 20)
    (settings.embeddingDropout, settings.unitDropout) = (dropouts, dropouts)
    return settings
}

func smallLSTM(_ settings: LSTMSettings = smallLSTMSettings()) throws -> LSTMModel {
    let model = try LSTMModel(settings: settings, spaces: ModelSpaces(smallEnvironment), seed: 3)
    makeEverythingCount(in: model)
    return model
}

/// Columns of a stream whose actions follow from its observations, in episodes of six rows.
struct SyntheticColumns {
    var observations: [UInt8] = []
    var actions: [UInt8] = []
    var rewards: [Float] = []
    var episodes: [Range<Int>] = []

    init(episodes count: Int, seed: UInt32, length: Int = 6) {
        let generator = Philox(key0: seed, key1: 1)
        for row in 0..<(count * length) {
            let words = generator.block(UInt32(row), 0, 0, 0)
            let (x, y) = (UInt8(words.x % 5), UInt8(words.y % 4))
            observations += [x, y]
            actions.append((x + y) % 3)
            rewards.append(words.z % 4 == 0 ? 1 : 0)
        }
        episodes = (0..<count).map { ($0 * length)..<(($0 + 1) * length) }
    }
}

func smallData(streams: Int = 4, episodes: Int = 20) throws -> StreamStore {
    let data = StreamStore(environment: smallEnvironment)
    for stream in 0..<streams {
        let columns = SyntheticColumns(episodes: episodes, seed: UInt32(stream))
        try data.append(
            observations: columns.observations, actions: columns.actions, rewards: columns.rewards,
            episodes: columns.episodes)
    }
    return data
}

func smallTraining(threads: Int = 1) -> TrainingSettings {
    var settings = TrainingSettings()
    settings.batchSize = 13
    settings.steps = 60
    settings.warmupSteps = 5
    settings.peakLearningRate = 3e-3
    settings.threads = threads
    settings.seed = 5
    return settings
}

/// A model whose parameters are far enough from their start that everything has an effect.
func smallModel(_ settings: TransformerSettings = smallSettings()) throws -> TransformerModel {
    let model = try TransformerModel(settings: settings, spaces: ModelSpaces(smallEnvironment), seed: 3)
    makeEverythingCount(in: model)
    return model
}

/// Parameters that begin with 0 get other values.
func makeEverythingCount(in model: any SequenceModel) {
    let generator = Philox(key0: 9, key1: 9)
    for tensor in model.parameterLayout.tensors {
        for index in tensor.offset..<(tensor.offset + tensor.count) where model.parameters.start[index] == 0 {
            model.parameters.start[index] = (Philox.unit(generator.block(UInt32(index), 0, 0, 0).x) - 0.5) * 0.2
        }
    }
}

/// Reads what counts of a folder in which nothing is recorded any more.
func readAtOnce(_ folder: URL, _ selection: StreamSelection = StreamSelection()) throws -> HistoriesReading {
    let reading = HistoriesReading(path: folder.path, environment: smallEnvironment)
    reading.widen(to: selection)
    reading.historiesAreComplete()
    while try reading.advance(now: 0) {}
    return reading
}

/// A folder of its own for each test, removed at the end.
func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("distillation-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}
