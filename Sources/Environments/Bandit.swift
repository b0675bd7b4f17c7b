import Experience
package import Settings

/// Arms of a bandit, and how often one of them may be pulled in a life.
package struct BanditSettings: SettingsGroup {
    package var arms = 10
    /// Pulls of a life, which is one episode.
    package var trials = 100

    package init() {}

    package init(arms: Int = 10, trials: Int = 100) {
        self.arms = arms
        self.trials = trials
    }

    package static let entries: [Entry<BanditSettings>] = [
        .key("arms", \.arms, .integer(2...256), stated: true, "Arms, numbered from 0."),
        .key("trials", \.trials, .integer(1...10_000), stated: true, "Pulls of a life, which is one episode."),
    ]
}

/// Copies of a bandit: an arm pays 1 with the probability that is its mean, otherwise nothing, and nothing is seen.
///
/// Whether a trial pays is one number for all arms, drawn from the stream's key, the episode and the trial: an arm pays
/// where the number is below its mean. So a better arm pays wherever a worse one would have.
struct Bandit: SolvedEnvironment {
    let description: EnvironmentDescription
    private let trials: Int
    /// (arms)
    private let means: [Float]
    private let generators: [Philox]
    private var episodes: [UInt64]
    private var steps: [Int]

    init(description: EnvironmentDescription, trials: Int, means: [Float], keys: [StreamKey]) {
        self.description = description
        self.trials = trials
        self.means = means
        generators = keys.map { Philox($0) }
        episodes = Array(repeating: 0, count: keys.count)
        steps = Array(repeating: 0, count: keys.count)
    }

    var count: Int { generators.count }

    mutating func reset(_ index: Int, episode: UInt64) {
        episodes[index] = episode
        steps[index] = 0
    }

    /// Writes a 0: every moment looks the same.
    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) {
        observation.storeBytes(of: 0, as: UInt8.self)
    }

    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) {
        let arms = actions.assumingMemoryBound(to: UInt8.self)
        for index in 0..<count {
            precondition(
                steps[index] < trials, "copy \(index) of \(description.name) must be reset before its next step")
            let drawn = generators[index].uniform(
                .environment, episode: episodes[index], step: UInt32(truncatingIfNeeded: steps[index]))
            rewards[index] = drawn < means[Int(arms[index])] ? 1 : 0
            steps[index] += 1
            terminations[index] = 0
            truncations[index] = steps[index] == trials ? 1 : 0
        }
    }

    /// The arm of the highest mean.
    func chooseOptimally(into actions: UnsafeMutableRawPointer) {
        let best = means.indices.max { means[$0] < means[$1] } ?? 0
        for index in 0..<count {
            actions.storeBytes(of: UInt8(truncatingIfNeeded: best), toByteOffset: index, as: UInt8.self)
        }
    }
}
