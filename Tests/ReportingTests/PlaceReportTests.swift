import Catalog
import Environments
import Experience
import Foundation
import Reporting
import Testing

@Suite("The report of a room")
struct PlaceReportTests {
    /// A room of 2 x 2 with key and door; task id = key * 4 + door. Both tasks have their key in cell (1, 0).
    private func keyToDoor() throws -> MadeUpRun {
        var run = MadeUpRun()
        let tasks = try KeyToDoorTasks(settings: KeyToDoorSettings(size: 2), split: TaskSplit(testTasks: 0))
        run.contents.distribution = tasks
        run.contents.tasks = try [4, 6].map { id in
            TaskRecord(id: id, split: .test, json: try tasks.task(id).json, optimalReturn: 2)
        }
        // Door in (0, 0): found from the second episode on. Door in (0, 1): only the key is.
        run.play("step-00000010", "test", task: 4, [[0] + Array(repeating: 2, count: 10)])
        run.play("step-00000010", "test", task: 6, [Array(repeating: 1, count: 11)])
        run.play("step-00000010", "test-cleared", task: 4, [Array(repeating: 0, count: 11)])
        run.play("step-00000010", "test-cleared", task: 6, [Array(repeating: 0, count: 11)])
        run.contents.sourceReturns = [6: [Array(repeating: 2, count: 10)]]
        return run
    }

    @Test("has a map by key, the mean over its doors, and a map by door")
    func maps() throws {
        let report = try keyToDoor().report
        #expect(report.numbers("final-return-by-key") == [["1", "0", "2", "0.75"]])
        #expect(report.numbers("final-return-by-door") == [["0", "0", "1", "1.0"], ["0", "1", "1", "0.5"]])
        // Of the source one task is known: the other's door has no number.
        #expect(report.numbers("source-return-by-door") == [["0", "0", "0", ""], ["0", "1", "1", "1.0"]])
        let map = try #require(report.figures.first { $0.name == "final-return-by-key" })
        #expect(map.svg.contains("key (1, 0), 2 tasks: 75 % of the optimum"))
        // An episode starts anywhere, and no cell stands for a held-out task.
        #expect(!map.svg.contains(">start<") && !map.svg.contains(">held out<"))
        #expect(map.caption.contains("over the places of the door"))
    }

    @Test("says how often key and door are reached, by episode, in context and without")
    func reached() throws {
        let report = try keyToDoor().report
        #expect(report.series("key, in context", in: "reached-by-episode").prefix(2).map(\.y) == [0.5, 1])
        #expect(report.series("door, in context", in: "reached-by-episode").prefix(2).map(\.y) == [0, 0.5])
        #expect(
            report.series("door, context cleared", in: "reached-by-episode").map(\.y) == Array(repeating: 0, count: 11))
        #expect(report.summary.contains("On 2 tasks that it was never trained on"))
    }

    @Test("of variants, how often each place is reached is a figure with a line for each")
    func reachedByVariants() throws {
        var run = try keyToDoor()
        run.contents.evaluations = []
        for (variant, value) in [("ad", Float(2)), ("ed", 1)] {
            run.play("\(variant)/step-00000010", "test", task: 4, [[value, value]])
        }
        #expect(run.report.series("ad", in: "door-reached-by-episode").map(\.y) == [1, 1])
        #expect(run.report.series("ed", in: "door-reached-by-episode").map(\.y) == [0, 0])
        #expect(run.report.series("ed", in: "key-reached-by-episode").map(\.y) == [1, 1])
        #expect(run.report.numbers("final-return-by-key-ed") == [["1", "0", "1", "0.5"]])
    }

    @Test("a large room has its start where the environment says, and speaks of goals")
    func largeRoom() throws {
        var run = MadeUpRun()
        let tasks = try DarkRoomHardTasks(split: TaskSplit(testTasks: 289 - 1))
        run.contents.distribution = tasks
        run.contents.tasks = try (0..<289).map { TaskRecord(try tasks.task($0), tasks) }
        let id = try #require(tasks.ids(of: .test).first)
        run.play("step-00000010", "test", task: id, [[1, 0]])
        let map = try #require(run.report.figures.first { $0.name == "final-return-by-goal" })
        #expect(map.csv.split(separator: "\n").count == 290)
        #expect(map.csv.contains("\n\(id),\(id % 17),\(id / 17),test,0.5\n"))
        // The start is marked once in the key, and once in the cell in the middle of 17.
        let dots = map.svg.matches(of: /<circle [^>]*cx="([^"]*)" cy="([^"]*)"/)
        #expect(dots.count == 2 && map.svg.contains(">start</text>"))
        let middle = 8.5 * 400 / 17
        #expect(abs(try #require(Double(dots[0].1)) - (28 + middle)) < 0.1)
        #expect(abs(try #require(Double(dots[0].2)) - (8 + middle)) < 11)
        #expect(run.report.summary.contains("On 1 goals"))
    }
}
