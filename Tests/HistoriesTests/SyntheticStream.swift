import Environments
import Experience
import FoundationEssentials
import Histories
import TestSupport

/// A made-up stream that grows rollout by rollout, from a seed.
struct SyntheticStream {
    let metadata: StreamMetadata
    private(set) var rollouts: [(header: RolloutHeader, batch: RolloutBatch)] = []
    private var random: PhiloxSequence
    private var episode: UInt64 = 0
    private var isMidEpisode = false
    private var policyVersion: UInt64 = 0
    private(set) var incarnation: UInt64 = 1

    init(seed: UInt64, actor: Int = 0, task: Int = 3, split: Split = .train) {
        metadata = SyntheticStream.metadata(seed: seed, actor: actor, task: task, split: split)
        random = PhiloxSequence(
            Philox(StreamKey(seed: seed, task: task, repetition: 0, actor: actor)), purpose: .other)
    }

    static func metadata(seed: UInt64, actor: Int, task: Int, split: Split) -> StreamMetadata {
        StreamMetadata(
            softwareVersion: "0.1.0",
            environment: EnvironmentDescription(
                name: "made-up", observationSpace: .multiDiscrete(counts: [9, 9]), actionSpace: .discrete(count: 5),
                horizon: 20, json: #"{"horizon":20,"size":9}"#),
            task: Task(id: task, split: split, json: #"{"goal":[3,5],"name":"Größe"}"#), repetition: 0,
            sourceAlgorithm: "a3c", sourceJSON: #"{"discount":0.99}"#, actor: actor, seed: seed)
    }

    /// The carrier dies: the next rollout has a new incarnation and a new episode.
    mutating func reincarnate() {
        incarnation += 1 + UInt64.random(in: 0...2, using: &random)
        if isMidEpisode { episode += 1 }
        episode += UInt64.random(in: 0...1, using: &random)
        isMidEpisode = false
    }

    /// Makes the next rollout of `length` rows, at random 1 to 40.
    mutating func next(length: Int? = nil) -> (header: RolloutHeader, batch: RolloutBatch) {
        let length = length ?? Int.random(in: 1...40, using: &random)
        var batch = RolloutBatch(
            lifetime: LifetimeIdentifier(task: metadata.task.id, repetition: 0), headers: [], observations: [],
            actions: [], rewards: [], terminations: [], truncations: [], finalObservations: [])
        let firstEpisode = episode
        for _ in 0..<length {
            batch.observations += cell()
            batch.actions.append(UInt8.random(in: 0..<5, using: &random))
            batch.rewards.append(Float(Int.random(in: 0...3, using: &random)) / 2)
            let draw = Int.random(in: 0..<20, using: &random)
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
                actor: metadata.actor, incarnation: incarnation, sequence: UInt64(rollouts.count),
                policyVersion: policyVersion, firstEpisode: firstEpisode, length: length,
                finishedEpisodes: batch.finalObservations.count / 2, checksum: 0, isLast: false)
        ]
        batch.seal(RolloutLayout(observationBytes: 2, actionBytes: 1))
        policyVersion += UInt64.random(in: 0...1, using: &random)
        rollouts.append((batch.headers[0], batch))
        return rollouts[rollouts.count - 1]
    }

    private mutating func cell() -> [UInt8] {
        [UInt8.random(in: 0..<9, using: &random), UInt8.random(in: 0..<9, using: &random)]
    }

    /// All columns of the first `count` rollouts.
    func columns(_ count: Int) -> RolloutBatch {
        var all = RolloutBatch(
            lifetime: LifetimeIdentifier(task: metadata.task.id, repetition: 0), headers: [], observations: [],
            actions: [], rewards: [], terminations: [], truncations: [], finalObservations: [])
        for (header, batch) in rollouts.prefix(count) {
            all.headers.append(header)
            all.observations += batch.observations
            all.actions += batch.actions
            all.rewards += batch.rewards
            all.terminations += batch.terminations
            all.truncations += batch.truncations
            all.finalObservations += batch.finalObservations
        }
        return all
    }
}

extension StreamWriter {
    func append(
        _ rollout: (header: RolloutHeader, batch: RolloutBatch), now: UInt64 = 0
    ) throws {
        try rollout.batch.checked(against: metadata.environment.rolloutLayout, actors: .max).forEach {
            try append($0, now: now)
        }
    }
}

extension StreamContents {
    /// Whether this is exactly the first `count` rollouts of `stream`.
    func equals(_ stream: SyntheticStream, _ count: Int) -> Bool {
        let expected = stream.columns(count)
        return rollouts.count == count && rows[.observations] == expected.observations
            && rows[.actions] == expected.actions
            && rows.rewards == expected.rewards && rows[.terminations] == expected.terminations
            && rows[.truncations] == expected.truncations && rows[.finalObservations] == expected.finalObservations
            && zip(rollouts, expected.headers).allSatisfy {
                $0.sequence == $1.sequence && $0.length == UInt64($1.length) && $0.incarnation == $1.incarnation
                    && $0.policyVersion == $1.policyVersion && $0.firstEpisode == $1.firstEpisode
                    && $0.checksum == UInt64($1.checksum)
            }
    }
}

/// A folder that is removed with everything in it.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = "\(FileManager.default.temporaryDirectory.path)/distillery-\(UInt64.random(in: 0...UInt64.max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}

func copyFile(_ from: String, _ to: String) throws {
    try? FileManager.default.removeItem(atPath: to)
    try FileManager.default.copyItem(atPath: from, toPath: to)
}
