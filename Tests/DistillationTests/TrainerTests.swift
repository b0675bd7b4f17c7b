import Distillation
import Environments
import Experience
import Foundation
import Models
import Neural
import TestSupport
import Testing

@Suite("Training")
struct TrainerTests {
    /// Both kinds of model, with a dropout everywhere.
    static func choices(dropouts: Double) -> [ModelChoice] {
        [
            ModelChoice(Transformer.self, smallSettings(dropouts: dropouts)),
            ModelChoice(LSTMModelKind.self, smallLSTMSettings(dropouts: dropouts)),
        ]
    }

    func trainer(
        threads: Int = 1, _ choice: ModelChoice = choices(dropouts: 0.1)[0], model: (any SequenceModel)? = nil,
        resumeFrom: Data? = nil,
        change: (inout TrainingSettings) -> Void = { _ in }, now: (() -> Double)? = nil
    ) throws -> Trainer {
        var training = smallTraining(threads: threads)
        change(&training)
        return try Trainer(
            model: model ?? choice.make(ModelSpaces(smallEnvironment), seed: 1),
            training: training, windows: WindowSettings(), data: smallData(), resumeFrom: resumeFrom,
            now: now ?? monotonicSeconds)
    }

    func parameters(_ trainer: Trainer) -> [Float] { trainer.model.parameters.values }

    @Test("learns a rule that the observation alone decides", arguments: choices(dropouts: 0.1))
    func learns(choice: ModelChoice) throws {
        let trainer = try trainer(
            choice,
            change: {
                $0.steps = 400
                $0.peakLearningRate = 1e-2
                $0.labelSmoothing = 0
            })
        var report = try trainer.step()
        #expect(report.loss > 0.9)
        while !trainer.isFinished { report = try trainer.step() }
        #expect(report.loss < 0.1)
        #expect(report.step == 400)
    }

    @Test(
        "one seed gives the same bits with the same number of threads, and nearly the same with another",
        arguments: choices(dropouts: 0.3))
    func threads(choice: ModelChoice) throws {
        let trainers = try [1, 1, 3, 3].map { try trainer(threads: $0, choice) }
        for _ in 0..<5 { for trainer in trainers { _ = try trainer.step() } }
        let found = trainers.map(parameters)
        #expect(found[0] == found[1])
        #expect(found[2] == found[3])
        #expect(largestDifference(found[0], found[2]) < 1e-4)
    }

    @Test(
        "a resumed run ends with the same bits as one that was never interrupted", arguments: [1, 2],
        choices(dropouts: 0.1))
    func resume(threads: Int, choice: ModelChoice) throws {
        let whole = try trainer(threads: threads, choice)
        for _ in 0..<12 { _ = try whole.step() }
        let resumed = try withFolder { folder in
            let first = try trainer(threads: threads, choice)
            for _ in 0..<5 { _ = try first.step() }
            try first.saveCheckpoint(to: folder, smallDescription)
            let second = try trainer(
                threads: threads, model: Checkpoint(folder: folder).makeModel(),
                resumeFrom: Checkpoint.optimizerState(in: folder))
            #expect(second.completedSteps == 5)
            for _ in 0..<7 { _ = try second.step() }
            return second
        }
        #expect(parameters(whole) == parameters(resumed))
    }

    @Test("a time budget ends the run annealed, however many steps that is")
    func timeBudget() throws {
        var seconds = 0.0
        let trainer = try trainer(
            change: {
                $0.steps = 1_000_000
                $0.maximumSeconds = 20
            }, now: { seconds })
        var rates: [Double] = []
        while !trainer.isFinished {
            rates.append(try trainer.step().learningRate)
            seconds += 1
        }
        #expect(rates.count == 20)
        #expect(rates.max() ?? 0 > 2e-3)
        #expect(rates.last ?? 1 < 3e-5)
    }

    @Test("what passes while training pauses is no time of training") func pause() throws {
        var seconds = 0.0
        let trainer = try trainer(
            change: {
                $0.steps = 100
                $0.maximumSeconds = 40
            }, now: { seconds })
        for pause in [0.0, 1000, 1000] {
            _ = try trainer.step()
            seconds += 10
            #expect(!trainer.isPart(done: 0.8))
            trainer.pause()
            seconds += pause
            trainer.pause()
        }
        #expect(trainer.elapsedSeconds == 30 && trainer.isPart(done: 0.75) && !trainer.isFinished)
    }

    @Test("batches that teach nothing but one window of padding do not disturb")
    func shortStreams() throws {
        let data = StreamStore(environment: smallEnvironment)
        let columns = SyntheticColumns(episodes: 1, seed: 4)
        try data.append(
            observations: columns.observations, actions: columns.actions, rewards: columns.rewards,
            episodes: columns.episodes)
        let trainer = try Trainer(
            model: smallModel(), training: smallTraining(), windows: WindowSettings(), data: data)
        #expect(try trainer.step().loss.isFinite)
    }

    @Test("streams of other spaces and empty data are refused")
    func refusals() throws {
        let empty = StreamStore(environment: smallEnvironment)
        #expect(throws: HistoriesError.self) {
            try Trainer(model: smallModel(), training: smallTraining(), windows: WindowSettings(), data: empty)
        }
        let other = StreamStore(environment: madeUpEnvironment(.discrete(count: 2), .discrete(count: 3)))
        #expect(throws: HistoriesError.self) {
            try Trainer(model: smallModel(), training: smallTraining(), windows: WindowSettings(), data: other)
        }
    }
}
