import Distillation
import Environments
import Experience
import Models
import Neural
import TestSupport
import Testing

/// `training.state_weight`: pictures' embeddings that are taught the states.
@Suite("Teaching states")
struct StateTeachingTests {
    private typealias Pool = ImageModelTests.Pool

    private func trainer(
        _ which: ImageModelTests.Case, _ pool: Pool, weight: Double, windows: Int = 6, episodes: Int = 8,
        threads: Int = 2
    ) throws -> Trainer {
        var training = smallTraining(threads: threads)
        (training.batchSize, training.maskingProbability, training.labelSmoothing) = (windows, 0, 0)
        (training.peakLearningRate, training.steps, training.stateWeight) = (1e-2, 400, weight)
        return try Trainer(
            model: which.model(ModelSpaces(pool.tasks.environment)), training: training, windows: WindowSettings(),
            data: pool.store(episodes: episodes))
    }

    @Test(
        "what is added to the vectors' gradient is that of the weighted mean squared distance",
        arguments: [1, 2, 3])
    func gradient(seed: UInt64) throws {
        var numbers = SplitMix(seed: seed)
        let features = try #require(Pool().tasks.environment.stateFeatures)
        let form = WindowForm(
            spaces: try ModelSpaces(Pool().tasks.environment), length: 5, input: .vector(width: 7), masksTogether: true)
        let teaching = try #require(try StateTeaching(weight: 0.75, features: features, form: form))
        #expect(teaching.width == features.count)
        let batch = WindowBatch(windows: 3, form: form, stateWidth: features.count)
        for index in 0..<batch.vectors.count { batch.vectors.start[index] = .random(in: -1...1, using: &numbers) }
        for index in 0..<batch.states.count { batch.states.start[index] = .random(in: -1...1, using: &numbers) }
        let padded = [4, 13, 14]
        for row in padded { batch.pad(row, form.spaces) }
        // In Double, after the definition.
        func loss(moved index: Int, by step: Double) -> Double {
            var sum = 0.0
            for row in 0..<15 where !padded.contains(row) {
                for number in 0..<features.count {
                    let at = row * 7 + number
                    let vector = Double(batch.vectors.start[at]) + (at == index ? step : 0)
                    let distance = vector - Double(batch.states.start[row * features.count + number])
                    sum += distance * distance
                }
            }
            return 0.75 * sum / 15
        }
        let before: Float = 0.25
        for index in 0..<batch.vectorGradients.count { batch.vectorGradients.start[index] = before }
        let sum = (0..<3).reduce(0.0) { $0 + teaching.addGradients(to: batch, windows: $1..<($1 + 1)) }
        #expect(abs(0.75 * sum / 15 - loss(moved: -1, by: 0)) < 1e-5, "seed \(seed)")
        for index in 0..<batch.vectors.count {
            let difference = (loss(moved: index, by: 1e-3) - loss(moved: index, by: -1e-3)) / 2e-3
            let found = Double(batch.vectorGradients.start[index] - before)
            #expect(abs(found - difference) < 1e-5, "seed \(seed), number \(index)")
        }
    }

    @Test(
        "embeddings come near the states, also of pictures that were not trained on",
        arguments: [ImageModelTests.Case.transformer, .lstm])
    func learns(which: ImageModelTests.Case) throws {
        let pool = try Pool()
        let features = try #require(pool.tasks.environment.stateFeatures)
        /// Mean squared distance a row from the states of a new agent.
        func distance(_ trainer: Trainer) throws -> Double {
            let columns = try pool.columns(episodes: 10, actor: 40)
            let rows = columns.pictures.count
            let width = { if case .vector(let width) = trainer.model.form.input { width } else { 0 } }()
            let encoder = try #require(
                trainer.model.makeEncoder(observations: rows, pool: WorkerPool(count: 1), seed: nil))
            let (vectors, states) = (FloatBuffer(rows * width), FloatBuffer(rows * features.count))
            columns.pictures.flatMap { $0 }.withUnsafeBytes { bytes in
                bytes.baseAddress.map { encoder.encode($0, count: rows, into: vectors.start) }
            }
            columns.states.withUnsafeBytes { bytes in
                bytes.baseAddress.map { features.write($0, count: rows, into: states.start) }
            }
            var sum = 0.0
            for row in 0..<rows {
                for number in 0..<features.count {
                    let off = vectors.start[row * width + number] - states.start[row * features.count + number]
                    sum += Double(off * off)
                }
            }
            return sum / Double(rows)
        }
        let (taught, other) = (
            try trainer(which, pool, weight: 3, windows: 12, episodes: 80),
            try trainer(which, pool, weight: 0, windows: 12, episodes: 80)
        )
        var (first, last): (StepReport?, StepReport?)
        while !taught.isFinished {
            last = try taught.step()
            first = first ?? last
            #expect(try other.step().stateError == nil)
        }
        let (begin, end) = (try #require(first?.stateError), try #require(last?.stateError))
        #expect(end < 0.5 * begin, "in training from \(begin) to \(end)")
        // A batch norm's running statistics, which frozen weights are used with, follow more slowly than so few steps.
        guard which == .lstm else { return }
        let (near, far) = (try distance(taught), try distance(other))
        #expect(near < 0.6 * far, "\(near) of new pictures, \(far) where no states are taught")
    }

