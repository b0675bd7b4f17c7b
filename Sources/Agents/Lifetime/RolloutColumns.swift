import Experience

/// Memory for the rows of the streams of one process while a rollout is under way: (streams, length) of each column.
final class RolloutColumns {
    /// What the environments show and get in one step: (streams) of each.
    let observation: UnsafeMutableRawPointer
    let action: UnsafeMutableRawPointer
    let reward: UnsafeMutablePointer<Float>
    let termination: UnsafeMutablePointer<UInt8>
    let truncation: UnsafeMutablePointer<UInt8>
    /// Rows and final observations of each stream so far.
    private(set) var lengths: [Int]
    private(set) var finals: [Int]

    private let streams: Int
    private let observationBytes: Int
    private let actionBytes: Int
    private var stride = 0
    private let observations = GrowingBuffer<UInt8>()
    private let actions = GrowingBuffer<UInt8>()
    private let rewards = GrowingBuffer<Float>()
    private let terminations = GrowingBuffer<UInt8>()
    private let truncations = GrowingBuffer<UInt8>()
    private let finalObservations = GrowingBuffer<UInt8>()

    init(streams: Int, observationBytes: Int, actionBytes: Int) {
        self.streams = streams
        self.observationBytes = observationBytes
        self.actionBytes = actionBytes
        observation = .allocate(byteCount: max(1, streams * observationBytes), alignment: 16)
        action = .allocate(byteCount: max(1, streams * actionBytes), alignment: 16)
        reward = .allocate(capacity: max(1, streams))
        termination = .allocate(capacity: max(1, streams))
        truncation = .allocate(capacity: max(1, streams))
        lengths = Array(repeating: 0, count: streams)
        finals = lengths
    }

    deinit {
        observation.deallocate()
        action.deallocate()
        reward.deallocate()
        termination.deallocate()
        truncation.deallocate()
    }

    /// Begins rollouts of at most `length` rows.
    func clear(length: Int) {
        stride = length
        for index in 0..<streams {
            lengths[index] = 0
            finals[index] = 0
        }
        let rows = streams * length
        observations.reserve(rows * observationBytes)
        finalObservations.reserve(rows * observationBytes)
        actions.reserve(rows * actionBytes)
        rewards.reserve(rows)
        terminations.reserve(rows)
        truncations.reserve(rows)
    }

    /// Appends the current step of stream `index` to its rows.
    @inline(__always)
    func append(_ index: Int) {
        let row = index * stride + lengths[index]
        UnsafeMutableRawPointer(observations.base + row * observationBytes)
            .copyMemory(from: observation + index * observationBytes, byteCount: observationBytes)
        UnsafeMutableRawPointer(actions.base + row * actionBytes)
            .copyMemory(from: action + index * actionBytes, byteCount: actionBytes)
        rewards.base[row] = reward[index]
        terminations.base[row] = termination[index]
        truncations.base[row] = truncation[index]
        lengths[index] += 1
    }

    /// Room for the final observation of the episode that has just ended in stream `index`.
    func appendFinal(_ index: Int) -> UnsafeMutableRawPointer {
        finals[index] += 1
        return UnsafeMutableRawPointer(
            finalObservations.base + (index * stride + finals[index] - 1) * observationBytes)
    }

    /// The rows as one batch with their checksums; streams without a row and without a header leave nothing.
    func makeBatch(lifetime: LifetimeIdentifier, headers: [RolloutHeader]) -> RolloutBatch {
        var batch = RolloutBatch(
            lifetime: lifetime, headers: headers, observations: gather(observations.base, observationBytes, lengths),
            actions: gather(actions.base, actionBytes, lengths), rewards: gather(rewards.base, 1, lengths),
            terminations: gather(terminations.base, 1, lengths), truncations: gather(truncations.base, 1, lengths),
            finalObservations: gather(finalObservations.base, observationBytes, finals))
        batch.seal(observationBytes: observationBytes, actionBytes: actionBytes)
        return batch
    }

    /// The first `counts[index]` elements, of `width` numbers each, of every stream's part of a column.
    private func gather<Number: BitwiseCopyable>(
        _ column: UnsafeMutablePointer<Number>, _ width: Int, _ counts: [Int]
    ) -> [Number] {
        let total = counts.reduce(0, +) * width
        return Array(unsafeUninitializedCapacity: total) { target, count in
            count = total
            guard var next = target.baseAddress else { return }
            for index in 0..<streams {
                next.update(from: column + index * stride * width, count: counts[index] * width)
                next += counts[index] * width
            }
        }
    }
}
