import Distillation
import Environments
import Experience
import Foundation
import Models
import Neural
import Settings
import TestSupport
import Testing

/// Models that see a pool's pictures, of streams that store where the agent stood.
@Suite("Models of images")
struct ImageModelTests {
    enum Case: String, CaseIterable, Sendable {
        case transformer, separate, lstm, lstmOfWindow

        /// Small, with Table 3's encoder or a residual one.
        func model(_ spaces: ModelSpaces, context: Int = 9, dropout: Double = 0) throws -> any SequenceModel {
            var conv = ConvolutionalEncoder.Settings()
            (conv.channels, conv.units, conv.kernel, conv.dropout) = ([8, 12], 10, 3, dropout)
            var resnet = ResidualEncoder.Settings()
            (resnet.channels, resnet.units, resnet.blocks) = ([6], 10, 1)
            switch self {
            case .transformer, .separate:
                var settings = smallSettings(layout: self == .separate ? .separate : .merged)
                settings.contextLength = context
                settings.encoder = ImageEncoderChoice(ConvolutionalEncoder.self, conv)
                return try ModelChoice(Transformer.self, settings).make(spaces, seed: 4)
            case .lstm, .lstmOfWindow:
                var settings = smallLSTMSettings()
                settings.contextLength = context
                settings.memory = self == .lstm ? .life : .window
                settings.encoder = ImageEncoderChoice(ResidualEncoder.self, resnet)
                return try ModelChoice(LSTMModelKind.self, settings).make(spaces, seed: 4)
            }
        }
    }

    /// A pool's tasks, and what random agents did there.
    struct Pool {
        let tasks: any TaskDistribution
        let task: Task
        let view: any ObservationView

        init() throws {
            var settings = WatermazeSettings()
            (settings.width, settings.height, settings.horizon) = (14, 10, 6)
            tasks = try WatermazeTasks(settings: settings)
            task = try tasks.task(0)
            view = try #require(try tasks.view(of: task))
        }

        /// Columns as a stream stores them. The action is 1 where the picture has more blue on its left half, so that it
        /// can be told from the picture alone.
        func columns(episodes: Int, actor: Int) throws -> (
            states: [UInt8], pictures: [[UInt8]], actions: [UInt8], rewards: [Float]
        ) {
            var environment = try tasks.makeEnvironment(
                task: task, keys: [StreamKey(seed: 3, task: 0, repetition: 0, actor: actor)])
            var (states, pictures, actions): ([UInt8], [[UInt8]], [UInt8]) = ([], [], [])
            var rewards: [Float] = []
            var state = [UInt8](repeating: 0, count: 16)
            for episode in 0..<episodes {
                try environment.reset(0, episode: UInt64(episode))
                for _ in 0..<6 {
                    environment.observe(0, into: &state)
                    var picture = [UInt8](repeating: 0, count: 14 * 10 * 3)
                    view.see(state, count: 1, into: &picture)
                    let action: UInt8 = Self.leansLeft(picture) ? 1 : 4
                    var (reward, end, cut): (Float, UInt8, UInt8) = (0, 0, 0)
                    try environment.step(actions: [action], rewards: &reward, terminations: &end, truncations: &cut)
                    states += state
                    pictures.append(picture)
                    actions.append(action)
                    rewards.append(reward)
                }
            }
            return (states, pictures, actions, rewards)
        }

        private static func leansLeft(_ picture: [UInt8]) -> Bool {
            var difference = 0
            for pixel in 0..<140 { difference += (pixel % 14 < 7 ? 1 : -1) * Int(picture[3 * pixel + 2]) }
            return difference > 0
        }

        func store(episodes: Int = 8) throws -> StreamStore {
            let store = StreamStore(environment: tasks.environment)
            for actor in 0..<3 {
                let columns = try columns(episodes: episodes, actor: actor)
                try store.append(
                    observations: columns.states, actions: columns.actions, rewards: columns.rewards,
                    episodes: (0..<episodes).map { ($0 * 6)..<($0 * 6 + 6) }, view: view)
            }
            return store
        }
    }

