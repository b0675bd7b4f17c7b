package import Experience

/// One episode that a stream lived from its first step to its flag: the point of a learning curve.
package struct FinishedEpisode: Hashable, Sendable {
    package let actor: Int
    /// Number from 0 over the whole stream.
    package let episode: UInt64
    /// Sum of the rewards: the undiscounted return.
    package let totalReward: Double

    package init(actor: Int, episode: UInt64, totalReward: Double) {
        self.actor = actor
        self.episode = episode
        self.totalReward = totalReward
    }
}

/// Adds up the returns of episodes that may span several rollouts. Cut episodes, at a change of incarnation or at a gap
/// in the sequence numbers, have no return.
///
/// Kept by a learner for each of its lifetimes, and saved with it, so that a restored learner knows the episodes that
/// were running.
package struct EpisodeReturns: Sendable, Codable {
    private var streams: [Int: Stream] = [:]

    private struct Stream: Codable {
        var incarnation: UInt64
        var nextSequence: UInt64
        /// Rewards of the running episode so far; nil where its beginning was not seen.
        var running: Double?
    }

    package init() {}

    /// The episodes that `batches` finish, ordered by actor and sequence. A rollout that was added before is ignored,
    /// and so is one of an earlier incarnation than an actor's last.
    package mutating func add(_ batches: [RolloutBatch], _ layout: RolloutLayout) -> [FinishedEpisode] {
        var rollouts: [(header: RolloutHeader, rewards: [Float], ends: [Bool])] = []
        for batch in batches {
            batch.forEachRollout(layout) { header, rows in
                let bytes = rows[.rewards]
                let rewards = (0..<rows.length).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
                let ends = zip(rows[.terminations], rows[.truncations]).map { $0 | $1 != 0 }
                rollouts.append((header, rewards, ends))
            }
        }
        rollouts.sort {
            ($0.header.actor, $0.header.incarnation, $0.header.sequence)
                < ($1.header.actor, $1.header.incarnation, $1.header.sequence)
        }
        var finished: [FinishedEpisode] = []
        for rollout in rollouts { add(rollout.header, rollout.rewards, rollout.ends, to: &finished) }
        return finished
    }

    private mutating func add(
        _ header: RolloutHeader, _ rewards: [Float], _ ends: [Bool], to finished: inout [FinishedEpisode]
    ) {
        var stream = streams[header.actor] ?? Stream(incarnation: header.incarnation, nextSequence: 0, running: 0)
        guard
            header.incarnation > stream.incarnation
                || (header.incarnation == stream.incarnation && header.sequence >= stream.nextSequence)
        else { return }
        if header.incarnation != stream.incarnation {
            // An incarnation begins with an episode.
            stream.running = 0
        } else if header.sequence != stream.nextSequence {
            stream.running = nil
        }
        stream.incarnation = header.incarnation
        stream.nextSequence = header.sequence + 1
        var episode = header.firstEpisode
        for (reward, isEnd) in zip(rewards, ends) {
            stream.running = stream.running.map { $0 + Double(reward) }
            guard isEnd else { continue }
            if let total = stream.running {
                finished.append(FinishedEpisode(actor: header.actor, episode: episode, totalReward: total))
            }
            stream.running = 0
            episode += 1
        }
        streams[header.actor] = stream
    }
}
