import Agents
import Environments
import Experience
import TestSupport

/// Numbers for random tests; a failing test prints the seed.
struct Numbers: RandomNumberGenerator {
    private var sequence: PhiloxSequence
    init(seed: UInt32) { sequence = PhiloxSequence(Philox(key0: seed, key1: 0x5445_5354), purpose: .other) }
    mutating func next() -> UInt64 { sequence.next() }
}

/// An environment that exists only as a description.
func describe(components: [Int], actions: Int) -> EnvironmentDescription {
    EnvironmentDescription(
        name: "imagined", observationSpace: .multiDiscrete(counts: components), actionSpace: .discrete(count: actions),
        horizon: 10, json: "{}")
}

/// One rollout of random rows for each length; some end episodes, some are cut in mid-episode.
func randomRollouts(
    components: [Int], actions: Int, lengths: [Int], numbers: inout Numbers
) -> [[ReferenceActorCritic.Row]] {
    lengths.map { length in
        (0..<length).map { _ in
            var row = ReferenceActorCritic.Row(
                components: components.map { Int.random(in: 0..<$0, using: &numbers) },
                action: Int.random(in: 0..<actions, using: &numbers),
                reward: Double(Float.random(in: -1...2, using: &numbers)))
            let ending = Int.random(in: 0..<8, using: &numbers)
            row.terminated = ending == 0 || ending == 2
            row.truncated = ending == 1 || ending == 2
            if row.isEnd { row.final = components.map { Int.random(in: 0..<$0, using: &numbers) } }
            return row
        }
    }
}

/// The rollouts as they travel; rollout number i belongs to `actors[i]`, has sequence number `sequences[i]` and begins in
/// the episode `episodes[i]` of its stream.
func batch(
    _ rollouts: [[ReferenceActorCritic.Row]], actors: [Int], incarnation: UInt64 = 0, sequences: [UInt64]? = nil,
    episodes: [UInt64]? = nil, isLast: Bool = false
) -> RolloutBatch {
    let rows = rollouts.flatMap { $0 }
    var batch = RolloutBatch(
        lifetime: LifetimeIdentifier(task: 0, repetition: 0),
        headers: rollouts.indices.map { index in
            RolloutHeader(
                actor: actors[index], incarnation: incarnation, sequence: sequences?[index] ?? 0, policyVersion: 0,
                firstEpisode: episodes?[index] ?? 0, length: rollouts[index].count,
                finishedEpisodes: rollouts[index].filter(\.isEnd).count, checksum: 0, isLast: isLast)
        },
        observations: rows.flatMap { $0.components.map { UInt8($0) } }, actions: rows.map { UInt8($0.action) },
        rewards: rows.map { Float($0.reward) }, terminations: rows.map { $0.terminated ? 1 : 0 },
        truncations: rows.map { $0.truncated ? 1 : 0 },
        finalObservations: rows.flatMap { ($0.final ?? []).map { UInt8($0) } })
    if let width = rows.first?.components.count { batch.seal(RolloutLayout(observationBytes: width, actionBytes: 1)) }
    return batch
}
