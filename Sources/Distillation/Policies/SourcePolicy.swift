package import Agents
package import Environments
import Experience
package import Settings

/// A source algorithm that learns the task from scratch, with all its actors and its learner in the evaluator: what the
/// distilled model is to be compared with.
///
/// Each seed is a lifetime of its own, in lockstep; of each the first actor is what acts and is recorded.
package enum SourcePolicy: EvaluationPolicyKind {
    package static let name = "source"
    package static let summary = "The source algorithm, which learns the task from scratch."

    package struct Settings: SettingsGroup {
        package var source = SourceAlgorithm(RegisteredSourceAlgorithm(ActorCritic.self))
        /// Of each lifetime; as many as the histories' lifetimes have where an experiment names the policy.
        package var actors = 1

        package init() {}

        package init(source: SourceAlgorithm, actors: Int) {
            self.source = source
            self.actors = actors
        }

        package static let entries: [Entry<Settings>] = [
            .kinds(
                "source", \.source, of: RegisteredSourceAlgorithm.registry, key: "algorithm", "The source algorithm.",
                "What learns."),
            .key("actors", \.actors, .integer(1...100_000), "Actors that a lifetime learns from."),
        ]
    }

    package static func settings(besides source: SourceAlgorithm, actors: Int) -> Settings {
        Settings(source: source, actors: actors)
    }

    package static func check(_ settings: Settings, in distribution: any TaskDistribution) throws {
        _ = try settings.source.needs(environment: distribution.environment, actors: settings.actors)
    }

    package static func make(
        _ settings: Settings, _ parameters: Never?, on task: EvaluatedTask
    ) throws -> any EvaluationPolicy {
        LearningActions(
            try task.keys.indices.map { try LearningSeed(settings, task, seed: $0) },
            rolloutLength: try settings.source.needs(environment: task.environment, actors: settings.actors)
                .rolloutLength, environment: task.environment)
    }
}

/// One lifetime: the actor that is recorded, and the others with what they live.
private final class LearningSeed {
    /// Of one copy.
    let actor: any SourceActor
    let learner: any SourceLearner
    private let others: (actor: any SourceActor, collector: RolloutCollector)?
    private let actors: Int
    private var queue: RolloutQueue

    init(_ settings: SourcePolicy.Settings, _ task: EvaluatedTask, seed: Int) throws {
        let environment = task.environment
        let source = settings.source
        let key = task.keys[seed]
        actors = settings.actors
        actor = try source.makeActor(environment: environment, keys: [key])
        // The evaluation's name is in the key: the first parameters are not those of a recorded lifetime.
        let drawn = Philox(key).words(.initialisation, episode: 0, step: 0)
        learner = try source.makeLearner(
            scene: try task.distribution.scene(of: task.task), seed: UInt64(drawn.x) << 32 | UInt64(drawn.y),
            task: key.task, repetition: seed)
        queue = RolloutQueue(
            environment.rolloutLayout, needs: try source.needs(environment: environment, actors: actors))
        // Numbered behind the recorded actors of all seeds.
        let first = task.keys.count + seed * (actors - 1)
        let keys = (1..<actors).map {
            StreamKey(
                collection: key.collection, seed: key.seed, task: key.task, repetition: key.repetition,
                actor: first + $0 - 1)
        }
        if keys.isEmpty {
            others = nil
        } else {
            let actor = try source.makeActor(environment: environment, keys: keys)
            let lifetime = LifetimeIdentifier(
                collection: key.collection, task: key.task, repetition: key.repetition)
            others = (
                actor,
                try RolloutCollector(
                    environment: try task.distribution.makeEnvironment(task: task.task, keys: keys),
                    view: try task.distribution.view(of: task.task), actor: actor, lifetime: lifetime,
                    positions: keys.indices.map { ActorPosition(actor: $0 + 1) })
            )
        }
        try load()
    }

    private func load() throws {
        try learner.withActingParameters {
            try actor.load(parameters: $0)
            try others?.actor.load(parameters: $0)
        }
    }

    /// Lets the others live as long as the recorded one has, and learns from all of them.
    func learn(from rollout: RolloutBatch, length: Int) throws {
        var recorded = rollout
        for index in recorded.headers.indices { recorded.headers[index].actor = 0 }
        queue.append(recorded)
        if let others { queue.append(try others.collector.collect(length: length, policyVersion: learner.version)) }
        let outcome = try queue.learn(with: learner, actors: actors, roundSize: actors, isOver: false)
        if !outcome.updates.isEmpty { try load() }
    }
}

private final class LearningActions: EvaluationPolicy {
    var onProgress: (() -> Void)? {
        didSet { for seed in seeds { seed.learner.onProgress = onProgress } }
    }
    let seesStored: Bool
    private let seeds: [LearningSeed]
    private let length: Int
    private let layout: RolloutLayout
    private let widths: (observation: Int, action: Int)

    init(_ seeds: [LearningSeed], rolloutLength: Int, environment: EnvironmentDescription) {
        self.seeds = seeds
        length = rolloutLength
        layout = environment.rolloutLayout
        seesStored = seeds.first?.actor.seesStored ?? false
        let shown = seesStored ? environment.stored.space : environment.observationSpace
        widths = (shown.byteCount, environment.actionSpace.byteCount)
    }

    var count: Int { seeds.count }
    var rolloutLength: Int? { length }
    /// Of the seed that has been updated least: none of them ever falls.
    var version: UInt64 { seeds.map(\.learner.version).min() ?? 0 }

    func act(
        observations: UnsafeRawPointer, episodes: UnsafePointer<UInt64>, steps: UnsafePointer<UInt32>,
        actions: UnsafeMutableRawPointer
    ) {
        for seed in seeds.indices {
            seeds[seed].actor.act(
                observations: observations + seed * widths.observation, episodes: episodes + seed, steps: steps + seed,
                actions: actions + seed * widths.action)
        }
    }

    func receive(rewards: UnsafePointer<Float>) {
        for seed in seeds.indices { seeds[seed].actor.receive(rewards: rewards + seed) }
    }

    func learn(from batch: RolloutBatch) throws {
        for (place, header) in batch.headers.enumerated() where !header.isLast {
            try seeds[header.actor].learn(from: batch.rollouts(place..<(place + 1), layout), length: length)
            onProgress?()
        }
    }
}
