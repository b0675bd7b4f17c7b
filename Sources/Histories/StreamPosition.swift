import Experience

/// Where a stream stands: what the next rollout must continue.
package struct StreamPosition: Hashable, Sendable {
    /// Rollouts so far, which is the next sequence number.
    package private(set) var rollouts: UInt64 = 0
    /// Transitions so far.
    package private(set) var rows = 0
    /// Final observations so far.
    package private(set) var finals = 0
    package private(set) var incarnation: UInt64 = 0
    package private(set) var policyVersion: UInt64 = 0
    /// Number of the episode that the next row belongs to, if its carrier lives on.
    package private(set) var episode: UInt64 = 0
    /// The last row did not end its episode.
    package private(set) var isMidEpisode = false

    /// The first episode number that a new incarnation may use.
    package var nextFreshEpisode: UInt64 { episode + (isMidEpisode ? 1 : 0) }

    /// Rows of a column of the stream file.
    func count(of column: Int) -> Int {
        switch column {
        case ColumnIndex.rollouts: Int(rollouts)
        case ColumnIndex.finalObservations: finals
        default: rows
        }
    }

    /// Why a rollout cannot follow, or nil if it can.
    package func problem(incarnation: UInt64, policyVersion: UInt64, firstEpisode: UInt64) -> String? {
        if rollouts == 0 { return nil }
        if incarnation < self.incarnation {
            return "incarnation \(incarnation) after incarnation \(self.incarnation)"
        }
        if incarnation > self.incarnation {
            return firstEpisode >= nextFreshEpisode
                ? nil : "a new incarnation with episode \(firstEpisode), the next free one is \(nextFreshEpisode)"
        }
        if policyVersion < self.policyVersion {
            return "policy version \(policyVersion) after \(self.policyVersion) within incarnation \(incarnation)"
        }
        return firstEpisode == episode ? nil : "first episode \(firstEpisode), expected \(episode)"
    }

    /// Moves behind rollouts that are not looked at.
    mutating func skip(rollouts: UInt64, rows: Int) {
        self.rollouts += rollouts
        self.rows += rows
    }

    /// Moves behind a rollout of `length` rows of which `finished` ended an episode.
    package mutating func advance(
        incarnation: UInt64, policyVersion: UInt64, firstEpisode: UInt64, length: Int, finished: Int, endsEpisode: Bool
    ) {
        let isNew = incarnation != self.incarnation
        rollouts += 1
        rows += length
        finals += finished
        self.incarnation = incarnation
        self.policyVersion = policyVersion
        episode = firstEpisode &+ UInt64(finished)
        if length > 0 { isMidEpisode = !endsEpisode } else if isNew { isMidEpisode = false }
    }
}
