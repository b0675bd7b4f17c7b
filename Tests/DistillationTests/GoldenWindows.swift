import Distillation
import Environments
import Experience
import Foundation
import Models
import Testing

/// One line of `windows.jsonl`: how windows are drawn, and what was drawn. The Python package draws the same.
struct GoldenWindows: Codable, Equatable {
    /// Keys as an experiment's `distil.windows` has them; those that are left out have their default.
    struct Settings: Codable, Equatable {
        var everyEpisodes: Int?
        var shownEpisodes: Int?
        var shareFromStart: Double?
        var teachFirstHalf: Bool?
        var streamsPerLifetime: Int?
        var lastShare: Double?
        var expertShare: Double?
        var weighting: String?
        var tasks: Int?
    }

    struct Drawn: Codable, Equatable {
        let step: Int
        let index: Int
        /// (c, width) rows of the observation table; nil where observations are floats.
        let components: [Int32]?
        /// (c, width) floats.
        let observations: [Float]?
        let previousActions: [Int32]
        let previousRewards: [Float]
        /// 1 where the previous action is hidden, 2 where the reward is.
        let masked: [UInt8]
        let actions: [Int32]
        let taught: [UInt8]
    }

    let name: String
    /// `integers` or `states`.
    var folder = "integers"
    var settings = Settings()
    var seed: UInt64 = 7
    var length = 19
    var maskingProbability = 0.3
    var masksTogether = true
    /// Streams that are not sealed count.
    var growing = false
    /// By task: the best possible return.
    var optimum: [String: Double] = [:]
    var steps = [0, 1]
    var windows: [Drawn] = []

    static let cases: [GoldenWindows] = [
        GoldenWindows(name: "defaults"),
        GoldenWindows(
            name: "another seed, late steps", seed: 0xFEDC_BA98_7654_3210, steps: [3, 4_294_967_296, 1 << 40]),
        GoldenWindows(name: "from the start alone", settings: .init(shareFromStart: 1)),
        GoldenWindows(name: "from anywhere", settings: .init(shareFromStart: 0), length: 8, masksTogether: false),
        GoldenWindows(name: "every third episode", settings: .init(everyEpisodes: 3)),
        GoldenWindows(name: "every 40th episode", settings: .init(everyEpisodes: 40), length: 4),
        GoldenWindows(name: "a k for each stream", settings: .init(shownEpisodes: 5), length: 9),
        GoldenWindows(name: "the first half is taught", settings: .init(shareFromStart: 0.1, teachFirstHalf: true)),
        GoldenWindows(name: "one stream a lifetime", settings: .init(streamsPerLifetime: 1)),
        GoldenWindows(name: "two tasks", settings: .init(tasks: 2), maskingProbability: 0),
        GoldenWindows(name: "the last part", settings: .init(lastShare: 0.3)),
        GoldenWindows(name: "less than an episode", settings: .init(lastShare: 0.001), length: 5),
        GoldenWindows(name: "a share at the expert", settings: .init(expertShare: 0.2)),
        GoldenWindows(name: "by improvement", settings: .init(weighting: "improvement")),
        GoldenWindows(
            name: "by improvement, of the optimum", settings: .init(everyEpisodes: 2, weighting: "improvement"),
            optimum: ["0": 2, "1": 0.25, "100000": 8]),
        GoldenWindows(name: "while histories grow", settings: .init(shareFromStart: 0.5), growing: true),
        GoldenWindows(name: "while histories grow, every second", settings: .init(everyEpisodes: 2), growing: true),
        GoldenWindows(name: "floats", folder: "states", length: 11),
        GoldenWindows(
            name: "floats, the last part of what is left", folder: "states",
            settings: .init(everyEpisodes: 2, lastShare: 0.5, expertShare: 0.1), length: 7),
        GoldenWindows(
            name: "floats, a k for each stream and by improvement", folder: "states",
            settings: .init(shownEpisodes: 6, weighting: "improvement"), length: 7, masksTogether: false,
            optimum: ["0": 1, "2": 3]),
    ]
}

