import Agents
import Environments
import Experience
import Settings
import Toys

/// When `ScheduledQ` has enough to learn from.
enum Schedule: String, Sendable, CaseIterable {
    /// Each rollout by itself, as it comes.
    case each
    /// Seven rollouts at a time, whoever they are of, and never the rest.
    case seven
    /// Fifty transitions, whatever number of rollouts they are.
    case fifty
    case nothing
}

struct ScheduledQSettings: SettingsGroup {
    var schedule = Schedule.each
    var rolloutLength = 4
    var waitingRollouts = 4

    static let entries: [Entry<ScheduledQSettings>] = [
        .key("schedule", \.schedule, .choice, "When there is enough to learn from."),
        .key("rollout_length", \.rolloutLength, .integer(1...100), "Steps of a rollout."),
        .key("waiting_rollouts", \.waitingRollouts, .integer(1...100), "Rollouts of an actor that may wait."),
    ]

    fileprivate var ofTutorial: TabularQSettings {
        var settings = TabularQSettings()
        settings.rolloutLength = rolloutLength
        return settings
    }
}

/// The tutorial's algorithm with another answer to the question what an update learns from.
enum ScheduledQ: SourceAlgorithmKind {
    static let name = "scheduled-q"
    static let summary = "Tabular Q-learning that has another schedule."

    static func needs(
        _ settings: ScheduledQSettings, environment: EnvironmentDescription, actors: Int
    ) throws -> LifetimeNeeds {
        var needs = try TabularQ.needs(settings.ofTutorial, environment: environment, actors: actors)
        needs.waitingRollouts = settings.waitingRollouts
        return needs
    }

    static func makeActor(
        _ settings: ScheduledQSettings, environment: EnvironmentDescription, keys: [StreamKey]
    ) throws -> any SourceActor {
        try TabularQ.makeActor(settings.ofTutorial, environment: environment, keys: keys)
    }

    static func makeLearner(
        _ settings: ScheduledQSettings, scene: Scene, seed: UInt64, task: Int, repetition: Int
    ) throws -> any SourceLearner {
        let learner = try TabularQ.makeLearner(
            settings.ofTutorial, scene: scene, seed: seed, task: task, repetition: repetition)
        return ScheduledQLearner(settings.schedule, learner)
    }
}

private final class ScheduledQLearner: SourceLearner {
    private let schedule: Schedule
    private let learner: any SourceLearner

    init(_ schedule: Schedule, _ learner: any SourceLearner) {
        self.schedule = schedule
        self.learner = learner
    }

    func rolloutsOfNextUpdate(_ waiting: WaitingRollouts) -> Int {
        switch schedule {
        case .each: return 1
        case .seven: return waiting.count >= 7 ? 7 : 0
        case .fifty:
            var rows = 0
            let last = waiting.rollouts.firstIndex { rollout in
                rows += rollout.rows
                return rows >= 50
            }
            return last.map { $0 + 1 } ?? (waiting.isOver ? waiting.count : 0)
        case .nothing: return 0
        }
    }

    var version: UInt64 { learner.version }
    var onProgress: (() -> Void)? {
        get { learner.onProgress }
        set { learner.onProgress = newValue }
    }
    func withActingParameters<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try learner.withActingParameters(body)
    }
    func update(_ batches: [RolloutBatch]) throws -> UpdateReport { try learner.update(batches) }
    func save() -> [UInt8] { learner.save() }
    func restore(_ bytes: [UInt8]) throws { try learner.restore(bytes) }
}
