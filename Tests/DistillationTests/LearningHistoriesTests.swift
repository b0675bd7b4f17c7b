import Distillation
import Environments
import Experience
import Foundation
import Histories
import Models
import TestSupport
import Testing

@Suite("Learning histories for the distiller")
struct LearningHistoriesTests {
    /// Writes one stream of `episodes` whole episodes and three rows of another.
    func write(
        _ folder: URL, task: Int, actor: Int = 0, split: Split = .train, sealed: Bool = true, episodes: Int = 5
    ) throws {
        let columns = SyntheticColumns(episodes: episodes + 1, seed: UInt32(task * 100 + actor))
        let rows = episodes * 6 + 3
        let identifier = StreamIdentifier(lifetime: LifetimeIdentifier(task: task, repetition: 0), actor: actor)
        let ends = (0..<rows).map { UInt8($0 % 6 == 5 ? 1 : 0) }
        var batch = RolloutBatch(
            lifetime: identifier.lifetime,
            headers: [
                RolloutHeader(
                    actor: actor, incarnation: 1, sequence: 0, policyVersion: 0, firstEpisode: 0, length: rows,
                    finishedEpisodes: episodes, checksum: 0, isLast: true)
            ],
            observations: Array(columns.observations[..<(2 * rows)]), actions: Array(columns.actions[..<rows]),
            rewards: Array(columns.rewards[..<rows]), terminations: Array(repeating: 0, count: rows),
            truncations: ends, finalObservations: Array(repeating: 0, count: 2 * episodes))
        batch.seal(RolloutLayout(observationBytes: 2, actionBytes: 1))
        let path = folder.appendingPathComponent(identifier.path)
        try FileManager.default.createDirectory(
            at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
        let writer = try StreamWriter.create(
            at: path.path,
            metadata: StreamMetadata(
                softwareVersion: "0.1.0", environment: smallEnvironment,
                task: Task(id: task, split: split, json: "{\"goal\":[1,\(task)]}"), repetition: 0,
                sourceAlgorithm: "a3c", sourceJSON: "{}", actor: actor, seed: 1))
        try batch.checked(against: smallEnvironment.rolloutLayout, actors: .max).forEach {
            try writer.append($0, now: 0)
        }
        if sealed { try writer.seal() } else { try writer.close() }
    }

    @Test("sealed streams of train tasks count, with their whole episodes; nothing else does")
    func whatCounts() throws {
        try withFolder { folder in
            try write(folder, task: 4)
            try write(folder, task: 4, actor: 1)
            try write(folder, task: 2, episodes: 7)
            try write(folder, task: 3, split: .test)
            try write(folder, task: 5, sealed: false)
            let streams = try readAtOnce(folder).streams
            #expect(streams.streams.map(\.lifetime.task) == [2, 4, 4])
            #expect(streams.rowCount == 6 * (7 + 5 + 5))
            #expect(streams.streams[0].copy.actions == Array(SyntheticColumns(episodes: 7, seed: 200).actions))
        }
    }

    @Test("only the first streams of a lifetime are read if so asked")
    func maximumStreams() throws {
        try withFolder { folder in
            for actor in 0..<3 { try write(folder, task: 4, actor: actor) }
            try write(folder, task: 5)
            var settings = WindowSettings()
            settings.maximumStreamsPerLifetime = 2
            let selection = StreamSelection(settings, tasks: [4, 5])
            #expect(try readAtOnce(folder, selection).streams.streamCount == 3)
        }
    }

    @Test("a folder of held-out streams alone gives nothing to learn from")
    func nothing() throws {
        try withFolder { folder in
            try write(folder, task: 3, split: .test)
            #expect(try readAtOnce(folder).streams.streamCount == 0)
        }
    }
}
