package import Environments
package import Experience

/// One lifetime in one process and in lockstep: its learner and all its actors, with nothing between them.
///
/// The same experiment on a cluster in lockstep gives the same rollouts, however many processes carry the actors:
/// `groups` divides them here as processes would. Belongs to one thread. What tests and benchmarks of a source
/// algorithm begin with.
package final class LocalLifetime {
    package let identifier: LifetimeIdentifier
    package let learner: any SourceLearner
    private let actors: [any SourceActor]
    private let collectors: [RolloutCollector]
    private let actorCount: Int
    private let rolloutLength: Int
    private var queue: RolloutQueue

    /// `groups`: how many collectors share the actors, in ascending order. Throws `SourceAlgorithmError` or
    /// `EnvironmentError` for settings that do not go together.
    package init(
        algorithm: SourceAlgorithm, tasks: any TaskDistribution, task: Task, repetition: Int, seed: UInt64, actors: Int,
        groups: Int = 1
    ) throws {
        precondition(actors > 0 && groups > 0 && groups <= actors, "every group has an actor")
        let identifier = LifetimeIdentifier(task: task.id, repetition: repetition)
        let learner = try algorithm.makeLearner(
            scene: try tasks.scene(of: task), seed: seed, task: task.id, repetition: repetition)
        let groups = try (0..<groups).map { group in
            let members = (group * actors / groups)..<((group + 1) * actors / groups)
            let keys = members.map { StreamKey(seed: seed, task: task.id, repetition: repetition, actor: $0) }
            let actor = try algorithm.makeActor(environment: tasks.environment, keys: keys)
            try learner.withActingParameters { try actor.load(parameters: $0) }
            let collector = try RolloutCollector(
                environment: try tasks.makeEnvironment(task: task, keys: keys), view: try tasks.view(of: task),
                actor: actor, lifetime: identifier, positions: members.map { ActorPosition(actor: $0) })
            return (actor: actor, collector: collector)
        }
        self.identifier = identifier
        self.learner = learner
        self.actors = groups.map(\.actor)
        collectors = groups.map(\.collector)
        actorCount = actors
        let needs = try algorithm.needs(environment: tasks.environment, actors: actors)
        rolloutLength = needs.rolloutLength
        queue = RolloutQueue(tasks.environment.rolloutLayout, needs: needs)
    }

    /// Whether every stream has ended.
    package var isDone: Bool { collectors.allSatisfy(\.isDone) }

    /// One rollout of every stream that has not ended, under the learner's present version: one batch a group.
    /// Throws `EnvironmentFailure`.
    package func collect(episodeLimit: UInt64) throws -> [RolloutBatch] {
        try collectors.map {
            try $0.collect(length: rolloutLength, policyVersion: learner.version, episodeLimit: episodeLimit)
        }
    }

    /// Ends a round that `collect` began: the updates that the learner wants by now, after which all actors act by its
    /// parameters. Throws as `SourceLearner.update` does.
    package func learn(from round: [RolloutBatch]) throws -> [UpdateReport] {
        for batch in round { queue.append(batch) }
        let outcome = try queue.learn(
            with: learner, actors: actorCount, roundSize: round.reduce(0) { $0 + $1.headers.count }, isOver: isDone)
        guard !outcome.updates.isEmpty else { return [] }
        try learner.withActingParameters { parameters in
            for actor in actors { try actor.load(parameters: parameters) }
        }
        return outcome.updates
    }
}