    private func trainer(_ which: Case, _ pool: Pool, threads: Int = 2, dropout: Double = 0) throws -> Trainer {
        var training = smallTraining(threads: threads)
        (training.batchSize, training.maskingProbability, training.labelSmoothing) = (6, 0.2, 0)
        training.peakLearningRate = 1e-2
        return try Trainer(
            model: which.model(ModelSpaces(pool.tasks.environment), dropout: dropout), training: training,
            windows: WindowSettings(), data: pool.store())
    }

    @Test(
        "a trainer lowers the loss by what the pictures say, and moves the batch norms' statistics",
        arguments: Case.allCases)
    func training(which: Case) throws {
        let trainer = try trainer(which, Pool(), dropout: 0.1)
        let before = trainer.model.parameters.values
        let first = try trainer.step()
        var last = first
        while !trainer.isFinished { last = try trainer.step() }
        #expect(last.loss < 0.7 * first.loss, "from \(first.loss) to \(last.loss)")
        let after = trainer.model.parameters.values
        for tensor in trainer.model.parameterLayout.tensors where tensor.name.contains("encoder") {
            let range = tensor.offset..<(tensor.offset + tensor.count)
            #expect(before[range] != after[range], "\(tensor.name)")
        }
    }

    @Test(
        "acting gives the logits of predict, before and after the context is full",
        arguments: [Case.transformer, .separate, .lstm])
    func acting(which: Case) throws {
        let pool = try Pool()
        let spaces = try ModelSpaces(pool.tasks.environment)
        // What an LSTM remembers of the rows before its window is not predicted.
        let model = try which.model(spaces, context: which == .lstm ? 40 : 9)
        let columns = try (0..<3).map { try pool.columns(episodes: 4, actor: 10 + $0) }
        let policy = try InContextPolicy(
            model: model, keys: (0..<3).map { StreamKey(seed: 8, task: 2, repetition: 0, actor: $0) })
        var found = [[Float]](repeating: [], count: 3)
        for row in 0..<24 {
            policy.show(
                observations: columns.flatMap { $0.pictures[row] }, actions: columns.map { $0.actions[row] },
                rewards: columns.map { $0.rewards[row] })
            for copy in 0..<3 { found[copy] += policy.lastLogits(copy) }
        }
        for copy in 0..<3 {
            let logits = try Prediction.logits(
                model: model, environment: pool.tasks.environment, view: pool.view,
                observations: columns[copy].states, actions: columns[copy].actions, rewards: columns[copy].rewards)
            #expect(largestDifference(found[copy], logits) < 1e-5)
        }
    }