    @Test("a window's rows have their own states, and padded ones none, whatever was there before")
    func states() throws {
        let pool = try Pool()
        let features = try #require(pool.tasks.environment.stateFeatures)
        let model = try ImageModelTests.Case.lstm.model(ModelSpaces(pool.tasks.environment), context: 20)
        // Streams of two episodes with six rows.
        let sampler = try WindowSampler(
            data: pool.store(episodes: 2), settings: WindowSettings(), form: model.form, maskingProbability: 0, seed: 3)
        let batch = WindowBatch(windows: 2, form: model.form, stateWidth: features.count)
        for index in 0..<batch.states.count { batch.states.start[index] = 7 }
        let lives = try (0..<3).map { try pool.columns(episodes: 2, actor: $0).states }
        for window in 0..<2 {
            _ = sampler.fill(batch, step: 0, index: window)
            let shown = (0..<20).filter { batch.knowsState(20 * window + $0) }
            #expect(shown.count >= 2 && shown == Array(0..<shown.count) && shown.count <= 12)
            let found = shown.map { row in
                (0..<features.count).map { batch.states.start[(20 * window + row) * features.count + $0] }
            }
            // It is a stretch of one of the lives, from its beginning or from later.
            let expected = lives.map { states in
                (0..<12).map { row in
                    let numbers = FloatBuffer(features.count)
                    states.withUnsafeBytes { bytes in
                        bytes.baseAddress.map { features.write($0 + 16 * row, count: 1, into: numbers.start) }
                    }
                    return numbers.values
                }
            }
            #expect(
                expected.contains { life in
                    (0...(12 - found.count)).contains { Array(life[$0..<($0 + found.count)]) == found }
                })
        }
    }

    @Test("the error is the same by one thread and by three")
    func threads() throws {
        let pool = try Pool()
        let (one, three) = (
            try trainer(.lstm, pool, weight: 1, windows: 7, threads: 1),
            try trainer(.lstm, pool, weight: 1, windows: 7, threads: 3)
        )
        for _ in 0..<3 {
            let errors = [try one.step().stateError, try three.step().stateError].compactMap { $0 }
            #expect(errors.count == 2 && abs(errors[0] - errors[1]) < 1e-4 * errors[0])
        }
    }

    @Test("where there is no state, no picture or no room it says so")
    func refusals() throws {
        let pool = try Pool()
        let spaces = try ModelSpaces(pool.tasks.environment)
        let features = pool.tasks.environment.stateFeatures
        func refusal(_ features: StateFeatures?, _ input: ObservationInput) -> String {
            do {
                let form = WindowForm(spaces: spaces, length: 5, input: input, masksTogether: true)
                _ = try StateTeaching(weight: 1, features: features, form: form)
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(refusal(nil, .vector(width: 9)).contains("store no states"))
        #expect(refusal(features, .vector(width: 4)).contains("4 numbers cannot hold the state's 5"))
        let integers = try #require(IntegerComponents(.discrete(count: 5)))
        #expect(refusal(features, .components(integers)).contains("the model sees integers"))
        #expect(refusal(features, .vector(width: 5)).isEmpty)
        let form = WindowForm(spaces: spaces, length: 5, input: .vector(width: 9), masksTogether: true)
        #expect(try StateTeaching(weight: 0, features: nil, form: form) == nil)
    }
}
