import Environments

/// The rows of one episode of every seed, while it is played.
struct RolloutColumnsOfEpisode {
    private let seeds: Int
    private let observationBytes: Int
    private let actionBytes: Int
    /// (seeds) elements of the step at hand.
    let observation: UnsafeMutableRawPointer
    let action: UnsafeMutableRawPointer
    let reward: UnsafeMutablePointer<Float>
    let termination: UnsafeMutablePointer<UInt8>
    let truncation: UnsafeMutablePointer<UInt8>
    private let memory: Memory
    private var batches: [RolloutBatch]

    /// Frees the step's buffers with the last copy of the columns.
    private final class Memory {
        let pointers: [UnsafeMutableRawPointer]
        init(_ pointers: [UnsafeMutableRawPointer]) { self.pointers = pointers }
        deinit { for pointer in pointers { pointer.deallocate() } }
    }

    init(seeds: Int, environment: EnvironmentDescription) {
        self.seeds = seeds
        observationBytes = environment.observationSpace.byteCount
        actionBytes = environment.actionSpace.byteCount
        observation = .allocate(byteCount: seeds * observationBytes, alignment: 16)
        action = .allocate(byteCount: seeds * actionBytes, alignment: 16)
        reward = .allocate(capacity: seeds)
        termination = .allocate(capacity: seeds)
        truncation = .allocate(capacity: seeds)
        memory = Memory([
            observation, action, UnsafeMutableRawPointer(reward), UnsafeMutableRawPointer(termination),
            UnsafeMutableRawPointer(truncation),
        ])
        batches = []
        clear()
    }

    mutating func clear() {
        let empty = RolloutBatch(
            lifetime: LifetimeIdentifier(task: 0, repetition: 0), headers: [], observations: [], actions: [],
            rewards: [], terminations: [], truncations: [], finalObservations: [])
        batches = [RolloutBatch](repeating: empty, count: seeds)
    }

    func observe(_ write: (Int, UnsafeMutableRawPointer) -> Void) {
        for seed in 0..<seeds { write(seed, observation + seed * observationBytes) }
    }

    /// Keeps the step; true when it ended the episode.
    mutating func append(finalObservation: (Int, UnsafeMutableRawPointer) -> Void) -> Bool {
        var isOver = false
        for seed in 0..<seeds {
            batches[seed].observations.append(
                contentsOf: UnsafeRawBufferPointer(
                    start: observation + seed * observationBytes, count: observationBytes))
            batches[seed].actions.append(
                contentsOf: UnsafeRawBufferPointer(start: action + seed * actionBytes, count: actionBytes))
            batches[seed].rewards.append(reward[seed])
            batches[seed].terminations.append(termination[seed])
            batches[seed].truncations.append(truncation[seed])
            guard termination[seed] | truncation[seed] != 0 else { continue }
            isOver = true
            finalObservation(seed, observation + seed * observationBytes)
            batches[seed].finalObservations.append(
                contentsOf: UnsafeRawBufferPointer(
                    start: observation + seed * observationBytes, count: observationBytes))
        }
        return isOver
    }

    /// One rollout a seed: the episode.
    func pack(lifetime: LifetimeIdentifier, incarnation: UInt64, episode: UInt64, isLast: Bool) -> RolloutBatch {
        var whole = RolloutBatch(
            lifetime: lifetime, headers: [], observations: [], actions: [], rewards: [], terminations: [],
            truncations: [], finalObservations: [])
        for (seed, batch) in batches.enumerated() {
            whole.headers.append(
                RolloutHeader(
                    actor: seed, incarnation: incarnation, sequence: episode, policyVersion: 0,
                    firstEpisode: episode, length: batch.rewards.count,
                    finishedEpisodes: batch.finalObservations.count / max(1, observationBytes), checksum: 0,
                    isLast: isLast))
            whole.observations += batch.observations
            whole.actions += batch.actions
            whole.rewards += batch.rewards
            whole.terminations += batch.terminations
            whole.truncations += batch.truncations
            whole.finalObservations += batch.finalObservations
        }
        whole.seal(observationBytes: observationBytes, actionBytes: actionBytes)
        return whole
    }
}
