import Catalog
import Environments
import Foundation
import Histories
import Reporting
import Testing

@Suite("A catalogue remade from a run's files")
struct RunIndexTests {
    private static let environment = EnvironmentDescription(
        name: "dark-room", observationSpace: .multiDiscrete(counts: [3, 3]), actionSpace: .discrete(count: 5),
        horizon: 2,
        json: #"{"horizon":2,"size":3}"#)

    /// A sealed stream of episodes of two steps; `rewards` are those of the second steps.
    private func write(_ stream: StreamIdentifier, split: Split, rewards: [Float], in folder: URL) throws {
        let file = folder.appendingPathComponent(stream.path)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        let task = Task(id: stream.lifetime.task, split: split, json: "{\"goal\":[\(stream.lifetime.task),0]}")
        let metadata = StreamMetadata(
            softwareVersion: "0.1.0", environment: Self.environment, task: task,
            repetition: stream.lifetime.repetition, sourceAlgorithm: "a3c", sourceJSON: "{}", actor: stream.actor,
            seed: 1)
        let writer = try StreamWriter.create(at: file.path, metadata: metadata)
        for (number, reward) in rewards.enumerated() {
            var batch = RolloutBatch(
                lifetime: stream.lifetime,
                headers: [
                    RolloutHeader(
                        actor: stream.actor, incarnation: 1, sequence: UInt64(number), policyVersion: UInt64(number),
                        firstEpisode: UInt64(number), length: 2, finishedEpisodes: 1, checksum: 0, isLast: false)
                ], observations: [1, 1, 0, 1], actions: [0, 4], rewards: [0, reward], terminations: [0, 0],
                truncations: [0, 1], finalObservations: [0, 1])
            batch.seal(observationBytes: 2, actionBytes: 1)
            try batch.forEachRollout(observationBytes: 2, actionBytes: 1) {
                try writer.append($0, $1, now: 0, wallClock: UInt64(number + 1) * 1_000_000_000)
            }
        }
        try writer.flush()
        try writer.seal()
    }

    @Test("streams, lifetimes, evaluations and the report's curves come from the files alone")
    func index() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("index-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        func history(_ actor: Int) -> StreamIdentifier {
            StreamIdentifier(lifetime: LifetimeIdentifier(task: 1, repetition: 2), actor: actor)
        }
        try write(history(0), split: .train, rewards: [0, 1, 1], in: folder)
        try write(history(1), split: .train, rewards: [0, 0, 1], in: folder)
        for (name, reward) in [("step-00000007-test", Float(1)), ("step-00000007-test-cleared", 0)] {
            let lifetime = LifetimeIdentifier(collection: .evaluation(name), task: 2, repetition: 0)
            try write(StreamIdentifier(lifetime: lifetime, actor: 0), split: .test, rewards: [0, reward], in: folder)
        }
        // A copy in a place where it does not belong, and a file that is no stream.
        try FileManager.default.copyItem(
            at: folder.appendingPathComponent(history(0).path), to: folder.appendingPathComponent(history(5).path))
        try Data("no stream".utf8).write(to: folder.appendingPathComponent(history(6).path))

        let index = try RunIndex(folder: folder)
        #expect(index.damaged.count == 2, "\(index.damaged)")
        try index.write(into: folder)
        let ledger = try Ledger(path: folder.appendingPathComponent("catalog.sqlite").path, mode: .read)
        let lifetime = try #require(try ledger.lifetimes().first)
        #expect(lifetime.task == 1 && lifetime.repetition == 2 && lifetime.status == .finished)
        #expect(lifetime.episodes == 6 && lifetime.transitions == 12 && lifetime.started == 1 && lifetime.ended == 3)
        #expect(lifetime.finalReturn == 0.5)
        #expect(try ledger.streams().count == 4)
        #expect(try ledger.streams().allSatisfy { $0.isSealed && $0.integrity == .sound })
        let evaluations = try ledger.evaluationReturns()
        #expect(evaluations.map(\.evaluation.checkpoint) == ["step-00000007", "step-00000007"])
        #expect(evaluations.map(\.evaluation.kind) == [.inContext, .control])
        #expect(evaluations.map(\.returns) == [[[0, 1]], [[0, 0]]])
        #expect(try ledger.tasks().first { $0.id == 2 }?.optimalReturn == 1)
        try ledger.close()

        let contents = try RunContents(folder: folder)
        #expect(contents.sourceReturns == [1: [[0, 0.5, 1]]])
        #expect(Report(contents).figures.map(\.name).contains("held-out-returns"))
        // Once more over the catalogue that is there now.
        try RunIndex(folder: folder).write(into: folder)
    }
}
