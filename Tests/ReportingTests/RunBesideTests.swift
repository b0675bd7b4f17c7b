import Catalog
import Environments
import Experiments
import Reporting
import Testing

@Suite("Another run beside a report's own")
struct RunBesideTests {
    /// RL2 in trials of three episodes on two tasks, of which the report's run has the second and another one.
    private func other() throws -> RunBeside {
        var run = MadeUpRun()
        run.contents.name = "rl2-room"
        run.contents.experiment = try Experiment(
            yaml: """
                name: rl2-room
                environment: {name: trials, of: {name: dark-room}, episodes: 3}
                source: {lstm: {units: 16}}
                distil: {seeds: 0}
                evaluations:
                  - {name: test, policies: [rl2]}
                  - {name: in-a-row, policies: [rl2], episodes: 6}
                """, file: "x.yaml")
        run.contents.distribution = try run.contents.experiment?.makeTasks()
        run.contents.tasks = (0..<2).map { TaskRecord(id: $0, split: .test, json: "{\"goal\":\($0)}") }
        for task in 0..<2 {
            run.play("rl2-test", task: task, checkpoint: "rl2/step-00000009", .inContext, [[0, 1, 4], [0, 1, 6]])
            run.play("rl2-in-a-row", task: task, checkpoint: "rl2/step-00000009", .inContext, [[0, 1, 9, 0, 1, 9]])
        }
        return RunBeside(run.contents)
    }

    private func makeRun() throws -> MadeUpRun {
        var run = MadeUpRun()
        run.contents.tasks = [1, 7].map { TaskRecord(id: $0, split: .test, json: "{\"goal\":\($0)}") }
        for task in [1, 7] { run.play("step-00000010", "test", task: task, [[1, 2, 3]]) }
        run.contents.beside = [try other()]
        return run
    }

    @Test("its policies are dashed lines at their trials' last episodes, on the tasks that both have")
    func lines() throws {
        let report = try makeRun().report
        let numbers = try #require(report.numbers("held-out-returns"))
        #expect(numbers.contains(["rl2 (rl2-room)", "", "5.0", "", ""]), "\(numbers)")
        let figure = try #require(report.figures.first { $0.name == "held-out-returns" })
        #expect(figure.caption.contains("rl2 (rl2-room): what this other run comes to on 1 of the 2 tasks."))
    }

    @Test("a run that shares no task with it has no line") func stranger() throws {
        var run = try makeRun()
        run.contents.tasks = [1, 7].map { TaskRecord(id: $0, split: .test, json: "{\"place\":\($0)}") }
        #expect(run.report.numbers("held-out-returns")?.contains { $0[0].hasPrefix("rl2") } == false)
    }
}
