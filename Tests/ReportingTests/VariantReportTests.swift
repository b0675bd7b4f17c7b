import Catalog
import Environments
import Foundation
import Reporting
import Testing

@Suite("The report of a run with several variants")
struct VariantReportTests {
    /// Two variants of two trainings each on two tasks: of `ad` one training returns 1 in every episode, the other 3; of
    /// `ed` both return 0.
    private func makeRun() -> MadeUpRun {
        var run = MadeUpRun()
        run.contents.tasks = (0..<2).map { TaskRecord(id: $0, split: .test, json: "{}", optimalReturn: 4) }
        for (name, value) in [("ad-seed-0", Float(1)), ("ad-seed-1", 3), ("ed-seed-0", 0), ("ed-seed-1", 0)] {
            for task in 0..<2 {
                // An earlier checkpoint is not what the figures are about.
                run.play("\(name)/step-00000005", "test", task: task, [[9, 9, 9]])
                run.play("\(name)/step-00000010", "test", task: task, [[value, value, value]])
                run.play("\(name)/step-00000010", "prompted", task: task, [[value + 0.5, value + 0.5, value + 0.5]])
            }
            run.contents.metrics["distiller/\(name)/loss"] = (1...3).map {
                MetricRecord(
                    time: 0, source: "distiller", name: "distiller/\(name)/loss", step: $0,
                    value: Double(value) + Double($0))
            }
        }
        for task in 0..<2 {
            run.play("random-test", task: task, EvaluationKind(rawValue: "random"), [[0.25, 0.25, 0.25]])
        }
        return run
    }

    @Test("has a line for each variant, the mean over its trainings, with an interval over them")
    func curves() {
        let report = makeRun().report
        let ad = report.series("ad", in: "held-out-returns")
        #expect(ad.map(\.y) == [2, 2, 2])
        // Draws of two trainings are both the one, both the other or one of each, a quarter and a half of the time.
        #expect(ad.map(\.low) == [1, 1, 1] && ad.map(\.high) == [3, 3, 3])
        let ed = report.series("ed", in: "held-out-returns")
        #expect(ed.map(\.y) == [0, 0, 0] && ed.map(\.high) == [0, 0, 0])
        #expect(report.series("random, evaluated", in: "held-out-returns").map(\.y) == [0.25, 0.25, 0.25])
    }

