import Agents
package import Environments
import Experience
import Files
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
        /// The stream, below the run's folder, whose rows every copy is shown before its first step; they come with the
        /// task (`EvaluatedTask.prompt`).
        package var prompt: String?
        /// Which of its rows these are: so many from this one on.
        package var promptFrom = 0
        package var promptTransitions = 1000
        /// The share of the task's optimum that was asked for when the rows were chosen, and the mean return of their
        /// episodes; nil where they were named.
        package var promptQuality: Double?
        package var promptReturn: Double?

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
                "prompt_transitions", \.promptTransitions, .integer(1...PromptRows.mostRows),
                "Rows of the prompt that are shown."),
            .key(
                "prompt_quality", \.promptQuality, .optional(.number(0, 1), "none"),
                "The share of the optimum that was asked for when the prompt was chosen."),
            .key(
                "prompt_return", \.promptReturn, .optional(.number(-1e300, 1e300), "none"),
                "Mean return of the prompt's episodes."),
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
            guard let rows = task.prompt else { throw PolicyError("the rows of the prompt \(prompt) did not come") }
            try policy.show(rows, called: prompt, on: task)
        }
        return InContextActions(policy, clearsContext: settings.context == .cleared)
    }
}

extension InContextPolicy {
    /// Shows every copy the same rows. Throws `PolicyError` for rows that are not of the task's spaces, and
    /// `EnvironmentError` where it cannot be said how its observations are seen.
    fileprivate func show(_ rows: PromptRows, called name: String, on task: EvaluatedTask) throws {
        let (stored, action) = (task.environment.stored.space, task.environment.actionSpace)
        for (what, column, space) in [("observations", rows.observations, stored), ("actions", rows.actions, action)] {
            guard column.count == rows.count * space.byteCount else {
                throw PolicyError("the prompt \(name) has \(rows.count) rewards and \(column.count) bytes of \(what)")
            }
            if let row = column.withUnsafeBytes({ space.firstOutside($0) }) {
                throw PolicyError("the prompt \(name) has \(what) outside their space in row \(row)")
            }
        }
        let view = try task.distribution.view(of: task.task)
        func everywhere(_ element: [UInt8]) -> [UInt8] { Array(repeating: element, count: count).flatMap { $0 } }
        func element(_ column: [UInt8], _ row: Int, _ space: Space) -> [UInt8] {
            Array(column[(row * space.byteCount)..<((row + 1) * space.byteCount)])
        }
        func observation(_ row: Int) -> [UInt8] {
            let stored = element(rows.observations, row, stored)
            guard let view else { return stored }
            var seen = [UInt8](repeating: 0, count: task.environment.observationSpace.byteCount)
            view.see(stored, count: 1, into: &seen)
            return seen
        }
        for row in 0..<rows.count {
            show(
                observations: everywhere(observation(row)), actions: everywhere(element(rows.actions, row, action)),
                rewards: Array(repeating: rows.rewards[row], count: count))
        }
    }
}

extension Chosen where Kind == RegisteredPolicy {
    /// The distilled model's policy with a stretch as its prompt, which stands in its settings; any other as it is.
    /// `quality`: what was asked for.
    package func prompted(by stretch: PromptStretch, asked quality: Double) -> Self {
        guard var settings = settings as? DistilledPolicy.Settings else { return self }
        settings.prompt = stretch.stream
        settings.promptFrom = stretch.rows.lowerBound
        settings.promptTransitions = stretch.rows.count
        settings.promptQuality = quality
        settings.promptReturn = stretch.meanReturn
        return Self(DistilledPolicy.self, settings)
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
