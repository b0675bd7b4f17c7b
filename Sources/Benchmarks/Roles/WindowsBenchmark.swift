import Distillation
import Environments
import Experience
import Foundation
import Histories
import Models
import Processes

/// Drawing windows, without a model: from streams that are all in memory, and from files that take turns there. Rows are
/// of 21 bytes in columns, as many as poses of the Watermaze take.
///
/// There are as many names as `files` says, and at most `distinctFiles` files of different contents behind them, as hard
/// links: what is read and drawn is the same, without the disk that so much data would need.
package struct WindowsBenchmark {
    /// Of the two results.
    package static let names = ["windows-in-memory", "windows-in-turn"]
    package var files: Int
    package var rowsOfFile: Int
    /// Bytes of streams in memory, of `windows-in-turn`.
    package var memory: Int
    package var batch = 128
    /// Transitions of a window.
    package var length = 100
    private static let horizon = 50
    private static let distinctFiles = 512

    package init(files: Int, rowsOfFile: Int, memory: Int) {
        (self.files, self.rowsOfFile, self.memory) = (files, rowsOfFile, memory)
    }

    private static let environment = EnvironmentDescription(
        name: "made-up", observationSpace: .multiDiscrete(counts: Array(repeating: 9, count: 16)),
        actionSpace: .discrete(count: 5), horizon: horizon, json: "{}")

    /// Throws what reading, drawing or `plan` throws. Files are made in a folder below the temporary one, and removed.
    package func run(_ plan: BenchmarkPlan, names: [String]) throws -> [BenchmarkResult] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("windows-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try plan.progress("making \(files) files of \(rowsOfFile) transitions")
        try make(in: folder, plan)
        return try Self.names.filter(names.contains).map { name in
            try run(name, folder, memory: name == Self.names[0] ? .max : memory, plan)
        }
    }

    private func run(_ name: String, _ folder: URL, memory: Int, _ plan: BenchmarkPlan) throws -> BenchmarkResult {
        ResidentMemory.forgetPeak()
        let before = ResidentMemory.now().megabytes
        let reading = HistoriesReading(path: folder.path, environment: Self.environment, memory: memory)
        reading.widen(to: StreamSelection())
        reading.historiesAreComplete()
        let loading = try secondsTaken {
            while try reading.advance(now: 0) { try plan.mayGoOn() }
        }
        try plan.progress("\(name): \(reading.streams.streamCount) streams in memory after \(Int(loading)) s")
        guard let components = IntegerComponents(Self.environment.observationSpace) else {
            preconditionFailure("the made-up observations are integers")
        }
        let form = WindowForm(
            spaces: try ModelSpaces(Self.environment), length: length, input: .components(components),
            masksTogether: true)
        let sampler = try WindowSampler(
            data: reading.streams, settings: WindowSettings(), form: form, maskingProbability: 0.3, seed: 0)
        let windows = WindowBatch(windows: batch, form: form)
        var step = 0
        func draw() throws {
            sampler.refresh()
            for index in 0..<batch { _ = sampler.fill(windows, step: step, index: index) }
            try reading.noteShown(rows: batch * length)
            step += 1
        }
        let steps = try plan.warmUp(draw)
        var rates: [Double] = []
        for repetition in 1...plan.repetitions {
            let seconds = try secondsTaken { for _ in 0..<steps { try draw() } }
            rates.append(Double(steps * batch) / seconds)
            try plan.progress("\(name), repetition \(repetition): \(Int(rates[repetition - 1])) windows a second")
        }
        let rowBytes = Double(Self.environment.stored.space.byteCount + Self.environment.actionSpace.byteCount + 4)
        return BenchmarkResult(
            name: name,
            configuration: [
                "files": .init(files), "rows_of_file": .init(rowsOfFile), "batch_size": .init(batch),
                "context_length": .init(length),
                "memory_mebibytes": memory == .max ? .text("all") : .init(memory >> 20),
            ], rates: [.windows: rates],
            measured: [
                "data_megabytes": Double(files) * Double(rowsOfFile) * rowBytes / 1e6, "loading_seconds": loading,
                "streams_in_memory": Double(reading.streams.streamCount),
                "resident_megabytes_more": ResidentMemory.now().megabytes - before,
                "peak_resident_megabytes_more": ResidentMemory.now().peakMegabytes - before,
            ])
    }

    // MARK: - Files

    private func make(in folder: URL, _ plan: BenchmarkPlan) throws {
        let distinct = min(files, Self.distinctFiles)
        let paths = (0..<files).map { index in
            let stream = StreamIdentifier(
                lifetime: LifetimeIdentifier(task: index / 10, repetition: 0), actor: index % 10)
            return folder.appendingPathComponent(stream.path)
        }
        for (index, path) in paths.enumerated() {
            try plan.mayGoOn()
            if index % 10 == 0 {
                try FileManager.default.createDirectory(
                    at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
            }
            if index < distinct {
                try write(path.path, index)
            } else {
                try FileManager.default.linkItem(at: paths[index % distinct], to: path)
            }
        }
    }

    /// A sealed stream of random rows.
    private func write(_ path: String, _ number: Int) throws {
        let writer = try StreamWriter.create(
            at: path,
            metadata: StreamMetadata(
                softwareVersion: "0", environment: Self.environment, task: Task(id: number, split: .train, json: "{}"),
                repetition: 0, sourceAlgorithm: "a3c", sourceJSON: "{}", actor: number % 10, seed: 0,
                firstPolicyVersion: 0))
        let generator = Philox(StreamKey(seed: 0, task: number, repetition: 0, actor: 0))
        var sequence: UInt64 = 0
        for first in stride(from: 0, to: rowsOfFile, by: Self.horizon) {
            let rows = first..<min(first + Self.horizon, rowsOfFile)
            let words = rows.map { row in
                (0..<5).map { generator.block(UInt32(truncatingIfNeeded: row), $0, 0, 0) }
            }
            var batch = RolloutBatch(
                lifetime: LifetimeIdentifier(task: number, repetition: 0),
                headers: [
                    RolloutHeader(
                        actor: number % 10, incarnation: 1, sequence: sequence, policyVersion: 0,
                        firstEpisode: sequence, length: rows.count, finishedEpisodes: 1, checksum: 0, isLast: false)
                ],
                bytes: RolloutBytes([
                    .observations: words.flatMap { blocks in
                        blocks[..<4].flatMap { [$0.x, $0.y, $0.z, $0.w].map { UInt8($0 % 9) } }
                    },
                    .actions: words.map { UInt8($0[4].x % 5) },
                    .rewards: words.map { Float($0[4].y % 4 == 0 ? 1 : 0) }.withUnsafeBytes { Array($0) },
                    .terminations: rows.map { _ in 0 },
                    .truncations: rows.map { $0 == rows.upperBound - 1 ? 1 : 0 },
                    .finalObservations: Array(repeating: 0, count: 16),
                ]))
            batch.seal(Self.environment.rolloutLayout)
            try batch.checked(against: Self.environment.rolloutLayout, actors: .max).forEach {
                try writer.append($0, now: 0)
            }
            sequence += 1
        }
        try writer.seal()
    }
}
