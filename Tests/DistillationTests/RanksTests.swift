import Distillation
import Foundation
import Models
import Neural
import TestSupport
import Testing

@Suite("Training by several ranks") struct RanksTests {
    /// What is left of a training: the losses of its steps, its learning rates, its parameters.
    struct Trained: Sendable {
        var losses: [Double] = []
        var rates: [Double] = []
        var norms: [Double] = []
        var parameters: [Float] = []
        var optimizer = Data()
    }

    private static func trainer(
        _ ranks: (any RankGroup)?, threads: Int = 1, resumeFrom: Trained? = nil, streams: Int = 4,
        now: @escaping () -> Double = { 0 }, change: (inout TrainingSettings) -> Void = { _ in }
    ) throws -> Trainer {
        var training = smallTraining(threads: threads)
        change(&training)
        let model = try TransformerModel(
            settings: smallSettings(dropouts: 0.3), spaces: ModelSpaces(smallEnvironment),
            seed: UInt64(ranks?.rank ?? 0))
        if let resumeFrom {
            for (index, value) in resumeFrom.parameters.enumerated() { model.parameters.start[index] = value }
        }
        let trainer = try Trainer(
            model: model, training: training, windows: WindowSettings(), data: smallData(streams: streams),
            resumeFrom: resumeFrom?.optimizer, ranks: ranks, now: now)
        try trainer.alignRanks(smallDescription)
        return trainer
    }

    private static func train(_ trainer: Trainer, steps: Int) throws -> Trained {
        var trained = Trained()
        for _ in 0..<steps where !trainer.isFinished {
            let report = try trainer.step()
            trained.losses.append(report.loss)
            trained.rates.append(report.learningRate)
            trained.norms.append(report.gradientNorm)
        }
        try trainer.checkRanks()
        trained.parameters = trainer.model.parameters.values
        trained.optimizer = try trainer.optimizerState()
        return trained
    }

    @Test(
        "any number of ranks and threads computes what one does, and the same bits on every rank",
        arguments: [(1, 1), (2, 1), (3, 2), (13, 2)])
    func equal(ranks: Int, threads: Int) throws {
        let alone = try Self.train(Self.trainer(nil), steps: 20)
        let together = try ThreadRanks.run(ranks) {
            try Self.train(Self.trainer($0, threads: threads), steps: 20)
        }.map { try $0.get() }
        #expect(together.count == ranks)
        for rank in together {
            #expect(rank.parameters == together[0].parameters && rank.optimizer == together[0].optimizer)
            #expect(rank.losses == together[0].losses && rank.losses.count == 20)
        }
        for (one, other) in zip(alone.losses + alone.norms, together[0].losses + together[0].norms) {
            #expect(abs(one - other) < 1e-5)
        }
        // Adam divides by the size of a gradient: where that is next to nothing, the order of a sum decides.
        #expect(largestDifference(alone.parameters, together[0].parameters) < 1e-3)
    }

    @Test(
        "training goes on with any number of ranks, of which the first alone has the checkpoint",
        arguments: [(1, 2), (2, 1), (2, 3), (3, 2)])
    func resume(before: Int, after: Int) throws {
        let whole = try Self.train(Self.trainer(nil), steps: 20)
        let begun = try ThreadRanks.run(before) { try Self.train(Self.trainer($0), steps: 9) }[0].get()
        let ended = try ThreadRanks.run(after) { ranks in
            try Self.train(Self.trainer(ranks, resumeFrom: ranks.isFirst ? begun : nil), steps: 11)
        }[0].get()
        #expect(ended.rates == Array(whole.rates.dropFirst(9)))
        for (one, other) in zip(whole.losses, begun.losses + ended.losses) { #expect(abs(one - other) < 1e-5) }
    }

    @Test("time is that of rank 0, so that all end after the same step") func time() throws {
        let trained = try ThreadRanks.run(3) { ranks in
            var reads = 0.0
            let trainer = try Self.trainer(
                ranks,
                now: {
                    reads += 1
                    return reads * Double(1 + 7 * ranks.rank)
                }, change: { $0.maximumSeconds = 10 })
            return try Self.train(trainer, steps: 60)
        }.map { try $0.get() }
        #expect(trained[0].losses.count == 10)
        for rank in trained { #expect(rank.losses == trained[0].losses && rank.rates == trained[0].rates) }
    }

    private static func reasons<Value>(_ results: [Result<Value, any Error>]) -> Set<String> {
        Set(
            results.map {
                guard case .failure(let error) = $0 else { return "nothing" }
                return "\(error)"
            })
    }

    @Test("a rank with other settings is named on all ranks, with what differs") func otherSettings() {
        let reasons = Self.reasons(
            ThreadRanks.run(3) { ranks in
                _ = try Self.trainer(ranks, change: { $0.labelSmoothing = ranks.rank == 1 ? 0.25 : 0.1 })
            })
        #expect(
            reasons == [
                "rank 1 of 3 has another experiment than rank 0: \"label_smoothing\": 0.25 instead of \"label_smoothing\": 0.1"
            ])
    }

    @Test("a rank with other histories is named on all ranks, with what differs") func otherHistories() {
        let reasons = Self.reasons(
            ThreadRanks.run(2) { ranks in _ = try Self.trainer(ranks, streams: 4 - ranks.rank) })
        #expect(reasons == ["rank 1 of 2 has another set of histories than rank 0: 3 streams instead of 4 streams"])
    }

    @Test("a rank whose parameters are no longer those of the others is named on all ranks") func apart() {
        let reasons = Self.reasons(
            ThreadRanks.run(3) { ranks in
                let trainer = try Self.trainer(ranks)
                _ = try trainer.step()
                if ranks.rank == 2 { trainer.model.parameters.start[3] += 1e-6 }
                try trainer.checkRanks()
            })
        #expect(reasons.count == 1)
        #expect(
            reasons.first?.hasPrefix("rank 2 of 3 has another model after step 1 than rank 0: parameters of checksum ")
                == true, "\(reasons)")
    }

    @Test("what fails on one rank fails on all, by its name; what fails on all is said once") func together() {
        let one = Self.reasons(
            ThreadRanks.run(2) { ranks in
                try ranks.together { if ranks.rank == 1 { throw TestError(description: "no such file") } }
            })
        #expect(one == ["rank 1 of 2: no such file"])
        let all = Self.reasons(
            ThreadRanks.run(2) { ranks in try ranks.together { throw TestError(description: "no such file") } })
        #expect(all == ["no such file"])
    }

    @Test("more ranks than windows are refused") func tooMany() {
        let reasons = Self.reasons(ThreadRanks.run(14) { ranks in _ = try Self.trainer(ranks) })
        #expect(reasons == ["there are 14 ranks for the 13 windows of a batch"])
    }

    private struct TestError: Error, CustomStringConvertible { let description: String }
}
