import Experience

/// Where a stream stands: what the next rollout must continue.
///
/// A writer has two: one behind everything that was appended, one behind everything that is on disk. Recovery and
/// verification walk one through a file's rollouts.
package struct StreamPosition: Hashable, Sendable {
    /// Rollouts so far, which is the next sequence number.
    package private(set) var rollouts: UInt64 = 0
    /// Transitions so far.
    package private(set) var rows = 0
    /// Final observations so far.
    package private(set) var finals = 0
    /// Of the last rollout; 0 before the first.
    package private(set) var incarnation: UInt64 = 0
    /// Of the last rollout; 0 before the first.
    package private(set) var policyVersion: UInt64 = 0
    /// Number of the episode that the next row belongs to, if its carrier lives on.
    package private(set) var episode: UInt64 = 0
    /// The last row did not end its episode: a carrier that dies now leaves a cut episode.
    package private(set) var isMidEpisode = false

    /// The first episode number that a new incarnation may use: an episode that was cut keeps its number, and no other
    /// gets it.
    package var nextFreshEpisode: UInt64 { episode + (isMidEpisode ? 1 : 0) }

    /// Rows of a column of the stream file.
    ///
    /// For `rollouts`, final observations, or any column of transitions.
    func count(of column: Int) -> Int {
        switch column {
        case ColumnIndex.rollouts: Int(rollouts)
        case ColumnIndex.finalObservations: finals
        default: rows
        }
    }

    /// Why a rollout cannot follow, or nil if it can.
    ///
    /// Everything follows an empty stream. Within an incarnation the policy version may not fall and the episode must
    /// be the one that the stream is at; a new incarnation begins with an episode that no row has.
    ///
    /// The reason is for an error; a sequence number is not looked at, which the writer has checked.
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
    ///
    /// The episode and incarnation are not known afterwards until `advance` tells them.
    mutating func skip(rollouts: UInt64, rows: Int) {
        self.rollouts += rollouts
        self.rows += rows
    }

    /// Moves behind a rollout with `length` rows, `finished` of them with a flag that ends an episode.
    /// - Parameter endsEpisode: whether the last row has such a flag; ignored where there are no rows
    ///
    /// Checks nothing: call `problem` first where the rollout is not trusted. A mark without rows leaves `isMidEpisode`
    /// as it is, unless it is of a new incarnation.
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
