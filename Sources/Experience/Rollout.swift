/// One contiguous piece of a stream: where it belongs and how many rows it has.
package struct RolloutHeader: Hashable, Sendable {
    package var actor: Int
    package var incarnation: UInt64
    /// Position in the stream in rollouts, from 0 without holes.
    package var sequence: UInt64
    /// The learner's update count whose parameters chose the actions.
    package var policyVersion: UInt64
    /// Number of the episode that the first row belongs to, from 0 over the whole stream.
    package var firstEpisode: UInt64
    /// Transitions; 0 only in the marker that ends a stream at an episode's end.
    package var length: Int
    /// Rows at which an episode ended, each with one final observation.
    package var finishedEpisodes: Int
    /// CRC-32C of the rows, see `RolloutBatch.checksum`.
    package var checksum: UInt32
    /// Nothing follows in this stream.
    package var isLast: Bool

    package init(
        actor: Int, incarnation: UInt64, sequence: UInt64, policyVersion: UInt64, firstEpisode: UInt64, length: Int,
        finishedEpisodes: Int, checksum: UInt32, isLast: Bool
    ) {
        self.actor = actor
        self.incarnation = incarnation
        self.sequence = sequence
        self.policyVersion = policyVersion
        self.firstEpisode = firstEpisode
        self.length = length
        self.finishedEpisodes = finishedEpisodes
        self.checksum = checksum
        self.isLast = isLast
    }
}

/// Rollouts of several actors of one lifetime, column by column: the unit that travels and that is learnt from.
///
/// Row n of a column belongs to the rollout whose rows begin at the sum of the lengths before it.
package struct RolloutBatch: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    package var headers: [RolloutHeader]
    /// (N, observation bytes) with N the sum of all lengths.
    package var observations: [UInt8]
    /// (N, action bytes)
    package var actions: [UInt8]
    /// (N)
    package var rewards: [Float]
    /// (N), 0 or 1
    package var terminations: [UInt8]
    /// (N), 0 or 1
    package var truncations: [UInt8]
    /// (E, observation bytes) with E the sum of all finished episodes.
    package var finalObservations: [UInt8]

    package init(
        lifetime: LifetimeIdentifier, headers: [RolloutHeader], observations: [UInt8], actions: [UInt8],
        rewards: [Float], terminations: [UInt8], truncations: [UInt8], finalObservations: [UInt8]
    ) {
        self.lifetime = lifetime
        self.headers = headers
        self.observations = observations
        self.actions = actions
        self.rewards = rewards
        self.terminations = terminations
        self.truncations = truncations
        self.finalObservations = finalObservations
    }

    /// Rows of all rollouts together.
    package var rowCount: Int { headers.reduce(0) { $0 + $1.length } }
}

/// Pointers to the rows of one rollout inside its batch; valid only inside the call that lends it.
package struct RolloutRows {
    package let length: Int
    package let finishedEpisodes: Int
    package let observations: UnsafeRawBufferPointer
    package let actions: UnsafeRawBufferPointer
    package let rewards: UnsafeRawBufferPointer
    package let terminations: UnsafeRawBufferPointer
    package let truncations: UnsafeRawBufferPointer
    package let finalObservations: UnsafeRawBufferPointer

    package init(
        length: Int, finishedEpisodes: Int, observations: UnsafeRawBufferPointer, actions: UnsafeRawBufferPointer,
        rewards: UnsafeRawBufferPointer, terminations: UnsafeRawBufferPointer, truncations: UnsafeRawBufferPointer,
        finalObservations: UnsafeRawBufferPointer
    ) {
        self.length = length
        self.finishedEpisodes = finishedEpisodes
        self.observations = observations
        self.actions = actions
        self.rewards = rewards
        self.terminations = terminations
        self.truncations = truncations
        self.finalObservations = finalObservations
    }

    /// CRC-32C over the columns in the order of the stream file: observations, actions, rewards, terminations,
    /// truncations, final observations; little-endian and unpadded.
    package var checksum: UInt32 {
        var crc = CRC32C()
        crc.update(observations)
        crc.update(actions)
        crc.update(rewards)
        crc.update(terminations)
        crc.update(truncations)
        crc.update(finalObservations)
        return crc.value
    }
}

extension RolloutBatch {
    /// Calls `body` with each rollout's header and rows, in order. The byte counts are those of one element of the
    /// spaces. Where a column is shorter than the headers say, a rollout gets what is there of it, or nothing: `Wire`
    /// refuses such a batch, and so does a stream's writer.
    package func forEachRollout(
        observationBytes: Int, actionBytes: Int, _ body: (RolloutHeader, RolloutRows) throws -> Void
    ) rethrows {
        try observations.withUnsafeBytes { observations in
            try actions.withUnsafeBytes { actions in
                try rewards.withUnsafeBytes { rewards in
                    try terminations.withUnsafeBytes { terminations in
                        try truncations.withUnsafeBytes { truncations in
                            try finalObservations.withUnsafeBytes { finals in
                                var row = 0
                                var episode = 0
                                for header in headers {
                                    let end = max(row, row &+ header.length)
                                    let lastEpisode = max(episode, episode &+ header.finishedEpisodes)
                                    let rows = RolloutRows(
                                        length: header.length, finishedEpisodes: header.finishedEpisodes,
                                        observations: observations.elements(row..<end, width: observationBytes),
                                        actions: actions.elements(row..<end, width: actionBytes),
                                        rewards: rewards.elements(row..<end, width: 4),
                                        terminations: terminations.elements(row..<end, width: 1),
                                        truncations: truncations.elements(row..<end, width: 1),
                                        finalObservations: finals.elements(
                                            episode..<lastEpisode, width: observationBytes))
                                    try body(header, rows)
                                    row = end
                                    episode = lastEpisode
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Fills in every header's checksum.
    package mutating func seal(observationBytes: Int, actionBytes: Int) {
        var checksums: [UInt32] = []
        checksums.reserveCapacity(headers.count)
        forEachRollout(observationBytes: observationBytes, actionBytes: actionBytes) { checksums.append($1.checksum) }
        for index in headers.indices { headers[index].checksum = checksums[index] }
    }
}

extension UnsafeRawBufferPointer {
    /// Those of the elements in `range` that are there, each `width` bytes.
    fileprivate func elements(_ range: Range<Int>, width: Int) -> UnsafeRawBufferPointer {
        let there = range.clamped(to: 0..<(width > 0 ? count / width : 0))
        return UnsafeRawBufferPointer(rebasing: self[(there.lowerBound * width)..<(there.upperBound * width)])
    }
}
