import Agents
package import Environments
import Experience
import Files
import Foundation
import Histories
package import Models
package import Settings

/// The distilled model in context, with frozen weights: what it learns it learns in its context alone.
package enum DistilledPolicy: EvaluationPolicyKind {
    package static let name = "distilled"
    package static let summary = "The distilled model in context, with frozen weights."

    package struct Settings: SettingsGroup {
        /// Divides the logits of the softmax that actions are drawn from; 0 takes the most probable one.
        package var temperature = 1.0
        /// What becomes of the context where an episode begins.
        package var context = Context.kept
        /// How many of the oldest transitions leave a full context together, at most half of it.
        package var slide = 1
        /// A stream whose rows every copy is shown before its first step: below the run's folder, or a full path.
        package var prompt: String?
        /// Rows of it that are shown: from this one on, so many at most.
        package var promptFrom = 0
        package var promptTransitions = 1000

        package init() {}

        package init(temperature: Double, context: Context = .kept, slide: Int = 1) {
            self.temperature = temperature
            self.context = context
            self.slide = slide
        }

        package enum Context: String, Sendable, CaseIterable {
            case kept
            /// The control: every episode begins with nothing.
            case cleared
        }

        package static let entries: [Entry<Settings>] = [
            .key(
                "temperature", \.temperature, .number(0, 1e6),
                "Temperature of the softmax that actions are drawn from; 0 takes the most probable one."),
            .key("context", \.context, .choice, "Whether the context lives through episodes, or is cleared at each."),
            .key(
                "slide", \.slide, .integer(1...1_000_000),
                "How many of the oldest transitions leave a full context together, at most half of it."),
            .key(
                "prompt", \.prompt, .optional(.text("path of a stream file"), "none"),
                "A stream whose rows are in the context before the first step."),
            .key("prompt_from", \.promptFrom, .integer(atLeast: 0), "The first row of the prompt that is shown."),
            .key(
                "prompt_transitions", \.promptTransitions, .integer(1...1_000_000),
                "Rows of the prompt that are shown at most."),
        ]

        package func contradictions() -> [Contradiction] {
            guard prompt != nil, context == .cleared else { return [] }
            return [Contradiction(["prompt", "context"], "a context that is cleared at every episode keeps no prompt")]
        }
    }

    /// Throws `FileError` for a checkpoint of another environment than `environment`.
    package static func read(
        _ checkpoint: Checkpoint, of environment: EnvironmentDescription
    ) throws -> any SequenceModel {
        let trained = try checkpoint.configuration().description.environment
        guard trained == environment else {
            throw FileError(
                "the checkpoint was trained on \(trained.name) \(trained.json); this run is on \(environment.name) "
                    + environment.json)
        }
        return try checkpoint.makeModel()
    }

    package static func make(
        _ settings: Settings, _ parameters: (any SequenceModel)?, on task: EvaluatedTask
    ) throws -> any EvaluationPolicy {
        guard let parameters else { throw PolicyError("the policy \(name) acts by a checkpoint, and there is none") }
        let policy = try InContextPolicy(
            model: parameters, keys: task.keys,
            settings: InContextPolicy.Settings(temperature: settings.temperature, slide: settings.slide))
        if let prompt = settings.prompt {
            let path = prompt.hasPrefix("/") ? prompt : "\(task.folder)/\(prompt)"
            try policy.show(try StreamContents(path: path), settings, in: task.environment)
        }
        return InContextActions(policy, clearsContext: settings.context == .cleared)
    }
}

extension InContextPolicy {
    /// Shows every copy the same rows. Throws `PolicyError` for a stream of other spaces.
    fileprivate func show(
        _ stream: StreamContents, _ settings: DistilledPolicy.Settings, in environment: EnvironmentDescription
    ) throws {
        let recorded = stream.metadata.environment
        guard recorded.observationSpace == environment.observationSpace, recorded.actionSpace == environment.actionSpace
        else { throw PolicyError("the prompt \(stream.path) is of \(recorded.name), not of \(environment.name)") }
        let rows = stream.rows
        for (column, space) in [
            (RolloutColumn.observations, recorded.stored.space), (.actions, recorded.actionSpace),
        ] {
            if let row = rows[column].withUnsafeBytes({ space.firstOutside($0) }) {
                throw PolicyError("the prompt \(stream.path) has \(column.name) outside their space in row \(row)")
            }
        }
        let view = try stream.metadata.makeView()
        func element(_ column: RolloutColumn, _ row: Int, _ space: Space) -> [UInt8] {
            Array(rows[column][(row * space.byteCount)..<((row + 1) * space.byteCount)])
        }
        func observation(_ row: Int) -> [UInt8] {
            let stored = element(.observations, row, recorded.stored.space)
            guard let view else { return stored }
            var seen = [UInt8](repeating: 0, count: recorded.observationSpace.byteCount)
            view.see(stored, count: 1, into: &seen)
            return seen
        }
        func everywhere(_ element: [UInt8]) -> [UInt8] { Array(repeating: element, count: count).flatMap { $0 } }
        for row in rows.rewards.indices.dropFirst(settings.promptFrom).prefix(settings.promptTransitions) {
            show(
                observations: everywhere(observation(row)),
                actions: everywhere(element(.actions, row, recorded.actionSpace)),
                rewards: Array(repeating: rows.rewards[row], count: count))
        }
    }
}

private final class InContextActions: EvaluationPolicy {
    private let policy: InContextPolicy
    private let clearsContext: Bool

    init(_ policy: InContextPolicy, clearsContext: Bool) {
        self.policy = policy
        self.clearsContext = clearsContext
    }

    var count: Int { policy.count }
    var onProgress: (() -> Void)? {
        get { policy.onProgress }
        set { policy.onProgress = newValue }
    }

    func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        if clearsContext { for copy in 0..<count where steps[copy] == 0 { policy.clear(copy) } }
        policy.act(observations: observations, actions: actions)
    }

    func receive(rewards: UnsafePointer<Float>) { policy.record(rewards: rewards) }
}
