import Cluster
import Environments
import Experiments
import Foundation
import Histories
import Simulation
import Testing
import Transport

extension SimulatedCluster {
    var lifetimes: Set<LifetimeIdentifier> { journal.ended }

    /// Everything that is promised of a run that has come to its end.
    func checkEnd(_ seed: UInt64, faultsAllowed: Bool = false) throws {
        let seed: Comment = "DISTILLERY_TEST_SEED=\(seed)"
        try #require(isFinished, "after \(seconds) s: \(coordinator.status(now: clock.now)); \(seed)")
        #expect(coordinator.failure.isEmpty, seed)
        #expect(faultsAllowed || faults.isEmpty, "\(faults); \(seed)")
        let whole = journal.ended
        #expect(whole.count == context.experiment.trainTasks(of: context.distribution).count, seed)
        for lifetime in whole {
            // Of an elastic lifetime's actors some may never have come to a rollout.
            for actor in 0..<context.experiment.recordedActors where !context.experiment.collect.elastic {
                #expect(journal.sealed[StreamIdentifier(lifetime: lifetime, actor: actor)] != nil, seed)
            }
        }
        for file in try StreamFolder(path: folder).files { try check(file, seed) }
        for (stream, next) in acknowledged where next > 0 {
            #expect(FileManager.default.fileExists(atPath: "\(folder)/\(stream.path)"), seed)
        }
    }

    private func check(_ file: String, _ seed: Comment) throws {
        let verification = StreamVerification(path: file)
        #expect(verification.isSound && verification.isSealed, "\(file): \(verification.problems); \(seed)")
        let replay = StreamReplay(path: file)
        #expect(replay.isSound, "\(file): \(replay.difference ?? replay.problem ?? ""); \(seed)")
        let contents = try StreamContents(path: file)
        let stream = contents.metadata.identifier
        #expect(UInt64(contents.rollouts.count) >= acknowledged[stream] ?? 0 || isMarkedTwice(contents, stream), seed)
        for (index, record) in contents.rollouts.enumerated() {
            #expect(record.sequence == UInt64(index), seed)
            #expect(brought[stream]?[record.sequence]?.contains(UInt32(record.checksum)) == true, seed)
        }
        #expect(journal.sealed[stream]?.rollouts == UInt64(contents.rollouts.count), "\(file); \(seed)")
        #expect(journal.sealed[stream]?.rows == UInt64(contents.rows.rewards.count), seed)
    }

    /// The carrier that sealed the stream died; the next one's mark needs no row, but is acknowledged.
    private func isMarkedTwice(_ contents: StreamContents, _ stream: StreamIdentifier) -> Bool {
        let first = UInt64(contents.rollouts.count)
        return (first..<(acknowledged[stream] ?? 0)).allSatisfy { brought[stream]?[$0]?.count == 1 }
    }

    /// What a lockstep experiment determines, by the stream's path: everything but incarnations and the wall clock.
    func dataset() throws -> [String: StreamData] { try readDataset(folder) }
}

/// The content of one stream without what may differ between two runs of the same experiment.
struct StreamData: Equatable {
    let rows: StreamRows
    let rollouts: [RolloutRecord]
}

func readDataset(_ folder: String) throws -> [String: StreamData] {
    var dataset: [String: StreamData] = [:]
    for file in try StreamFolder(path: folder).files {
        let contents = try StreamContents(path: file)
        let rollouts = contents.rollouts.map { record in
            var record = record
            record.incarnation = 0
            record.wallClock = 0
            return record
        }
        dataset[String(file.dropFirst(folder.count))] = StreamData(rows: contents.rows, rollouts: rollouts)
    }
    return dataset
}

extension StreamMetadata {
    var identifier: StreamIdentifier {
        StreamIdentifier(lifetime: LifetimeIdentifier(task: task.id, repetition: repetition), actor: actor)
    }
}
