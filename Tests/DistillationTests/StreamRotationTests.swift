import Distillation
import Environments
import Experience
import Foundation
import Histories
import Models
import TestSupport
import Testing

@Suite("Streams that do not fit in memory take turns")
struct StreamRotationTests {
    private static let interval = HistoriesReading.scanIntervalNanoseconds

    private func random(_ seed: UInt64) -> PhiloxSequence {
        PhiloxSequence(Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0)), purpose: .other)
    }

    /// Sealed streams of different lengths.
    private func record(_ count: Int, in folder: URL, seed: UInt64) throws -> [GrowingStream] {
        var random = random(seed)
        return try (0..<count).map { index in
            let stream = GrowingStream(in: folder, environment: smallEnvironment, task: index / 3, actor: index % 3)
            try stream.record(rollouts: Int.random(in: 10...60, using: &random), using: &random)
            try stream.seal()
            return stream
        }
    }

    private func read(_ folder: URL, memory: Int, from position: StreamRotation.Position? = nil) throws
        -> HistoriesReading
    {
        let reading = HistoriesReading(path: folder.path, environment: smallEnvironment, memory: memory)
        reading.widen(to: StreamSelection())
        reading.historiesAreComplete()
        while try reading.advance(now: 0) {}
        reading.rotate(from: position, selection: StreamSelection())
        while try reading.advance(now: 0) {}
        return reading
    }

    private func sampler(_ store: StreamStore) throws -> WindowSampler {
        try WindowSampler(
            data: store, settings: WindowSettings(), form: smallModel().form, maskingProbability: 0.3, seed: 7)
    }

    /// Bytes that all streams take in memory, and the most that one takes.
    private func sizes(_ folder: URL) throws -> (all: Int, largest: Int) {
        let all = try readAtOnce(folder).streams
        let copies = all.streams.map(\.copy).map { $0.observations.count + $0.actions.count + 4 * $0.rewards.count }
        return (all.byteCount, 2 * (copies.max() ?? 0) + 4096)
    }

    @Test("memory stays below its limit, every stream comes as often as the others, and whole", arguments: 1...4)
    func turns(seed: UInt64) throws {
        try withFolder { folder in
            let streams = try record(40, in: folder, seed: seed)
            let (all, largest) = try sizes(folder)
            let reading = try read(folder, memory: all / 4)
            let expected = Dictionary(
                uniqueKeysWithValues: try readAtOnce(folder).streams.streams.map { ($0.name, $0.copy) })
            #expect(reading.isComplete && reading.memoryNote?.contains("40 files") == true)
            var arrivals: [String: Int] = [:]
            var present: Set<String> = []
            for _ in 0..<4000 {
                try reading.noteShown(rows: 100)
                let names = reading.streams.streams.map(\.name)
                #expect(Set(names).count == names.count && names == names.sorted(), "seed \(seed)")
                for name in names where !present.contains(name) { arrivals[name, default: 0] += 1 }
                for stream in reading.streams.streams where !present.contains(stream.name) {
                    #expect(stream.copy == expected[stream.name], "seed \(seed), \(stream.name)")
                }
                present = Set(names)
                #expect(reading.streams.byteCount <= all / 4 + largest, "seed \(seed)")
                #expect(reading.streams.byteCount > all / 8, "seed \(seed)")
            }
            #expect(Set(arrivals.keys) == Set(streams.map(\.path)))
            let (fewest, most) = (arrivals.values.min() ?? 0, arrivals.values.max() ?? 0)
            #expect(fewest > 10 && most - fewest <= 1, "seed \(seed): \(fewest) to \(most)")
        }
    }

    @Test("a quarter as many rows are read as are shown")
    func pace() throws {
        try withFolder { folder in
            _ = try record(40, in: folder, seed: 9)
            let reading = try read(folder, memory: sizes(folder).all / 4)
            var present = Set(reading.streams.streams.map(\.name))
            var (read, shown) = (0, 0)
            for _ in 0..<2000 {
                try reading.noteShown(rows: 30)
                shown += 30
                for stream in reading.streams.streams where !present.contains(stream.name) { read += stream.rowCount }
                present = Set(reading.streams.streams.map(\.name))
            }
            #expect(Double(4 * read) > 0.9 * Double(shown) && Double(4 * read) < 1.1 * Double(shown))
        }
    }

    @Test("training that goes on from a position draws the windows that it would have drawn", arguments: 1...4)
    func resumed(seed: UInt64) throws {
        try withFolder { folder in
            _ = try record(30, in: folder, seed: seed)
            let memory = try sizes(folder).all / 3
            let reading = try read(folder, memory: memory)
            for _ in 0..<137 { try reading.noteShown(rows: 40) }
            let position = try #require(reading.rotation?.position)
            #expect(StreamRotation.Position(position.description) == position)
            let other = try read(folder, memory: memory, from: position)
            let (mine, its) = (try sampler(reading.streams), try sampler(other.streams))
            for step in 0..<50 {
                for sampler in [mine, its] { sampler.refresh() }
                for index in 0..<5 {
                    #expect(mine.window(step: step, index: index) == its.window(step: step, index: index))
                }
                for reading in [reading, other] { try reading.noteShown(rows: 60) }
            }
            #expect(reading.rotation?.position == other.rotation?.position)
            // Another training of the same process begins at the beginning, and with its own selection.
            let fresh = try read(folder, memory: memory)
            other.rotate(from: nil, selection: StreamSelection())
            while try other.advance(now: 0) {}
            #expect(other.streams.streams.map(\.name) == fresh.streams.streams.map(\.name))
            var settings = WindowSettings()
            settings.maximumStreamsPerLifetime = 1
            settings.tasks = 4
            other.rotate(from: nil, selection: StreamSelection(settings, tasks: Array(0..<10)))
            while try other.advance(now: 0) {}
            #expect(other.streams.streams.map(\.lifetime.task).sorted() == [0, 1, 2, 3])
        }
    }

    @Test("a position of other files, and words that are none, begin anew or are refused")
    func foreign() throws {
        try withFolder { folder in
            _ = try record(12, in: folder, seed: 5)
            let memory = try sizes(folder).all / 3
            let names = try read(folder, memory: memory).streams.streams.map(\.name)
            for words in ["12 1 0", "5 13 0", "3 0 7"] {
                let position = try #require(StreamRotation.Position(words))
                #expect(try read(folder, memory: memory, from: position).streams.streams.map(\.name) == names)
            }
            for words in ["", "1 2", "1 2 3 4", "-1 2 3", "1 2 x", "1  2", "9999999999999 1 1"] {
                #expect(StreamRotation.Position(words) == nil)
            }
        }
    }

    @Test("what fits takes no turns, and a damaged or lost file only its own")
    func troubles() throws {
        try withFolder { folder in
            let streams = try record(20, in: folder, seed: 6)
            let all = try sizes(folder).all
            let whole = try read(folder, memory: all)
            #expect(whole.rotation == nil && whole.memoryNote == nil && whole.streams.streamCount == 20)
            try whole.noteShown(rows: 1_000_000)
            #expect(whole.streams.streamCount == 20)
            let reading = try read(folder, memory: all / 3)
            var told: Set<String> = []
            reading.onLeftOut = { path, _ in told.insert(path) }
            let absent = streams.filter { stream in !reading.streams.streams.contains { $0.name == stream.path } }
            try Data("no stream".utf8).write(to: URL(fileURLWithPath: absent[0].path))
            try FileManager.default.removeItem(atPath: absent[1].path)
            var seen: Set<String> = []
            for _ in 0..<1000 {
                try reading.noteShown(rows: 100)
                seen.formUnion(reading.streams.streams.map(\.name))
            }
            #expect(seen == Set(streams.map(\.path)).subtracting([absent[0].path, absent[1].path]))
            #expect(reading.quarantined == [absent[0].path])
        }
    }

    @Test("the stream that does not fit leaves, and those read before it stay", arguments: [3, 40, 1 << 18])
    func whichLeaves(transitionsPerSlice: Int) throws {
        try withFolder { folder in
            let streams = try record(12, in: folder, seed: 11)
            let memory = try sizes(folder).all / 3
            let reading = HistoriesReading(
                path: folder.path, environment: smallEnvironment, memory: memory,
                transitionsPerSlice: transitionsPerSlice)
            reading.widen(to: StreamSelection())
            while try reading.advance(now: 1) {}
            let (all, whole) = (try readAtOnce(folder).streams.streams, reading.streams.streams)
            #expect(!whole.isEmpty && reading.streams.byteCount <= memory)
            #expect(whole.map(\.copy) == all.prefix(whole.count).map(\.copy))
            #expect(whole.map(\.name) == streams.map(\.path).sorted().prefix(whole.count).map { $0 })
        }
    }

    @Test(
        "while histories grow, what does not fit is left for later, and memory stays below its limit",
        arguments: [3, 40, 1 << 18])
    func growing(transitionsPerSlice: Int) throws {
        try withFolder { folder in
            var random = random(8)
            let streams = (0..<12).map {
                GrowingStream(in: folder, environment: smallEnvironment, task: $0 / 3, actor: $0 % 3)
            }
            let memory = 12_000
            let reading = HistoriesReading(
                path: folder.path, environment: smallEnvironment, memory: memory,
                transitionsPerSlice: transitionsPerSlice)
            reading.widen(to: StreamSelection())
            var now: UInt64 = 1
            for _ in 0..<20 {
                for stream in streams { try stream.record(rollouts: 5, using: &random) }
                now += Self.interval
                while try reading.advance(now: now) {}
                #expect(reading.streams.byteCount <= memory && reading.streams.streamCount > 0 && !reading.isComplete)
            }
            #expect(reading.memoryNote?.contains("when collection is over") == true)
            for stream in streams { try stream.seal() }
            reading.historiesAreComplete()
            while try reading.advance(now: now) {}
            #expect(reading.isComplete && reading.rotation != nil)
            var seen: Set<String> = []
            for _ in 0..<1000 {
                try reading.noteShown(rows: 100)
                seen.formUnion(reading.streams.streams.map(\.name))
            }
            #expect(seen == Set(streams.map(\.path)))
        }
    }
}
