package import Environments
package import Experience

/// Where a stream stands between two rollouts: what another process must know to carry it on.
package struct ActorPosition: Hashable, Sendable {
    package var actor: Int
    package var incarnation: UInt64
    /// Sequence number of the next rollout.
    package var sequence: UInt64
    /// Number of the running episode, from 0 over the whole stream.
    package var episode: UInt64
    /// Transitions that the running episode has had.
    package var step: UInt32
    /// The stream had ended before this collector took it up: nothing but an empty, marked last rollout is left.
    package var isEnded: Bool
    /// The stream has ended, and its marked last rollout was made.
    package var isDone: Bool

    package init(
        actor: Int, incarnation: UInt64 = 0, sequence: UInt64 = 0, episode: UInt64 = 0, step: UInt32 = 0,
        isEnded: Bool = false, isDone: Bool = false
    ) {
        self.actor = actor
        self.incarnation = incarnation
        self.sequence = sequence
        self.episode = episode
        self.step = step
        self.isEnded = isEnded
        self.isDone = isDone
    }
}

/// Steps the environments of some actors of one lifetime and cuts their experience into rollouts. Belongs to one
/// thread.
///
/// All streams step together: one call of the policy and one of the environment for all copies. `collect` makes a
/// rollout of each at once; `begin`, `advance` and `finish` do the same step by step, for a process that has messages
/// to answer in between. A rollout may begin and end in mid-episode, and hold several episodes.
package final class RolloutCollector {
    package let lifetime: LifetimeIdentifier
    /// Where each stream stands, in the order of the environment's copies.
    package private(set) var positions: [ActorPosition]
    private var environment: any Environment
    private let view: (any ObservationView)?
    /// (streams, observation bytes): what the actor sees, where that is not what is stored.
    private let seen = GrowingBuffer<UInt8>()
    private let actor: any StreamActor
    private let columns: RolloutColumns
    private var episodes: [UInt64]
    private var steps: [UInt32]
    /// Of the rollouts under way: steps to go, the limit, the episode each began in, and which streams take no part.
    private var stepsLeft = 0
    private var episodeLimit = UInt64.max
    private var firstEpisodes: [UInt64] = []
    private var wasDone: [Bool] = []

    /// - Parameters:
    ///   - view: what is seen of what `environment` shows, which `actor` is shown unless it asks for the other; nil where the
    ///     two are the same
    ///   - positions: one for each copy of `environment`, each at the beginning of an episode
    ///
    /// Throws `EnvironmentFailure`, as all that steps does: no rollout comes of it, and the collector is not used any
    /// more.
    package init(
        environment: any Environment, view: (any ObservationView)? = nil, actor: any StreamActor,
        lifetime: LifetimeIdentifier, positions: [ActorPosition]
    ) throws {
        precondition(
            environment.count == actor.count && actor.count == positions.count && positions.allSatisfy { $0.step == 0 },
            "one environment, one actor and one position at an episode's beginning for each stream")
        self.environment = environment
        self.view = actor.seesStored ? nil : view
        self.actor = actor
        self.lifetime = lifetime
        self.positions = positions
        columns = RolloutColumns(streams: positions.count, layout: environment.description.rolloutLayout)
        episodes = positions.map(\.episode)
        steps = positions.map { _ in 0 }
        if self.view != nil { seen.reserve(positions.count * environment.description.observationSpace.byteCount) }
        for index in positions.indices { try self.environment.reset(index, episode: positions[index].episode) }
    }

    /// Whether every stream has ended.
    package var isDone: Bool { positions.allSatisfy(\.isDone) }

    /// Takes `length` steps in every stream that has not ended and returns a rollout of each.
    ///
    /// A stream ends at the end of its first episode with which it has lived at least `episodeLimit` episodes; its
    /// last rollout is marked and may be shorter, or empty if the limit was reached when the call began. The batch is
    /// empty when all streams have ended.
    package func collect(length: Int, policyVersion: UInt64, episodeLimit: UInt64 = .max) throws -> RolloutBatch {
        begin(length: length, episodeLimit: episodeLimit)
        while try advance() {}
        return finish(policyVersion: policyVersion)
    }

    /// The streams of actors from this number on end with the episode that they are in: for a lifetime that is scaled
    /// down.
    package func retire(from actor: Int) {
        for index in positions.indices where positions[index].actor >= actor { positions[index].isEnded = true }
    }

    /// Begins what `collect` does at once: `advance` until it says no, then `finish`.
    package func begin(length: Int, episodeLimit: UInt64 = .max) {
        columns.clear(length: length)
        self.episodeLimit = episodeLimit
        stepsLeft = length
        firstEpisodes = episodes
        wasDone = positions.map(\.isDone)
        for index in positions.indices {
            guard steps[index] == 0 else { continue }
            if positions[index].isEnded || episodes[index] >= episodeLimit { positions[index].isDone = true }
        }
    }

    /// Takes one step in every stream. False when that was the last one, or when there was none to take.
    package func advance() throws -> Bool {
        guard stepsLeft > 0, !isDone else { return false }
        stepsLeft -= 1
        try step()
        return stepsLeft > 0 && !isDone
    }

    /// The rollouts that `begin` began, with headers and checksums; the positions move behind them.
    ///
    /// - Parameter policyVersion: the learner's version whose parameters chose all of these actions.
    package func finish(policyVersion: UInt64) -> RolloutBatch {
        var headers: [RolloutHeader] = []
        headers.reserveCapacity(positions.count)
        for index in positions.indices where !wasDone[index] {
            headers.append(
                RolloutHeader(
                    actor: positions[index].actor, incarnation: positions[index].incarnation,
                    sequence: positions[index].sequence, policyVersion: policyVersion,
                    firstEpisode: firstEpisodes[index], length: columns.lengths[index],
                    finishedEpisodes: columns.finals[index], checksum: 0, isLast: positions[index].isDone))
            positions[index].sequence += 1
            positions[index].episode = episodes[index]
            positions[index].step = steps[index]
        }
        return columns.makeBatch(lifetime: lifetime, headers: headers)
    }

    private func step() throws {
        environment.observe(into: columns.present(.observations))
        try act()
        let terminations = columns.present(.terminations).assumingMemoryBound(to: UInt8.self)
        let truncations = columns.present(.truncations).assumingMemoryBound(to: UInt8.self)
        columns.append { !positions[$0].isDone }
        for index in positions.indices {
            steps[index] += 1
            guard terminations[index] | truncations[index] != 0 else { continue }
            if !positions[index].isDone {
                environment.observe(index, into: columns.appendFinal(index))
                if positions[index].isEnded || episodes[index] + 1 >= episodeLimit { positions[index].isDone = true }
            }
            // A stream that has ended keeps stepping with the others, unrecorded: copies are stepped together.
            episodes[index] += 1
            steps[index] = 0
            try environment.reset(index, episode: episodes[index])
        }
    }

    /// What all copies show, as the actor sees it: (streams, observation bytes).
    private var seenObservations: UnsafeRawPointer {
        let stored = UnsafeRawPointer(columns.present(.observations))
        guard let view else { return stored }
        view.see(stored, count: positions.count, into: seen.base)
        return UnsafeRawPointer(seen.base)
    }

    /// One step of all copies, from what they show to what comes of it.
    private func act() throws {
        let rewards = columns.present(.rewards).assumingMemoryBound(to: Float.self)
        actor.act(
            observations: seenObservations, episodes: episodes, steps: steps,
            actions: columns.present(.actions))
        try environment.step(
            actions: columns.present(.actions), rewards: rewards,
            terminations: columns.present(.terminations).assumingMemoryBound(to: UInt8.self),
            truncations: columns.present(.truncations).assumingMemoryBound(to: UInt8.self))
        actor.receive(rewards: rewards)
    }
}
