import Catalog
import Environments
import Experiments
import Foundation
import Reporting
import TestSupport
import Testing

@Suite("Runs beside each other")
struct ComparisonTests {
    private func run(
        _ name: String, goals: [Int], end: Float, _ more: String = "", variants: [String] = [""]
    ) throws -> RunContents {
        var run = MadeUpRun()
        run.contents.name = name
        run.contents.experiment = try Experiment(yaml: "name: \(name)\n\(more)", file: "x.yaml")
        run.contents.distribution = try run.contents.experiment?.makeTasks()
        run.contents.tasks = goals.map { TaskRecord(id: $0, split: .test, json: "{\"goal\":\($0)}", optimalReturn: 20) }
        for variant in variants {
            let checkpoint = (variant.isEmpty ? "" : variant + "/") + "step-00000010"
            // The return of a goal tells which goals were drawn on.
            for goal in goals { run.play(checkpoint, "test", task: goal, [[0, Float(goal) + end]]) }
        }
        return run.contents
    }

    private func report(_ runs: RunContents...) throws -> Report {
        try Report(comparing: runs.enumerated().map { (folder: "folder-\($0)", contents: $1) })
    }

    @Test("each has a line, on the tasks that all were played on")
    func lines() throws {
        let report = try report(
            run("first", goals: [1, 2, 3], end: 1), run("second", goals: [2, 3, 7], end: 5, variants: ["ad", "ed"]))
        let numbers = try #require(report.numbers("compared-test"))
        let ends = numbers.filter { $0[1] == "2.0" }.map { [$0[0], $0[2]] }
        #expect(ends == [["first", "3.5"], ["second: ad", "7.5"], ["second: ed", "7.5"]])
        #expect(numbers.contains { $0[0] == "optimum" && $0[2] == "20.0" })
        #expect(report.figures[0].caption.hasPrefix("On 2 goals that all have:"), "\(report.figures[0].caption)")
        let table = try #require(report.tables.first)
        #expect(
            table.rows.map { Array($0[1...4]) } == [
                ["first", "–", "1", "2"], ["second", "ad", "1", "2"], ["second", "ed", "1", "2"],
            ])
        #expect(report.remarks.isEmpty && report.html.contains("first at 1.75, second: ad at 3.75"))
    }

    @Test("only settings that differ are told, with what each run has")
    func settings() throws {
        let (one, other) = ("collect: {actors: 4}\nseed: 3", "collect: {actors: 8}\nseed: 3")
        let report = try report(run("a", goals: [1], end: 0, one), run("b", goals: [1], end: 0, other))
        let table = try #require(report.tables.first { $0.title == "Settings that differ" })
        #expect(table.columns == ["setting", "a", "b"])
        #expect(table.rows == [["name", "a", "b"], ["collect.actors", "4", "8"]])
    }

    @Test("runs of one name are told apart, and runs without a common task stand for their own, which is said")
    func strangers() throws {
        let report = try report(run("same", goals: [1], end: 0), run("same", goals: [2], end: 0))
        #expect(Set(report.numbers("compared-test")?.map { $0[0] } ?? []) == ["same (folder-0)", "same (folder-1)"])
        #expect(report.remarks == ["Under test the runs have no task in common: each line is of its own goals."])
    }

    @Test("one run, and curves that count something else, are refused")
    func refused() throws {
        let rooms = try run("rooms", goals: [1], end: 0)
        let bandit = try run("bandit", goals: [1], end: 0, "environment: {name: adversarial-bandit}")
        #expect(throws: ComparisonError.self) { try report(rooms) }
        let error = #expect(throws: ComparisonError.self) { try report(rooms, bandit) }
        let reason = error?.description ?? ""
        #expect(reason.contains("counts each trial"), "\(reason)")
    }

    @Test("the page and its numbers are written")
    func written() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("compared-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try report(run("a", goals: [1], end: 0), run("b", goals: [1], end: 3)).write(into: folder)
        let page = try String(contentsOf: folder.appendingPathComponent("report.html"), encoding: .utf8)
        #expect(page.contains("<h1>a and b</h1>"))
        let numbers = folder.appendingPathComponent("report/compared-test.csv").path
        #expect(FileManager.default.fileExists(atPath: numbers))
    }
}
