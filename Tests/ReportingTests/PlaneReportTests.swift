import Catalog
import Environments
import Experience
import Foundation
import Histories
import Reporting
import Testing

@Suite("The report of a pool")
struct PlaneReportTests {
    private func tasks() throws -> WatermazeTasks { try WatermazeTasks(split: TaskSplit(testTasks: 2)) }

    /// Two train tasks, of which one was evaluated, and two held-out ones.
    private func pool() throws -> MadeUpRun {
        var run = MadeUpRun()
        let tasks = try tasks()
        run.contents.distribution = tasks
        run.contents.tasks = try [3, 4, 100_000, 100_001].map { TaskRecord(try tasks.task($0), tasks) }
        run.play("step-00000010", "test", task: 100_000, [[0] + Array(repeating: 1, count: 10)])
        run.play("step-00000010", "test", task: 100_001, [Array(repeating: 0, count: 11)])
        run.play("step-00000010", "train", task: 3, split: .train, [[1, 0], [1, 1]])
        return run
    }

    @Test("has a map of all platforms: those of training that were not evaluated have no number")
    func map() throws {
        let (report, tasks) = (try pool().report, try tasks())
        let rows = try #require(report.numbers("final-return-by-platform"))
        #expect(rows.map { $0[0] } == ["3", "4", "100000", "100001"])
        #expect(rows.map { $0[3] } == ["train", "train", "test", "test"])
        #expect(rows.map { $0[4] } == ["0.75", "", "1.0", "0.0"])
        for row in rows {
            let place = try tasks.place(of: tasks.task(try #require(Int(row[0]))))
            #expect(Float(row[1]) == place.x && Float(row[2]) == place.y)
        }
        let figure = try #require(report.figures.first { $0.name == "final-return-by-platform" })
        #expect(figure.svg.contains("platform of task 100000, held out: 100 % of the optimum"))
        #expect(figure.svg.contains("platform of task 4, train: not measured"))
        #expect(report.sections.contains { $0.title == "Platform by platform" })
    }

    @Test("a place is drawn where it lies on the ground, whose y points up")
    func frame() throws {
        let map = try tasks().ground
        let frame = MapFrame(map: map, x: 10, y: 20, side: 100)
        let corner = frame.at(map.low)
        #expect(abs(corner.x - 10) < 1e-3 && abs(corner.y - 120) < 1e-3)
        let far = frame.at(map.low + SIMD2(map.side, map.side))
        #expect(abs(far.x - 110) < 1e-3 && abs(far.y - 20) < 1e-3)
    }

    @Test("draws an early and a late episode of recorded lives, with the place behind the last step")
    func paths() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("paths-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var run = try pool()
        let tasks = try tasks()
        for task in [100_000, 100_001] { try record(tasks, task, in: folder) }
        run.contents.paths = try RecordedPath.all(run.contents, in: folder)
        #expect(run.contents.paths.map(\.task) == [100_000, 100_001])
        let rows = try #require(run.report.numbers("paths")).filter { $0[0] == "100000" }
        // Episodes of two steps; the fourth has begun and is not whole.
        #expect(rows.map { $0[1] } == ["1", "1", "1", "3", "3", "3"])
        #expect(rows.map { $0[2] } == ["0", "1", "2", "0", "1", "2"])
        #expect(rows.map { Float($0[3]) } == [0, 1, 2, 20, 21, 22])
        #expect(rows.map { Float($0[4]) } == [0, -1, -2, -20, -21, -22])
        let figure = try #require(run.report.figures.first { $0.name == "paths" })
        #expect(figure.svg.contains("task 100000, episode 3: return 1, 2 steps"))
    }

    @Test("where a stream is missing it says that paths are not shown, and shows all else")
    func missing() throws {
        let run = try pool()
        #expect(throws: StreamError.self) { try RecordedPath.all(run.contents, in: URL(fileURLWithPath: "/nowhere")) }
        #expect(run.report.numbers("paths") == nil)
    }

    /// Three whole episodes of two steps, and one step of a fourth: x is ten times the episode and the step, y is -x.
    private func record(_ tasks: WatermazeTasks, _ id: Int, in folder: URL) throws {
        func states(_ xs: [Float]) -> [UInt8] {
            xs.flatMap { x in [x, -x, 90, 0].flatMap { withUnsafeBytes(of: $0, Array.init) } }
        }
        try recordEvaluation(
            "step-00000010-test", by: "distilled", on: tasks.task(id), of: tasks.environment, in: folder, finished: 3,
            observations: states([0, 1, 10, 11, 20, 21, 30]), actions: Array(repeating: 0, count: 7),
            rewards: [0, 0, 0, 0, 0, 1, 0], terminations: [0, 0, 0, 0, 0, 1, 0], truncations: [0, 1, 0, 1, 0, 0, 0],
            finalObservations: states([2, 12, 22]))
    }
}