    @Test("has a figure for each named evaluation, and bars that compare how the variants end")
    func evaluations() throws {
        let report = makeRun().report
        #expect(report.series("ad", in: "returns-prompted").map(\.y) == [2.5, 2.5, 2.5])
        let figure = try #require(report.figures.first { $0.name == "returns-prompted" })
        #expect(figure.title.hasPrefix("prompted: return by episode on 2 held-out tasks"))
        // Nothing was played beside it, so that what was played on the same tasks stands there.
        #expect(report.series("random, evaluated", in: "returns-prompted").count == 3)
        #expect(
            report.numbers("final-returns") == [
                ["test", "ad", "2.0", "1.0", "3.0"], ["test", "ed", "0.0", "0.0", "0.0"],
                ["prompted", "ad", "2.5", "1.5", "3.5"], ["prompted", "ed", "0.5", "0.5", "0.5"],
            ])
    }

    @Test(
        "policies that were played under another name stand beside the variants where they were played on the same tasks"
    )
    func baselines() {
        var run = makeRun()
        let optimum = EvaluationKind(rawValue: "optimum")
        for task in 0..<2 { run.play("optimum-all", task: task, optimum, [[4, 4]]) }
        run.play("source-one", task: 0, .source, [[2, 2]])
        let report = run.report
        #expect(report.series("optimum, evaluated", in: "held-out-returns").map(\.y) == [4, 4])
        #expect(report.series("random, evaluated", in: "held-out-returns").count == 3)
        #expect(report.series("source, evaluated", in: "held-out-returns").isEmpty, "it was played on one of the tasks")
    }

    @Test("has a row for each training and evaluation, and one for the trainings of a variant together")
    func table() throws {
        let table = try #require(makeRun().report.tables.first)
        #expect(table.columns.prefix(4) == ["evaluation", "variant", "seed", "mean return"])
        let rows = table.rows.map { $0.prefix(4).joined(separator: " ") }
        #expect(
            rows == [
                "test ad 0 1.00", "test ad 1 3.00", "test ad all 2.00", "test ed 0 0.00", "test ed 1 0.00",
                "test ed all 0.00", "test random, evaluated – 0.25", "test optimum – 4.00",
                "prompted ad 0 1.50", "prompted ad 1 3.50", "prompted ad all 2.50", "prompted ed 0 0.50",
                "prompted ed 1 0.50", "prompted ed all 0.50", "prompted random, evaluated – 0.25",
                "prompted optimum – 4.00",
            ])
        #expect(table.rows[2][4] == "1.00 to 3.00" && table.rows[2][5] == "50.0 %")
    }

    @Test("has a table of the prompts that evaluations began with, beside how the models began and ended")
    func prompts() throws {
        var run = makeRun()
        #expect(!run.report.tables.contains { $0.title.hasPrefix("Prompts") })
        for variant in ["ad", "ed"] {
            for task in 0..<2 {
                run.contents.prompts.append(
                    RecordedPrompt(
                        evaluation: "\(variant)-seed-0-step-00000010-prompted", task: task,
                        stream: "histories/x.h5", rows: 40..<100, meanReturn: 0.75 + 0.5 * Double(task), quality: 0.25))
            }
        }
        let table = try #require(run.report.tables.first { $0.title == "Prompts" })
        #expect(table.columns.count == 8)
        #expect(
            table.rows == [
                ["prompted", "ad", "25.0 %", "1.00", "25.0 %", "0.75 to 1.25", "2.50", "2.50"],
                ["prompted", "ed", "25.0 %", "1.00", "25.0 %", "0.75 to 1.25", "0.50", "0.50"],
            ])
        let prompted = try #require(run.report.figures.first { $0.name == "returns-prompted" } as? LineChart)
        #expect(prompted.references.last?.name == "prompt" && prompted.references.last?.value == 1)
        #expect(run.report.numbers("returns-prompted")?.contains { $0.first == "prompt" } == true)
        let byTask = try #require(run.report.tables.first { $0.title == "Prompts by task" })
        #expect(byTask.isFolded && byTask.rows.count == 4)
        #expect(byTask.rows[0].dropFirst() == ["0", "histories/x.h5", "40 to 99", "0.75"])
    }

    @Test("shows the loss of every training, and names the trainings of a variant once")
    func loss() throws {
        let report = makeRun().report
        let numbers = try #require(report.numbers("distiller-loss"))
        #expect(numbers.map { $0[0] } == ["ad", "ad", "ad", "ad", "ad", "ad", "ed", "ed", "ed", "ed", "ed", "ed"])
        #expect(numbers.map { $0[2] }.prefix(6) == ["2.0", "3.0", "4.0", "4.0", "5.0", "6.0"])
        let figure = try #require(report.figures.first { $0.name == "distiller-loss" })
        #expect(figure.svg.ranges(of: ">ad</text>").count == 1)
        #expect(report.series("ad", in: "return-by-training-time").map(\.y) == [9, 2])
    }

    @Test("says in its first sentence how each variant ends")
    func summary() {
        let report = makeRun().report
        #expect(report.summary.contains("On 2 tasks"))
        #expect(report.summary.contains("ad at 2.00, ed at 0.00 (the optimum is 4.00)"))
        #expect(report.highlights.prefix(2).map(\.title) == ["ad", "ed"])
        #expect(report.highlights.first?.detail == "50.0 % of the optimum")
    }

    @Test("trainings of one model without variants are one line, and a table tells them apart")
    func seedsAlone() throws {
        var run = MadeUpRun()
        run.contents.tasks = [TaskRecord(id: 0, split: .test, json: "{}")]
        for (seed, value) in [Float(1), 2].enumerated() {
            run.play("seed-\(seed)/step-00000010", "test", task: 0, [[value, value]])
            run.play("seed-\(seed)/step-00000010", "test-cleared", task: 0, [[0, 0]])
        }
        #expect(run.report.series("in context", in: "held-out-returns").map(\.y) == [1.5, 1.5])
        // The control stands beside what it is a control of.
        #expect(run.report.series("context cleared", in: "held-out-returns").map(\.y) == [0, 0])
        #expect(run.report.numbers("returns-test-cleared") == nil)
        let rows = try #require(run.report.tables.first).rows.map { $0.prefix(4).joined(separator: " ") }
        #expect(rows.prefix(3) == ["test in context 0 1.00", "test in context 1 2.00", "test in context all 1.50"])
    }

    @Test("sixteen variants have lines that differ in colour or dash, and names that do not overlap")
    func manyVariants() throws {
        var run = MadeUpRun()
        run.contents.tasks = [TaskRecord(id: 0, split: .train, json: "{}")]
        for variant in 0..<16 {
            let name = "v\(variant < 10 ? "0" : "")\(variant)"
            run.play("\(name)/step-00000010", "train", task: 0, split: .train, [[1, 1]])
        }
        let svg = try #require(run.report.figures.first { $0.name == "train-returns" }).svg
        #expect(isWellFormed(svg))
        let looks = svg.matches(of: /<polyline class="line" [^>]*style="([^"]*)"/).map { String($0.1) }
        #expect(looks.count == 16 && Set(looks).count == 16, "\(looks)")
        let names = svg.matches(of: /<text class="series" x="[^"]*" y="([^"]*)"/).compactMap { Double($0.1) }.sorted()
        #expect(names.count == 16)
        for (one, next) in zip(names, names.dropFirst()) { #expect(next - one > 11) }
        let box = try #require(svg.firstMatch(of: /viewBox="0 0 \S+ ([^"]*)"/).flatMap { Double($0.1) })
        #expect(try #require(names.last) < box && #require(names.first) > 0)
    }
}
