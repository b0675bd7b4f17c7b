package import Environments
package import Experience
package import Foundation
import Histories

/// One actor's stream file as a recorder writes it, with made-up rows in episodes of 1 to 8 rows; it may die, be cut off,
/// begin anew and be sealed at any time. For environments with three actions or more whose observations are two numbers
/// of a byte, 0 to 2 among them.
package final class GrowingStream {
    package let path: String
    package let identifier: StreamIdentifier
    private let environment: EnvironmentDescription
    private let split: Split
    private let firstPolicyVersion: UInt64
    private var writer: StreamWriter?
    private var incarnation: UInt64 = 1
    private var episode: UInt64 = 0
    private var isMidEpisode = false
    package private(set) var isSealed = false
    /// Transitions that were acknowledged.
    package private(set) var durableRows = 0

    package init(
        in folder: URL, environment: EnvironmentDescription, task: Int, actor: Int = 0, split: Split = .train,
        firstPolicyVersion: UInt64 = 0, evaluation: String? = nil
    ) {
        let lifetime =
            evaluation.map { LifetimeIdentifier(evaluation: $0, task: task) }
            ?? LifetimeIdentifier(task: task, repetition: 0)
        identifier = StreamIdentifier(lifetime: lifetime, actor: actor)
        path = folder.appendingPathComponent(identifier.path).path
        self.split = split
        self.environment = environment
        self.firstPolicyVersion = firstPolicyVersion
    }

    private func opened() throws -> StreamWriter {
        if let writer { return writer }
        let opened = try StreamWriter.open(
            at: path,
            metadata: StreamMetadata(
                softwareVersion: "0.1.0", environment: environment,
                task: Task(id: identifier.lifetime.task, split: split, json: "{\"goal\":[1,2]}"), repetition: 0,
                sourceAlgorithm: identifier.lifetime.collection == .histories ? "a3c" : "distilled", sourceJSON: "{}",
                actor: identifier.actor, seed: 1,
                firstPolicyVersion: firstPolicyVersion))
        writer = opened
        return opened
    }

    /// Appends rollouts of random length, and makes them durable.
    package func record(rollouts: Int, using random: inout some RandomNumberGenerator) throws {
        let writer = try opened()
        for _ in 0..<rollouts {
            let batch = rollout(writer.nextSequence, using: &random)
            try batch.checked(against: environment.rolloutLayout, actors: .max).forEach {
                try writer.append($0, now: 0)
            }
        }
        try writer.flush()
        durableRows = writer.position.rows
    }

    private func rollout(_ sequence: UInt64, using random: inout some RandomNumberGenerator) -> RolloutBatch {
        let length = Int.random(in: 1...9, using: &random)
        var batch = RolloutBatch(
            lifetime: identifier.lifetime, headers: [], observations: [], actions: [], rewards: [], terminations: [],
            truncations: [], finalObservations: [])
        let first = episode
        func cell() -> [UInt8] { [UInt8.random(in: 0..<3, using: &random), UInt8.random(in: 0..<3, using: &random)] }
        for _ in 0..<length {
            batch.observations += cell()
            batch.actions.append(UInt8.random(in: 0..<3, using: &random))
            batch.rewards.append(Float.random(in: 0..<4, using: &random))
            let draw = Int.random(in: 0..<8, using: &random)
            batch.terminations.append(draw == 0 ? 1 : 0)
            batch.truncations.append(draw == 1 ? 1 : 0)
            isMidEpisode = draw > 1
            if draw <= 1 {
                batch.finalObservations += cell()
                episode += 1
            }
        }
        batch.headers = [
            RolloutHeader(
                actor: identifier.actor, incarnation: incarnation, sequence: sequence,
                policyVersion: firstPolicyVersion,
                firstEpisode: first, length: length, finishedEpisodes: batch.finalObservations.count / 2, checksum: 0,
                isLast: false)
        ]
        batch.seal(environment.rolloutLayout)
        return batch
    }

    /// The carrier dies: the next rollout is of another incarnation, and begins an episode.
    package func die() {
        incarnation += 1
        if isMidEpisode { episode += 1 }
        isMidEpisode = false
    }

    /// The recorder is restarted: it takes the file up where it is whole.
    package func restart() throws {
        try writer?.close()
        writer = nil
    }

    /// The machine loses the last rollouts that were not on its disk: the file is as it was at an earlier time.
    package func restore(_ bytes: Data, rows: Int) throws {
        try restart()
        try bytes.write(to: URL(fileURLWithPath: path))
        let position = try opened().position
        (episode, isMidEpisode, durableRows) = (position.episode, position.isMidEpisode, rows)
    }

    package func bytes() throws -> Data {
        try restart()
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// The lifetime is begun anew: what there was is set aside.
    package func beginAnew() throws {
        try restart()
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        try DiscardedStreams.setAside(folder, incarnation: incarnation, reason: "a test")
        incarnation += 1
        (episode, isMidEpisode, isSealed, durableRows) = (0, false, false, 0)
    }

    package func seal() throws {
        try opened().seal()
        writer = nil
        isSealed = true
    }
}
