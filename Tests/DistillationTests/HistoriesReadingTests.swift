import Distillation
import Environments
import Experience
import Foundation
import Histories
import Models
import TestSupport
import Testing

@Suite("Histories that grow while they are read")
struct HistoriesReadingTests {
    private static let interval = HistoriesReading.scanIntervalNanoseconds

    private func random(_ seed: UInt64) -> PhiloxSequence {
        PhiloxSequence(Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0)), purpose: .other)
    }

    private func sampler(_ store: StreamStore, _ change: (inout WindowSettings) -> Void) throws -> WindowSampler {
        var settings = WindowSettings()
        change(&settings)
        return try WindowSampler(
            data: store, settings: settings, form: smallModel().form, maskingProbability: 0.3, seed: 7)
    }

    private func copies(_ store: StreamStore) -> [StreamCopy] { store.streams.map(\.copy) }

    /// Several streams of several lifetimes in a folder, one of them held out, to which a recorder does things by chance.
    private struct Recording {
        var streams: [GrowingStream]
        /// Bytes of a stream's file at an earlier time.
        var earlier: [Int: (bytes: Data, rows: Int)] = [:]

        init(in folder: URL) {
            streams = (0..<7).map {
                GrowingStream(
                    in: folder, environment: smallEnvironment, task: $0 / 2, actor: $0 % 2,
                    split: $0 < 6 ? .train : .test)
            }
        }

        mutating func disturb(using random: inout PhiloxSequence) throws {
            let index = Int.random(in: streams.indices, using: &random)
            let stream = streams[index]
            switch Int.random(in: 0..<12, using: &random) {
            case 0 where !stream.isSealed: stream.die()
            case 1 where !stream.isSealed: try stream.restart()
            case 2 where !stream.isSealed && stream.durableRows > 0:
                earlier[index] = (try stream.bytes(), stream.durableRows)
            case 3:
                guard let old = earlier[index], !stream.isSealed else { return }
                try stream.restore(old.bytes, rows: old.rows)
                stream.die()
            case 4 where stream.durableRows > 0:
                for (number, other) in streams.enumerated()
                where other.identifier.lifetime == stream.identifier.lifetime {
                    try other.beginAnew()
                    earlier[number] = nil
                }
            case 5 where !stream.isSealed && stream.durableRows > 0: try stream.seal()
            case let draw where draw > 5 && !stream.isSealed:
                try stream.record(rollouts: Int.random(in: 1...6, using: &random), using: &random)
            default: break
            }
        }
    }

    @Test("a store that grew holds what one that is read at once holds, whatever the recorder did", arguments: 1...12)
    func grown(seed: UInt64) throws {
        var random = random(seed)
        try withFolder { folder in
            var recording = Recording(in: folder)
            let following = HistoriesReading(path: folder.path, environment: smallEnvironment)
            let samplers = try [
                sampler(following.streams) { _ in }, sampler(following.streams) { $0.everyEpisodes = 3 },
                sampler(following.streams) { $0.lastShare = 0.3 },
                sampler(following.streams) { $0.weighting = .improvement },
                sampler(following.streams) { $0.expertShare = 0.1 },
            ]
            var now: UInt64 = 1
            for _ in 0..<120 {
                try recording.disturb(using: &random)
                if Int.random(in: 0..<3, using: &random) > 0 { continue }
                now += Self.interval
                while try following.advance(now: now) {}
                for sampler in samplers { sampler.refresh() }
                try expectWhatIsDurable(in: following, of: recording, seed)
            }
            following.historiesAreComplete()
            while try following.advance(now: now) {}
            #expect(following.isComplete, "seed \(seed)")
            let atOnce = try readAtOnce(folder)
            #expect(copies(following.streams) == copies(atOnce.streams), "seed \(seed)")
            #expect(following.streams.streams.map(\.name) == atOnce.streams.streams.map(\.name), "seed \(seed)")
            guard atOnce.streams.rowCount > 0 else { return }
            let fresh = try [
                sampler(atOnce.streams) { _ in }, sampler(atOnce.streams) { $0.everyEpisodes = 3 },
                sampler(atOnce.streams) { $0.lastShare = 0.3 },
                sampler(atOnce.streams) { $0.weighting = .improvement },
                sampler(atOnce.streams) { $0.expertShare = 0.1 },
            ]
            for (grown, fresh) in zip(samplers, fresh) {
                grown.refresh()
                for index in 0..<20 {
                    #expect(grown.window(step: 3, index: index) == fresh.window(step: 3, index: index), "seed \(seed)")
                }
            }
        }
    }

    /// Between two scans too: each stream's whole episodes are those of its file.
    private func expectWhatIsDurable(
        in following: HistoriesReading, of recording: Recording, _ seed: UInt64
    ) throws {
        for stream in recording.streams {
            let found = following.streams.streams.first { $0.name == stream.path }
            guard stream.durableRows > 0, stream.identifier.lifetime.task < 3 else {
                #expect(found?.rowCount ?? 0 == 0, "seed \(seed)")
                continue
            }
            let contents = try StreamContents(path: stream.path)
            #expect(
                found?.copy.starts.dropFirst().count == contents.finishedEpisodes.count, "seed \(seed), \(stream.path)")
            let rewards = contents.finishedEpisodes.flatMap { contents.rows.rewards[$0] }
            #expect(found?.copy.rewards == rewards, "seed \(seed), \(stream.path)")
        }
    }

    @Test("streams that are not sealed count while histories grow, and no more when they are complete")
    func unsealed() throws {
        var random = random(1)
        try withFolder { folder in
            let growing = GrowingStream(in: folder, environment: smallEnvironment, task: 1)
            let late = GrowingStream(in: folder, environment: smallEnvironment, task: 2, firstPolicyVersion: 4)
            let heldOut = GrowingStream(in: folder, environment: smallEnvironment, task: 3, split: .test)
            for stream in [growing, late, heldOut] { try stream.record(rollouts: 20, using: &random) }
            let following = HistoriesReading(path: folder.path, environment: smallEnvironment)
            while try following.advance(now: 1) {}
            #expect(following.streams.streams.map(\.name) == [growing.path])
            #expect(following.streams.rowCount > 0 && !following.isComplete)
            following.historiesAreComplete()
            while try following.advance(now: 2) {}
            #expect(following.streams.streamCount == 0 && following.isComplete)
        }
    }

    @Test("a folder that is not there yet holds nothing yet, unless its histories are said to be complete")
    func missing() throws {
        var random = random(1)
        try withFolder { folder in
            let histories = folder.appendingPathComponent("histories")
            let following = HistoriesReading(path: histories.path, environment: smallEnvironment)
            #expect(try !following.advance(now: 1))
            #expect(following.streams.streamCount == 0)
            try GrowingStream(in: histories, environment: smallEnvironment, task: 1).record(rollouts: 9, using: &random)
            while try following.advance(now: 1 + Self.interval) {}
            #expect(following.streams.streamCount == 1)
            try FileManager.default.removeItem(at: histories)
            while try following.advance(now: 1 + 2 * Self.interval) {}
            following.historiesAreComplete()
            #expect(throws: StreamError.self) { while try following.advance(now: 1 + 3 * Self.interval) {} }
        }
    }

    @Test("a damaged file is left out and told of; while it grows, what was read of it before stays")
    func damaged() throws {
        var random = random(2)
        try withFolder { folder in
            let streams = (0..<2).map { GrowingStream(in: folder, environment: smallEnvironment, task: 1, actor: $0) }
            for stream in streams { try stream.record(rollouts: 30, using: &random) }
            let following = HistoriesReading(path: folder.path, environment: smallEnvironment)
            while try following.advance(now: 1) {}
            let before = copies(following.streams)
            try streams[0].restart()
            try Data("no stream".utf8).write(to: URL(fileURLWithPath: streams[0].path))
            while try following.advance(now: 1 + Self.interval) {}
            #expect(copies(following.streams) == before)
            #expect(following.quarantined == [streams[0].path])
            try streams[1].seal()
            following.historiesAreComplete()
            while try following.advance(now: 2 + Self.interval) {}
            #expect(following.streams.streams.map(\.name) == [streams[1].path])
            #expect(following.quarantined == [streams[0].path])
        }
    }

    @Test("a store that served a narrower distillation reads what it left out, and nothing twice")
    func widened() throws {
        var random = random(3)
        try withFolder { folder in
            for actor in 0..<4 {
                for task in 0..<3 {
                    let stream = GrowingStream(in: folder, environment: smallEnvironment, task: task, actor: actor)
                    try stream.record(rollouts: 20, using: &random)
                    try stream.seal()
                }
            }
            var settings = WindowSettings()
            settings.maximumStreamsPerLifetime = 2
            settings.tasks = 1
            let narrow = StreamSelection(settings, tasks: [0, 1, 2])
            let reading = try readAtOnce(folder, narrow)
            #expect(reading.streams.streamCount == 2)
            settings.maximumStreamsPerLifetime = 3
            settings.tasks = 2
            let wider = StreamSelection(settings, tasks: [0, 1, 2])
            reading.widen(to: wider)
            #expect(!reading.isComplete)
            let kept = reading.streams.streams
            while try reading.advance(now: 0) {}
            #expect(reading.isComplete && reading.streams.streamCount == 6)
            #expect(kept.allSatisfy { old in reading.streams.streams.contains { $0 === old } })
            #expect(reading.streams.rowCount(of: narrow) == kept.reduce(0) { $0 + $1.rowCount })
            reading.widen(to: narrow)
            #expect(reading.isComplete)
        }
    }
}
