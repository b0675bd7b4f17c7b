import Glibc

/// Pulls arms by what the present episode has brought. Each stream's statistics begin anew with each of its episodes, so
/// that wherever a stream is taken up, which is between two episodes, nothing of them has to be known.
final class UCBActor: SourceActor {
    private let exploration: Double
    private let sampler: ActionSampler
    private let arms: Int
    /// (streams, arms): how often each arm was pulled, and the sum of what that brought.
    private var pulls: [Double]
    private var sums: [Double]
    /// (streams): the arm that was pulled last.
    private var last: [Int]
    /// (arms): the bounds of one stream.
    private var bounds: [Double]

    init(exploration: Double, sampler: ActionSampler) {
        self.exploration = exploration
        self.sampler = sampler
        arms = sampler.actions
        pulls = Array(repeating: 0, count: sampler.count * arms)
        sums = pulls
        last = Array(repeating: 0, count: sampler.count)
        bounds = Array(repeating: 0, count: arms)
    }

    var count: Int { sampler.count }

    /// The learner has nothing to say that changes what is pulled.
    func load(parameters: UnsafeBufferPointer<Float>) throws {
        guard parameters.count == UCBLearner.parameters.count else {
            throw SourceAlgorithmError(
                "expected \(UCBLearner.parameters.count) number from the learner of ucb, found \(parameters.count)")
        }
    }

    func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        for stream in 0..<count {
            if steps[stream] == 0 { forget(stream) }
            let highest = computeBounds(stream, trials: steps[stream])
            let word = sampler.word(stream, episode: episodes[stream], step: steps[stream])
            last[stream] = arm(at: highest, word)
            sampler.write(last[stream], stream, into: actions)
        }
    }

    func receive(rewards: UnsafePointer<Float>) {
        for stream in 0..<count {
            pulls[stream * arms + last[stream]] += 1
            sums[stream * arms + last[stream]] += Double(rewards[stream])
        }
    }

    private func forget(_ stream: Int) {
        for place in (stream * arms)..<((stream + 1) * arms) {
            pulls[place] = 0
            sums[place] = 0
        }
    }

    /// Fills `bounds` after so many trials, and gives the highest. An arm that was not pulled yet has no bound.
    private func computeBounds(_ stream: Int, trials: UInt32) -> Double {
        let scale = exploration * log(Double(trials))
        var highest = -Double.infinity
        for arm in 0..<arms {
            let pulled = pulls[stream * arms + arm]
            let bound =
                pulled == 0 ? .infinity : sums[stream * arms + arm] / pulled + (scale / pulled).squareRoot()
            bounds[arm] = bound
            highest = max(highest, bound)
        }
        return highest
    }

    /// One of the arms whose bound is `highest`, each with the same probability.
    private func arm(at highest: Double, _ word: UInt32) -> Int {
        var ties = 0
        for arm in 0..<arms where bounds[arm] == highest { ties += 1 }
        var skipped = Int((UInt64(word) * UInt64(ties)) >> 32)
        for arm in 0..<arms where bounds[arm] == highest {
            if skipped == 0 { return arm }
            skipped -= 1
        }
        return arms - 1
    }
}
