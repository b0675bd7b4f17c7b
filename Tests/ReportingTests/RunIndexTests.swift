import Catalog
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Reporting
import TestSupport
import Testing

@Suite("A catalogue remade from a run's files")
struct RunIndexTests {
    private static let environment = EnvironmentDescription(
        name: "dark-room", observationSpace: .multiDiscrete(counts: [3, 3]), actionSpace: .discrete(count: 5),
        horizon: 2,
        json: #"{"horizon":2,"size":3}"#)

    /// A sealed stream of episodes of two steps; `rewards` are those of the second steps.
    private func write(
        _ stream: StreamIdentifier, split: Split, rewards: [Float], incarnation: UInt64 = 1, seals: Bool = true,
        in folder: URL
    ) throws {
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
                        actor: stream.actor, incarnation: incarnation, sequence: UInt64(number),
                        policyVersion: UInt64(number),
                        firstEpisode: UInt64(number), length: 2, finishedEpisodes: 1, checksum: 0, isLast: false)
                ], observations: [1, 1, 0, 1], actions: [0, 4], rewards: [0, reward], terminations: [0, 0],
                truncations: [0, 1], finalObservations: [0, 1])
            batch.seal(RolloutLayout(observationBytes: 2, actionBytes: 1))
            try batch.checked(against: Self.environment.rolloutLayout, actors: .max).forEach {
                try writer.append($0, now: 0, wallClock: UInt64(number + 1) * 1_000_000_000)
            }
        }
        try writer.flush()
        if seals { try writer.seal() }
    }

    private func history(_ actor: Int, task: Int = 1) -> StreamIdentifier {
        StreamIdentifier(lifetime: LifetimeIdentifier(task: task, repetition: 0), actor: actor)
    }

    /// An experiment of two actors; evaluations have two seeds of two episodes.
    private func makeRun() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("index-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let yaml = """
            name: interrupted
            environment: {size: 3, horizon: 2}
            tasks: {test: 1, train: 3}
            collect: {actors: 2}
            evaluate: {train_tasks: 1, seeds: 2, episodes: 2}
            """
        try Data(yaml.utf8).write(to: folder.appendingPathComponent("experiment.yaml"))
        return folder
    }

    @Test("of an interrupted run, attempts lie above the growing files' incarnations, and nothing unfinished counts")
    func interrupted() throws {
        let folder = try makeRun()
        defer { try? FileManager.default.removeItem(at: folder) }
        // Begun three times; its second actor had reached its end before the first.
        try write(history(0), split: .train, rewards: [0, 1], incarnation: 2 << 16 | 5, seals: false, in: folder)
        try write(history(1), split: .train, rewards: [0, 1], incarnation: 1 << 16, in: folder)
        // Only one of its two streams was ever begun.
        try write(history(0, task: 2), split: .train, rewards: [1], incarnation: 0, in: folder)
        // One of two seeds.
        let evaluated = LifetimeIdentifier(collection: .evaluation("step-00000007-test"), task: 0, repetition: 0)
        try write(StreamIdentifier(lifetime: evaluated, actor: 0), split: .test, rewards: [0, 1], in: folder)

        try RunIndex.restore(folder)
        let path = folder.appendingPathComponent("catalog.sqlite").path
        let ledger = try Ledger(path: path, mode: .read)
        let lifetimes = try ledger.lifetimes()
        #expect(lifetimes.map(\.attempt) == [3, 1])
        #expect(lifetimes.map(\.status) == [.running, .running])
        #expect(try ledger.evaluations().map(\.status) == [.running])
        #expect(try ledger.evaluationReturns().map(\.returns) == [[]])
        try ledger.close()
    }

    @Test("an attempt that the catalogue knows and no file shows is not given out again")
    func attemptsStay() throws {
        let folder = try makeRun()
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(history(0), split: .train, rewards: [0, 1], incarnation: 1 << 16, seals: false, in: folder)
        let path = folder.appendingPathComponent("catalog.sqlite").path
        let ledger = try Ledger(path: path, mode: .create)
        let known = LifetimeRecord(task: 1, repetition: 0, status: .running, learner: "l", attempt: 7, actors: 5)
        try ledger.save(LedgerBatch(lifetimes: [known]))
        try ledger.close()
        try RunIndex(folder: folder).write(into: folder)
        let reader = try Ledger(path: path, mode: .read)
        let lifetime = try #require(try reader.lifetimes().first)
        #expect(lifetime.attempt == 7 && lifetime.actors == 5 && lifetime.learner == "l")
        try reader.close()
    }

    @Test("a lifetime whose files are all gone is lived again, above the attempts that it has had")
    func filesGone() throws {
        let folder = try makeRun()
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(history(0), split: .train, rewards: [0, 1], in: folder)
        let ledger = try Ledger(path: folder.appendingPathComponent("catalog.sqlite").path, mode: .create)
        let gone = LifetimeRecord(
            task: 2, repetition: 0, status: .finished, learner: "l", attempt: 3, episodes: 40, actors: 5)
        try ledger.save(LedgerBatch(lifetimes: [gone]))
        try ledger.close()
        try RunIndex(folder: folder).write(into: folder)
        let reader = try Ledger(path: folder.appendingPathComponent("catalog.sqlite").path, mode: .read)
        let found = try #require(try reader.lifetimes().first { $0.task == 2 })
        #expect(found == LifetimeRecord(task: 2, repetition: 0, status: .queued, attempt: 3, actors: 5))
        #expect(try reader.lifetimes().count == 2)
        try reader.close()
    }

    @Test("a stream that its recorder gave up stays given up, and the others of its lifetime can end it")
    func quarantined() throws {
        let folder = try makeRun()
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(history(0), split: .train, rewards: [0, 1], in: folder)
        try write(history(1), split: .train, rewards: [0, 1], seals: false, in: folder)
        _ = StreamQuarantine.setAside(
            folder.appendingPathComponent(history(1).path).path, reason: "cut", nextSequence: 2, nextEpisode: 2)
        try RunIndex.restore(folder)
        let ledger = try Ledger(path: folder.appendingPathComponent("catalog.sqlite").path, mode: .read)
        #expect(try ledger.lifetimes().map(\.status) == [.finished])
        let lost = try #require(try ledger.streams().first { $0.integrity == .damaged })
        #expect(lost.stream == history(1) && lost.problem == "cut" && !lost.isSealed)
        try ledger.close()
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
        let streams = try ledger.streams()
        #expect(streams.count == 5)
        // The place of the file that is no stream says whose it was: nobody waits for it any more.
        let lost = try #require(streams.first { $0.stream == history(6) })
        #expect(!lost.isSealed && lost.integrity == .damaged && lost.problem?.isEmpty == false)
        #expect(streams.allSatisfy { $0 == lost || ($0.isSealed && $0.integrity == .sound) })
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

    @Test("sealed histories of a run are taken over into another, complete lifetimes alone, and count as collected")
    func takenOver() throws {
        let (from, folder) = (try makeRun(), try makeRun())
        defer { for folder in [from, folder] { try? FileManager.default.removeItem(at: folder) } }
        for actor in 0..<2 { try write(history(actor), split: .train, rewards: [0, 1], in: from) }
        try write(history(0, task: 2), split: .train, rewards: [1], in: from)
        try write(history(1, task: 2), split: .train, rewards: [1], seals: false, in: from)
        try RunIndex(folder: from).write(into: from)
        let source = try Ledger(path: from.appendingPathComponent("catalog.sqlite").path, mode: .resume)
        let entropy = MetricRecord(
            time: 1, source: "learner", name: "learner/mean_policy_entropy", step: 1, value: 0.5)
        try source.save(LedgerBatch(metrics: [entropy]))
        try source.close()

        let experiment = try Experiment(path: folder.appendingPathComponent("experiment.yaml").path)
        let taken = try TakenHistories(from: from, into: folder, of: experiment, softwareVersion: "1")
        #expect(taken.streams == 2 && taken.left == 1)
        let ledger = try Ledger(path: folder.appendingPathComponent("catalog.sqlite").path, mode: .read)
        #expect(try ledger.streams().map(\.stream) == [history(0), history(1)])
        #expect(try ledger.lifetimes().map(\.status) == [.finished])
        #expect(try ledger.metrics(named: entropy.name).map(\.value) == [0.5])
        #expect(try ledger.run()?.softwareVersion == "1")
        try ledger.close()
        // Both runs have it, and neither loses it with the other.
        try FileManager.default.removeItem(at: from.appendingPathComponent(history(0).path))
        #expect(
            try StreamContents(path: folder.appendingPathComponent(history(0).path).path).rows.rewards == [0, 0, 0, 1])
        // Again it does nothing.
        #expect(try TakenHistories(from: from, into: folder, of: experiment, softwareVersion: "1").streams == 0)
    }

    @Test("histories that were collected otherwise are refused with what differs") func takenOtherwise() throws {
        let (from, folder) = (try makeRun(), try makeRun())
        defer { for folder in [from, folder] { try? FileManager.default.removeItem(at: folder) } }
        let path = folder.appendingPathComponent("experiment.yaml").path
        let other = try Experiment(path: path, overrides: ["seed=3", "evaluate.seeds=1"])
        let error = try #require(throws: TakingError.self) {
            try TakenHistories(from: from, into: folder, of: other, softwareVersion: "1")
        }
        #expect(error.description.hasSuffix("were collected otherwise: there seed is 0, not 3"))
        let nowhere = folder.appendingPathComponent("nowhere")
        #expect(throws: TakingError.self) { try TakenHistories.check(nowhere, against: other) }
    }
}