    @Test("a copy's logits do not depend on the copies that act beside it", arguments: Case.allCases)
    func alone(which: Case) throws {
        let pool = try Pool()
        let model = try which.model(ModelSpaces(pool.tasks.environment))
        let columns = try (0..<3).map { try pool.columns(episodes: 3, actor: 20 + $0) }
        func context(_ copies: Range<Int>) throws -> [[Float]] {
            let context = try model.makeContext(copies: copies.count, slide: 2)
            let logits = FloatBuffer(copies.count * model.spaces.actionCount)
            return (0..<18).map { row in
                context.observe(columns[copies].flatMap { $0.pictures[row] }, logits: logits.start)
                context.complete(
                    actions: columns[copies].map { Int32($0.actions[row]) },
                    rewards: columns[copies].map { $0.rewards[row] })
                return Array(logits.values.suffix(model.spaces.actionCount))
            }
        }
        let (together, alone) = (try context(0..<3), try context(2..<3))
        for row in 0..<18 { #expect(largestDifference(together[row], alone[row]) < 1e-5) }
    }

    @Test(
        "a checkpoint keeps the running statistics, and training goes on from it as if nothing had been",
        arguments: [Case.transformer, .lstm])
    func checkpoint(which: Case) throws {
        let pool = try Pool()
        let description = CheckpointDescription(environment: pool.tasks.environment, splitSeed: 0, trainedTasks: [0])
        let trainer = try trainer(which, pool, dropout: 0.2)
        for _ in 0..<3 { _ = try trainer.step() }
        try withFolder { folder in
            try trainer.saveCheckpoint(to: folder, description)
            let model = try Checkpoint(folder: folder).makeModel()
            #expect(model.choice == trainer.model.choice)
            #expect(model.parameters.values == trainer.model.parameters.values)
            let resumed = try Trainer(
                model: model, training: trainer.settings, windows: trainer.windows, data: pool.store(),
                resumeFrom: Checkpoint.optimizerState(in: folder))
            for _ in 0..<2 {
                #expect(try resumed.step().loss == trainer.step().loss)
            }
            #expect(model.parameters.values == trainer.model.parameters.values)
        }
    }

    @Test("a checkpoint of images names every dimension of its encoder, one of integers needs none")
    func configuration() throws {
        func without(_ key: String, _ environment: EnvironmentDescription, _ choice: ModelChoice) throws -> String? {
            let data = try CheckpointConfiguration(
                model: choice,
                description: CheckpointDescription(environment: environment, splitSeed: 0, trainedTasks: [0]),
                training: TrainingSettings(), windows: WindowSettings(), step: 1, seconds: 1
            ).encoded()
            var document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            var model = try #require(document["model"] as? [String: Any])
            var encoder = try #require(model["encoder"] as? [String: Any])
            #expect(encoder.removeValue(forKey: key) != nil)
            model["encoder"] = encoder
            document["model"] = model
            do {
                _ = try CheckpointConfiguration(JSONSerialization.data(withJSONObject: document), name: "config.json")
                return nil
            } catch {
                return "\(error)"
            }
        }
        let choice = ModelChoice(Transformer.self)
        let images = try Pool().tasks.environment
        #expect(try without("units", images, choice)?.contains("model.encoder.units") == true)
        #expect(try without("units", smallEnvironment, choice) == nil)
    }

    @Test("images that do not fit go through the encoder in parts, whose gradients are those of the whole")
    func parts() throws {
        let pool = try Pool()
        let spaces = try ModelSpaces(pool.tasks.environment)
        let pictures = try pool.columns(episodes: 2, actor: 1).pictures.flatMap { $0 }
        var settings = ResidualEncoder.Settings()
        (settings.channels, settings.units) = ([6], 10)
        let layout = try ImageEncoderLayout(
            ImageEncoderChoice(ResidualEncoder.self, settings), image: ImageSize(height: 10, width: 14, colours: 3),
            head: ("embed.observation", 8))
        let parameters = FloatBuffer(layout.parameters.count + 16)
        var number: UInt32 = 0
        layout.initialise(parameters.start + 16) {
            number += 1
            return Philox.unit(Philox(key0: 1, key1: 1).block(number, 0, 0, 0).x)
        }
        let vectorGradients = (0..<(12 * 8)).map { Float($0 % 7) - 3 }
        func pass(_ mostBytes: Int) -> (vectors: [Float], gradient: [Float]) {
            let encoder = BoundedImageEncoder(
                layout, parameters: parameters, offset: 16, observations: 12, pool: WorkerPool(count: 2),
                dropoutKey: (1, 2), mostBytes: mostBytes)
            let (vectors, gradient) = (FloatBuffer(12 * 8), FloatBuffer(parameters.count))
            encoder.forward(pictures, count: 12, step: 3, into: vectors.start)
            encoder.backward(vectorGradients, observations: pictures, count: 12, into: gradient.start)
            return (vectors.values, gradient.values)
        }
        let (whole, parts) = (pass(1 << 30), pass(5 * layout.bytesOfImage))
        #expect(whole.vectors == parts.vectors)
        #expect(largestDifference(whole.gradient, parts.gradient) < 1e-4 * (whole.gradient.map { abs($0) }.max() ?? 0))
        #expect(spaces.observationBytes * 12 == pictures.count)
    }
}
