import Catalog
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Reporting
import TestSupport
import Testing

@Suite("The report of a run")
struct RunReportTests {
    /// A folder with a catalogue of a run on a 3 x 3 room; no stream files but one that is damaged.
    private func makeRun(_ folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let tasks = try DarkRoomTasks(settings: DarkRoomSettings(size: 3, horizon: 5), split: TaskSplit(testTasks: 3))
        let yaml = """
            name: tiny
            environment: {size: 3, horizon: 5}
            tasks: {test: 3}
            distil: {model: {context_length: 10}}
            evaluate: {train_tasks: 1}
            """
        try Data(yaml.utf8).write(to: folder.appendingPathComponent("experiment.yaml"))
        let ledger = try Ledger(path: folder.appendingPathComponent("catalog.sqlite").path, mode: .create)
        try ledger.save(
            RunRecord(name: "tiny", softwareVersion: "0.1.0", experimentYAML: "", started: 100, ended: 160))
        let checkpoint = CheckpointRecord(
            name: "step-00000010", step: 10, created: 120, trainingSeconds: 20, loss: 1)
        try ledger.save(
            LedgerBatch(
                tasks: (0..<tasks.count).map { TaskRecord(try tasks.task($0), tasks) }, checkpoints: [checkpoint]))
        for task in try tasks.ids(of: .test).map(tasks.task) {
            for kind in [EvaluationKind.inContext, .control] {
                let record = EvaluationRecord(
                    evaluation: kind.rawValue, task: task.id, checkpoint: "step-00000010", split: .test, kind: kind,
                    status: .finished, seeds: 2, episodes: 12)
                let value: Float = kind == .inContext ? 3 : 0
                let returns: [[Float]] = [
                    [0, 0] + Array(repeating: value, count: 10), Array(repeating: 0, count: 12),
                ]
                try ledger.save(LedgerBatch(results: [EvaluationReturns(evaluation: record, returns: returns)]))
            }
        }
        for id in tasks.ids(of: .test) {
            let record = EvaluationRecord(
                evaluation: "optimum-test", task: id, checkpoint: nil, split: .test,
                kind: EvaluationKind(rawValue: "optimum"), status: .finished, seeds: 1, episodes: 12)
            let returns = EvaluationReturns(evaluation: record, returns: [Array(repeating: 4.5, count: 12)])
            try ledger.save(LedgerBatch(results: [returns]))
        }
        let stream = StreamIdentifier(lifetime: LifetimeIdentifier(task: 0, repetition: 0), actor: 0)
        let sealed = StreamRecord(stream: stream, rows: 50, rollouts: 10, isSealed: true)
        try ledger.save(LedgerBatch(streams: [sealed]))
        let file = folder.appendingPathComponent(stream.path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("not a stream".utf8).write(to: file)
        let losses = (1...5).map {
            MetricRecord(time: 110, source: "distiller", name: "distiller/loss", step: $0, value: 2 / Double($0))
        }
        let phases = [
            MetricRecord(time: 101, source: "coordinator", name: "phase/collecting", step: 0, value: 1),
            MetricRecord(time: 130, source: "coordinator", name: "phase/distilling", step: 0, value: 1),
        ]
        try ledger.save(LedgerBatch(metrics: losses + phases))
        try ledger.close()
    }

    @Test("it tells the numbers, keeps them beside it, and says what it could not read")
    func report() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("report-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try makeRun(folder)
        var seen = 0
        let report = Report(try RunContents(folder: folder) { done, _ in seen = done })
        try report.write(into: folder)
        // One stream of a lifetime; of each of three tasks two seeds in context, two of the control, one of the optimum.
        #expect(seen == 1 + 3 * 5)
        #expect(report.title == "tiny")
        #expect(report.summary.contains("On 3 goals"))
        #expect(report.highlights.map(\.value).contains("1.50"))
        #expect(report.highlights.map(\.value).contains("50.0 %"))
        #expect(report.highlights.map(\.detail).contains("3 of 6 (goal, seed) pairs"))
        #expect(report.remarks.contains { $0.contains("1 of 1 streams could not be read") })
        #expect(report.remarks.contains { $0.contains("9 of 9 evaluation jobs could not be read") })
        let table = try #require(report.tables.first)
        let column = try #require(table.columns.firstIndex(of: "95 % interval"))
        // Three tasks, each with a pair that ends at 3 and one that ends at 0.
        let row = try #require(table.rows.first)
        let bounds = row[column].components(separatedBy: " to ").compactMap(Double.init)
        try #require(bounds.count == 2, "\(row)")
        #expect(bounds[0] >= 0 && bounds[0] < 1.5 && bounds[1] > 1.5 && bounds[1] <= 3)
        let baseline = try #require(table.rows.first { $0[0] == "optimum, evaluated, held out" })
        #expect(baseline[1] == "4.50")
        let curve = try #require(report.figures.first { $0.name == "held-out-returns" })
        #expect(curve.svg.contains("optimum, evaluated"))
        // What is known exactly has none.
        #expect(try #require(table.rows.last)[column] == "–")
        let names = report.figures.map(\.name)
        #expect(names == ["held-out-returns", "held-out-final-shares", "final-return-by-goal", "distiller-loss"])
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent("report").path)
        #expect(Set(files) == Set(names.map { "\($0).csv" }))
        let page = try String(contentsOf: folder.appendingPathComponent("report.html"), encoding: .utf8)
        for figure in report.figures { #expect(page.contains(figure.svg) && isWellFormed(figure.svg)) }
        // Written again, it replaces itself.
        try report.write(into: folder)
    }

    @Test("what an environment does not say of its tasks has no row, and its class keeps its colon")
    func external() throws {
        var run = MadeUpRun()
        run.contents.tasks = [TaskRecord(id: 0, split: .test, json: "{}", optimalReturn: nil, randomReturn: nil)]
        run.play("step-00000010", "test", task: 0, [[1, 2, 3]])
        run.contents.experiment = try Experiment(yaml: experimentWithForeignEnvironment, file: "rooms.yaml")
        let report = run.report
        #expect(report.subtitle.contains("class rooms:Room"), "\(report.subtitle)")
        let names = report.tables.flatMap(\.rows).compactMap(\.first)
        #expect(names.contains("in context, held out"), "\(names)")
        #expect(!names.contains { $0.hasPrefix("random policy") || $0.hasPrefix("optimum") }, "\(names)")
        run.contents.tasks[0].optimalReturn = 3
        #expect(run.report.tables.flatMap(\.rows).contains { $0.first == "optimum, held out" })
    }

    @Test("an evaluation's summary says how sure its final return is, where more than one pair was played")
    func summary() throws {
        func summary(seeds: Int) throws -> (json: [String: Any], text: String) {
            let record = EvaluationRecord(
                evaluation: "test", task: 0, checkpoint: "step-00000010", split: .test, kind: .inContext,
                status: .finished, seeds: seeds, episodes: 1)
            let returns = EvaluationReturns(evaluation: record, returns: (0..<seeds).map { [Float($0)] })
            var other = record
            other.checkpoint = nil
            other.kind = EvaluationKind(rawValue: "random")
            let random = EvaluationReturns(evaluation: other, returns: [[7]])
            let summary = EvaluationSummary(
                checkpoint: "step-00000010", split: .test, returns: [returns, random],
                tasks: [TaskRecord(id: 0, split: .test, json: "{}", optimalReturn: 10, randomReturn: 0)])
            let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(summary)) as? [String: Any]
            let baselines = try #require(json?["baselines"] as? [String: [String: Any]])
            #expect(baselines["random"]?["finalReturn"] as? Double == 7)
            #expect(summary.text.contains("policy random: mean return by episode\n  1: 7.00"))
            return (try #require(json?["inContext"] as? [String: Any]), summary.text)
        }
        let several = try summary(seeds: 5)
        let interval = try #require(several.json["finalReturnInterval"] as? [String: Double])
        #expect(try #require(interval["low"]) < 2 && #require(interval["high"]) > 2)
        #expect(several.text.contains("last ten episodes: 2.00 (95 % interval "))
        let one = try summary(seeds: 1)
        #expect(one.json["finalReturn"] != nil && one.json["finalReturnInterval"] == nil)
        #expect(!one.text.contains("interval"))
    }

    @Test("of very many streams some are read, and the page says so")
    func manyStreams() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("report-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let ledger = try Ledger(path: folder.appendingPathComponent("catalog.sqlite").path, mode: .create)
        let jobs = ["random-test", "source-test"].flatMap { name in
            (0..<RunContents.mostEvaluationStreams).map { task in
                let record = EvaluationRecord(
                    evaluation: name, task: task, checkpoint: nil, split: .test,
                    kind: EvaluationKind(rawValue: String(name.dropLast(5))), status: .finished, seeds: 1, episodes: 1)
                return EvaluationReturns(evaluation: record, returns: [[1]])
            }
        }
        let streams = (0..<(2 * RunContents.mostHistories)).map { task in
            StreamRecord(
                stream: StreamIdentifier(lifetime: LifetimeIdentifier(task: task, repetition: 0), actor: 0), rows: 1,
                rollouts: 1, isSealed: true)
        }
        try ledger.save(LedgerBatch(streams: streams, results: jobs))
        try ledger.close()
        var reads = 0
        let contents = try RunContents(folder: folder) { done, _ in reads = done }
        #expect(reads == RunContents.mostEvaluationStreams + RunContents.mostHistories)
        let chosen = Dictionary(grouping: contents.evaluations, by: \.evaluation.evaluation)
            .mapValues { $0.map(\.evaluation.task) }
        // Every second task, the same ones of both evaluations.
        let half = (0..<(RunContents.mostEvaluationStreams / 2)).map { 2 * $0 }
        #expect(chosen == ["random-test": half, "source-test": half])
        #expect(contents.remarks.contains { $0.contains("8,000 of their 16,000 jobs") })
        #expect(contents.remarks.contains { $0.contains("2,000 of its 4,000 lifetimes") })
    }

    @Test("a folder without a catalogue is refused in a sentence")
    func missing() throws {
        let error = try #require(throws: CatalogError.self) {
            try RunContents(folder: FileManager.default.temporaryDirectory.appendingPathComponent("no-such-run"))
        }
        #expect(error.description.contains("expected the folder of a run"))
    }
}
