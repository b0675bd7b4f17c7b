import Environments
import Experience
import Foundation
import Histories
import Reporting
import TestSupport
import Testing

@Suite("Watching an evaluation")
struct EvaluationWatchTests {
    private static let environment = EnvironmentDescription(
        name: "dark-room", observationSpace: .multiDiscrete(counts: [5, 4]), actionSpace: .discrete(count: 3),
        horizon: 6, json: "{\"horizon\":6,\"size\":5}")

    /// The returns by episode that whole readings of the files give.
    private func expected(_ paths: [String]) throws -> [Double] {
        let lives = try paths.map { try StreamContents(path: $0).episodes.compactMap(\.episodeReturn) }
        let longest = lives.map(\.count).max() ?? 0
        return (0..<longest).map { episode in
            let values = lives.filter { $0.count > episode }.map { $0[episode] }
            return values.reduce(0, +) / Double(values.count)
        }
    }

    @Test("the mean by episode follows growing streams, through deaths of their evaluators", arguments: 1...6)
    func growing(seed: UInt64) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("watch-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var random = PhiloxSequence(
            Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0)), purpose: .other)
        let streams = (0..<4).map {
            GrowingStream(
                in: folder, environment: Self.environment, task: $0 / 2, actor: $0 % 2, split: .test,
                evaluation: "step-00000010-test")
        }
        let watch = EvaluationWatch(folder: folder.path)
        watch.advance()
        #expect(watch.curves.isEmpty)
        for round in 0..<12 {
            for stream in streams where round > 0 || stream === streams[0] {
                if Int.random(in: 0..<4, using: &random) == 0 { stream.die() }
                try stream.record(rollouts: Int.random(in: 1...6, using: &random), using: &random)
            }
            watch.advance()
            let paths = streams.map(\.path).filter { FileManager.default.fileExists(atPath: $0) }
            let curve = watch.curves.first
            let means = try expected(paths)
            #expect(curve?.returns.count ?? 0 == means.count, "seed \(seed)")
            #expect(zip(curve?.returns ?? [], means).allSatisfy { abs($0 - $1) < 1e-4 * (1 + abs($1)) }, "seed \(seed)")
            if !means.isEmpty { #expect(curve?.evaluation == "step-00000010-test") }
        }
        for stream in streams { try stream.seal() }
        watch.advance()
        #expect(watch.curves.first?.lives == 4)
        #expect(watch.curves.first?.returns.count == (try expected(streams.map(\.path))).count)
    }

    @Test("histories and what is no stream are not drawn") func foreign() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("watch-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var random = PhiloxSequence(Philox(StreamKey(seed: 3, task: 0, repetition: 0, actor: 0)), purpose: .other)
        let stream = GrowingStream(in: folder, environment: Self.environment, task: 0)
        try stream.record(rollouts: 20, using: &random)
        let evaluations = folder.appendingPathComponent("evaluations/broken/task-00000")
        try FileManager.default.createDirectory(at: evaluations, withIntermediateDirectories: true)
        try Data("no stream".utf8).write(to: evaluations.appendingPathComponent("seed-00.h5"))
        let watch = EvaluationWatch(folder: folder.path)
        for _ in 0..<3 { watch.advance() }
        #expect(watch.curves.isEmpty)
    }
}

@Suite("Curves as characters")
struct TextChartTests {
    @Test("a rising and a flat curve") func drawn() {
        let chart = TextChart(
            [.init("rises", [0, 1, 2, 3]), .init("flat", [0.5, 0.5])], width: 24, height: 7)
        #expect(
            chart.lines == [
                "      3 ┤            ●●●",
                "        │        ●●●●",
                "        │",
                "        │○○○○●●●●",
                "      0 ┤●●●●",
                "        └───────────────",
                "         1             4",
                "● rises: 3.00 in episode 4",
                "○ flat: 0.50 in episode 2",
            ])
    }

    @Test("nothing, constants, numbers that are none and a small terminal are drawn without a fault") func edges() {
        #expect(TextChart([], width: 80, height: 20).lines.isEmpty)
        #expect(TextChart([.init("nothing", [])], width: 80, height: 20).lines.isEmpty)
        #expect(TextChart([.init("none", [.nan, .infinity])], width: 80, height: 20).lines.isEmpty)
        for values in [[0], [-2, -2], [1e30, -1e30], [.nan, 1], Array(repeating: 1.5, count: 5000)] {
            let lines = TextChart([.init("x", values)], width: 1, height: 1).lines
            #expect(lines.count == 6 && lines[0].contains("┤"), "\(values.prefix(3)): \(lines)")
        }
    }
}
