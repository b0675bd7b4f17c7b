import Agents
package import Environments
import Experience
import Files
package import Settings

/// RL2: what a source algorithm with memory has learnt on trials of many tasks, with frozen parameters (paper, Table 6).
/// It learns a task in its memory, which lives through a trial as it did in training.
package enum LearntPolicy: EvaluationPolicyKind {
    package static let name = PolicyDescription.learnt
    package static let summary =
        "RL2: what the source algorithm has learnt on trials of many tasks, with frozen parameters."

    package struct Settings: SettingsGroup {
        package var temperature = 1.0

        package init() {}

        package init(temperature: Double) { self.temperature = temperature }

        package static let entries: [Entry<Settings>] = [
            .key(
                "temperature", \.temperature, .number(0, 1e6),
                "Temperature of the softmax that actions are drawn from; 0 takes the most probable one.")
        ]
    }

    /// As good as 0 among the logits of a float.
    private static let leastTemperature = 1e-6

    /// One lifetime has to know all tasks.
    package static func check(_ settings: Settings, in distribution: any TaskDistribution) throws {
        let count = distribution.ids(of: .train).count
        guard count == 1 else {
            throw PolicyError(
                "the policy \(name) is what one lifetime has learnt on many tasks: expected the environment "
                    + "\(TrialsTasks.name), whose lifetimes draw a task for each trial; "
                    + "\(distribution.environment.name) has \(count) train tasks with lifetimes of their own")
        }
    }

    /// Throws `FileError` for a checkpoint that is damaged, of another kind, or of another environment.
    package static func read(
        _ checkpoint: Checkpoint, of environment: EnvironmentDescription
    ) throws -> LearntPolicyCheckpoint {
        let learnt = try LearntPolicyCheckpoint(checkpoint)
        let trained = learnt.description.environment
        guard trained == environment else {
            throw FileError(
                "the policy was learnt on \(trained.name) \(trained.json); this run is on \(environment.name) "
                    + environment.json)
        }
        return learnt
    }

    package static func make(
        _ settings: Settings, _ parameters: LearntPolicyCheckpoint?, on task: EvaluatedTask
    ) throws -> any EvaluationPolicy {
        guard let learnt = parameters else {
            throw PolicyError("the policy \(name) acts by a checkpoint, and there is none")
        }
        do {
            let actor = try learnt.source.makeActor(environment: task.environment, keys: task.keys)
            try actor.setTemperature(max(leastTemperature, settings.temperature))
            try learnt.parameters.withUnsafeBufferPointer { try actor.load(parameters: $0) }
            return FrozenActions(actor, version: learnt.version)
        } catch let error as SourceAlgorithmError { throw PolicyError("\(error)") }
    }
}

private final class FrozenActions: EvaluationPolicy {
    var onProgress: (() -> Void)?
    let version: UInt64
    private let actor: any SourceActor

    init(_ actor: any SourceActor, version: UInt64) {
        self.actor = actor
        self.version = version
    }

    var count: Int { actor.count }
    var seesStored: Bool { actor.seesStored }

    func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) { actor.act(observations: observations, episodes: episodes, steps: steps, actions: actions) }

    func receive(rewards: UnsafePointer<Float>) { actor.receive(rewards: rewards) }
}
