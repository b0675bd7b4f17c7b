import Agents
package import Environments
import Experience
package import Settings

/// Acts by what the environment declares to be optimal: the best that any policy can get, as it looks when it is lived.
package enum OptimalPolicy: EvaluationPolicyKind {
    package static let name = "optimum"
    package static let summary = "What the environment declares to be optimal; it knows what the task hides."

    package struct Settings: SettingsGroup {
        package init() {}
        package static let entries: [Entry<Settings>] = []
    }

    package static func check(_ settings: Settings, in distribution: any TaskDistribution) throws {
        guard let id = (distribution.ids(of: .test) + distribution.ids(of: .train)).first else { return }
        let key = StreamKey(seed: 0, task: id, repetition: 0, actor: 0)
        _ = try solved(try distribution.makeEnvironment(task: try distribution.task(id), keys: [key]))
    }

    package static func make(
        _ settings: Settings, _ parameters: Never?, on task: EvaluatedTask
    ) throws -> any EvaluationPolicy {
        OptimalActions(try solved(try task.distribution.makeEnvironment(task: task.task, keys: task.keys)))
    }

    /// Throws `PolicyError` where the environment does not say what is optimal.
    private static func solved(_ environment: any Environment) throws -> any SolvedEnvironment {
        guard let solved = environment as? any SolvedEnvironment else {
            throw PolicyError(
                "\(environment.description.name) declares no optimal actions, so the policy \(name) cannot act in it; "
                    + "leave it out")
        }
        return solved
    }
}

/// A second copy of everything lives the same lives beside the one that is recorded: given the same keys and actions it
/// stands where that one does.
private final class OptimalActions: EvaluationPolicy {
    var onProgress: (() -> Void)?
    private var twin: any SolvedEnvironment
    private var rewards: [Float]
    private var terminations: [UInt8]
    private var truncations: [UInt8]
    /// Why the second copy cannot go on.
    private var failure: (any Error)?

    init(_ twin: any SolvedEnvironment) {
        self.twin = twin
        rewards = Array(repeating: 0, count: twin.count)
        terminations = Array(repeating: 0, count: twin.count)
        truncations = terminations
    }

    var count: Int { twin.count }

    func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        // Of a copy that cannot go on nothing is recorded; what it does until then is to lie in the action space.
        actions.initializeMemory(
            as: UInt8.self, repeating: 0, count: count * twin.description.actionSpace.byteCount)
        guard failure == nil else { return }
        do {
            for copy in 0..<count where steps[copy] == 0 { try twin.reset(copy, episode: episodes[copy]) }
            twin.chooseOptimally(into: actions)
            try twin.step(
                actions: actions, rewards: &rewards, terminations: &terminations, truncations: &truncations)
        } catch { failure = error }
    }

    /// Throws `EnvironmentFailure` where the second copy could not go on in these rollouts.
    func learn(from batch: RolloutBatch) throws {
        if let failure { throw failure }
    }

    func receive(rewards: UnsafePointer<Float>) {}
}