extension GoldenWindows {
    /// Draws six windows of each step from the streams below `root`.
    func drawn(from root: URL) throws -> GoldenWindows {
        let environment = folder == "states" ? GoldenStreams.states : smallEnvironment
        let reading = HistoriesReading(path: root.appending(path: folder).path, environment: environment)
        if !growing { reading.historiesAreComplete() }
        while try reading.advance(now: 1) {}
        let windows = try windowSettings()
        let input: ObservationInput =
            IntegerComponents(environment.observationSpace).map { .components($0) } ?? .vector(width: 1)
        let form = WindowForm(
            spaces: try ModelSpaces(environment), length: length, input: input, masksTogether: masksTogether)
        let sampler = try WindowSampler(
            data: reading.streams, settings: windows,
            selection: StreamSelection(windows, tasks: Array(Set(reading.streams.streams.map(\.lifetime.task)))),
            form: form,
            maskingProbability: maskingProbability, seed: seed, optimum: { optimum["\($0)"] })
        var result = self
        let batch = WindowBatch(windows: 6, form: form)
        for step in steps {
            for index in 0..<batch.windows {
                _ = sampler.fill(batch, step: step, index: index)
                result.windows.append(window(of: batch, step, index, environment))
            }
        }
        return result
    }

    private func windowSettings() throws -> WindowSettings {
        var windows = WindowSettings()
        windows.everyEpisodes = settings.everyEpisodes ?? windows.everyEpisodes
        windows.shownEpisodes = settings.shownEpisodes
        windows.shareFromStart = settings.shareFromStart ?? windows.shareFromStart
        windows.teachFirstHalf = settings.teachFirstHalf ?? windows.teachFirstHalf
        windows.maximumStreamsPerLifetime = settings.streamsPerLifetime
        windows.lastShare = settings.lastShare ?? windows.lastShare
        windows.expertShare = settings.expertShare
        windows.tasks = settings.tasks
        if let weighting = settings.weighting {
            windows.weighting = try #require(WindowSettings.Weighting(rawValue: weighting))
        }
        return windows
    }

    private func window(
        of batch: WindowBatch, _ step: Int, _ index: Int, _ environment: EnvironmentDescription
    ) -> Drawn {
        let rows = (index * length)..<((index + 1) * length)
        let width = environment.observationSpace.elementCount
        let cells = (rows.lowerBound * width)..<(rows.upperBound * width)
        let isFloats = batch.width == 0
        return Drawn(
            step: step, index: index, components: isFloats ? nil : cells.map { batch.components[$0] },
            observations: isFloats
                ? cells.map { batch.observations.load(fromByteOffset: 4 * $0, as: Float.self) } : nil,
            previousActions: rows.map { batch.previousActions[$0] },
            previousRewards: rows.map { batch.previousRewards[$0] }, masked: rows.map { batch.masked[$0] },
            actions: rows.map { batch.targets[$0] }, taught: rows.map { batch.taught[$0] })
    }
}

@Suite("Golden windows for other programs") struct GoldenWindowsTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "scripts/python/tests/golden")
    private static let writes = ProcessInfo.processInfo.environment["DISTILLERY_WRITE_WINDOWS"] == "1"

    /// `DISTILLERY_WRITE_WINDOWS=1 swift test -c release --filter GoldenWindowsTests` makes streams and windows anew.
    @Test("windows drawn from the committed streams are those that are committed, to the last bit")
    func windows() throws {
        let file = Self.folder.appending(path: "windows.jsonl")
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = .sortedKeys
        if Self.writes {
            for kind in ["integers", "states"] {
                try? FileManager.default.removeItem(at: Self.folder.appending(path: kind))
            }
            try GoldenStreams.writeIntegers(below: Self.folder.appending(path: "integers"))
            try GoldenStreams.writeStates(below: Self.folder.appending(path: "states"))
        }
        let drawn = try GoldenWindows.cases.map { try $0.drawn(from: Self.folder) }
        if Self.writes {
            let lines = try drawn.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
            try Data(lines.joined().utf8).write(to: file)
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let committed = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
            try decoder.decode(GoldenWindows.self, from: Data($0.utf8))
        }
        #expect(committed.map(\.name) == drawn.map(\.name))
        for (committed, drawn) in zip(committed, drawn) { #expect(committed == drawn, "\(drawn.name)") }
    }
}
