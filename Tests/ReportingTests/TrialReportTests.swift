import Catalog
import Environments
import Experience
import Foundation
import Histories
import Reporting
import TestSupport
import Testing

@Suite("The report of a run whose lives are one episode")
struct TrialReportTests {
    /// Two tasks of four trials; the best policy earns 0.75 a trial, random actions 0.5.
    private func makeRun(_ labels: [String] = ["test"]) -> MadeUpRun {
        var run = MadeUpRun()
        run.contents.distribution = Coins()
        run.contents.tasks = (0..<2).map {
            TaskRecord(id: $0, split: .test, json: "{}", optimalReturn: 3, randomReturn: 2)
        }
        for label in labels {
            run.play("step-00000010", label, task: 0, [[0, 1, 1, 1]])
            run.play("step-00000010", label, task: 1, [[1, 1, 1, 1]])
            for task in 0..<2 {
                run.play("source-\(label)", task: task, .source, [[1, 0, 1, 1], [0, 1, 1, 1]])
                run.play("random-\(label)", task: task, EvaluationKind(rawValue: "random"), [[0, 1, 0, 1]])
            }
        }
        return run
    }

    @Test("curves are rewards by trial, between what the best policy and random actions earn in one")
    func rewards() throws {
        let report = makeRun().report
        #expect(report.series("in context", in: "held-out-returns").map(\.y) == [0.5, 1, 1, 1])
        #expect(report.series("source", in: "held-out-returns").map(\.y) == [0.5, 0.5, 1, 1])
        let numbers = try #require(report.numbers("held-out-returns"))
        #expect(numbers.contains(["optimum", "", "0.75", "", ""]))
        #expect(numbers.contains(["random policy", "", "0.5", "", ""]))
        let figure = try #require(report.figures.first { $0.name == "held-out-returns" })
        #expect(figure.title == "Reward by trial on 2 held-out tasks" && figure.svg.contains(">trial</text>"))
        // A life's mean reward is what it comes to, not that of its last trials.
        #expect(report.highlights.first?.value == "0.88")
        #expect(report.highlights.first?.detail == "116.7 % of the optimum")
    }

    @Test("regret is what the best policy would have earned until a trial, less what was earned")
    func regret() {
        let report = makeRun().report
        #expect(report.series("in context", in: "regret-test").map(\.y) == [0.25, 0, -0.25, -0.5])
        #expect(report.series("random, evaluated", in: "regret-test").map(\.y) == [0.75, 0.5, 1.25, 1])
        var run = makeRun()
        run.contents.evaluations.removeAll { $0.evaluation.kind.rawValue == "random" }
        // Where random actions were not played it is what is expected of them.
        #expect(run.report.series("random policy", in: "regret-test").map(\.y) == [0.25, 1])
    }

    @Test("the score is the way from random actions to the source, with an interval over tasks")
    func score() throws {
        let report = makeRun(["test", "uniform"]).report
        // Model 0.875, source 0.75, random 0.5. Draws of two tasks: 0.75 and 1 a quarter of the time each.
        let expected = ["in context", "1.5", "1.0", "2.0"]
        #expect(report.numbers("scores") == [["test"] + expected, ["uniform"] + expected])
        let table = try #require(report.tables.first { $0.title.hasPrefix("Score") })
        #expect(
            table.rows.first == [
                "test", "in context", "all", "1.500", "1.000 to 2.000", "0.875", "0.750", "0.500", "0.750", "2",
            ])
        #expect(report.highlights.contains { $0.title == "Score" && $0.value == "1.50" })
        var run = makeRun()
        run.contents.evaluations.removeAll { $0.evaluation.kind == .source }
        #expect(run.report.numbers("scores") == nil, "there is no score without the source")
    }

    @Test("each training of several has a score of its own")
    func scores() throws {
        var run = makeRun()
        run.contents.evaluations.removeAll { $0.evaluation.checkpoint != nil }
        for (seed, reward) in [Float(0.5), 1].enumerated() {
            for task in 0..<2 {
                run.play("ad-seed-\(seed)/step-00000010", "test", task: task, [Array(repeating: reward, count: 4)])
            }
        }
        let table = try #require(run.report.tables.first { $0.title.hasPrefix("Score") })
        #expect(table.rows.map { $0[2] } == ["all", "0", "1"])
        #expect(table.rows.map { $0[3] } == ["1.000", "0.000", "2.000"])
    }

    @Test("rewards by trial are read from the recorded streams alone")
    func streams() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trials-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try recordEvaluation(
            "random-test", by: "random", on: Task(id: 1, split: .test, json: "{}"), of: Coins().environment, in: folder,
            finished: 1, observations: [0, 0, 0, 0, 0, 0], actions: [0, 1, 1, 1, 0, 0], rewards: [0, 1, 0, 1, 1, 1],
            terminations: [0, 0, 0, 0, 0, 0], truncations: [0, 0, 0, 1, 0, 0], finalObservations: [0])
        let record = EvaluationRecord(
            evaluation: "random-test", task: 1, checkpoint: nil, split: .test, kind: EvaluationKind(rawValue: "random"),
            status: .finished, seeds: 1, episodes: 1)
        let told = EvaluationReturns(evaluation: record, returns: [[100]])
        // A life that is not over does not count.
        #expect(try told.recorded(in: folder, over: .step).returns == [[0, 1, 0, 1]])
        #expect(try told.recorded(in: folder).returns == [[2]])
    }
}

/// Coins that are thrown four times.
private struct Coins: TaskDistribution {
    let environment = EnvironmentDescription(
        name: "coins", observationSpace: .discrete(count: 1), actionSpace: .discrete(count: 2), horizon: 4, json: "{}")
    let count = 2
    var curveAxis: CurveAxis { .step }

    func ids(of split: Split) -> [Int] { [] }
    func task(_ id: Int) throws -> Task { Task(id: id, split: .test, json: "{}") }
    func references(of task: Task) -> ReferenceReturns { ReferenceReturns(optimum: 3, random: 2) }
    func makeEnvironment(task: Task, keys: [StreamKey]) throws -> any Environment {
        throw EnvironmentError("it is not lived in")
    }
}
