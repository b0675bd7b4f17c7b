import Experience

/// One episode of a stream: from its first row to a flag, to a change of incarnation or to the stream's end.
package struct Episode: Hashable, Sendable {
    /// What ended it. The first two are the environment's flags; a row may have both, and then it counts as terminated.
    package enum End: String, Sendable {
        case terminated, truncated
        /// Its carrier died before the episode ended: it counts in no return and in no training window.
        case cut
        /// The stream ends, or has not grown further yet.
        case unfinished
    }

    /// Its number in the stream, as the environment was told at its reset. Numbers rise, and skip none but where an
    /// incarnation begins later.
    package let number: UInt64
    /// Rows of the stream.
    package let rows: Range<Int>
    /// How its last row in this file came to be the last.
    package let end: End
    /// Sum of its rewards, in the order in which they came.
    package let rewardSum: Double
    /// Row of `final_observations`; nil where the episode did not end at a flag.
    package let final: Int?
    /// Policy version of its first row.
    package let policyVersion: UInt64

    /// It ended at a flag of the environment.
    package var isFinished: Bool { end == .terminated || end == .truncated }

    /// The return, for an episode that counts.
    package var episodeReturn: Double? { isFinished ? rewardSum : nil }
}

extension Episode {
    /// The episodes of a whole stream in order. `rollouts` covers exactly `rows`, which start at row 0.
    ///
    /// With episodes of 20 steps and a carrier that died after row 31, these are 0..<20 (`terminated` or `truncated`)
    /// and 20..<32 (`cut`), and the next incarnation's first begins at row 32.
    ///
    /// Work is one pass over the rows. The last episode is `unfinished` where the stream ends in the middle of one.
    package static func all(in rows: StreamRows, rollouts: [RolloutRecord]) -> [Episode] {
        var builder = EpisodeBuilder()
        let (terminations, truncations) = (rows[.terminations], rows[.truncations])
        for (index, rollout) in rollouts.enumerated() {
            if index > 0, rollout.incarnation != rollouts[index - 1].incarnation { builder.finish(.cut, final: nil) }
            builder.number = builder.isOpen ? builder.number : rollout.firstEpisode
            for row in Int(rollout.firstStep)..<Int(rollout.endStep) {
                builder.add(row, rows.rewards[row], policyVersion: rollout.policyVersion)
                if terminations[row] != 0 {
                    builder.finish(.terminated, final: builder.finals)
                } else if truncations[row] != 0 {
                    builder.finish(.truncated, final: builder.finals)
                }
            }
        }
        builder.finish(.unfinished, final: nil)
        return builder.episodes
    }
}

/// Cuts rows into episodes, in order. At most one episode is open, from `start` to `end`; `finish` without an open one
/// does nothing, so that neither a change of incarnation right after a flag nor the stream's end makes an empty
/// episode.
private struct EpisodeBuilder {
    /// In order, finished ones only: the open one is in the fields below.
    var episodes: [Episode] = []
    /// Of the open episode, or of the one that comes next.
    var number: UInt64 = 0
    /// Final observations that have been given to episodes.
    var finals = 0
    /// First row of the open episode.
    private var start = 0
    /// Row behind its last.
    private var end = 0
    /// Of its rows so far, in Double: rewards are Float, and a sum of thousands of them would lose digits.
    private var rewardSum = 0.0
    /// Of its first row.
    private var policyVersion: UInt64 = 0

    /// Between two episodes there is none.
    var isOpen: Bool { end > start }

    mutating func add(_ row: Int, _ reward: Float, policyVersion: UInt64) {
        if !isOpen { self.policyVersion = policyVersion }
        end = row + 1
        rewardSum += Double(reward)
    }

    /// The next episode has the next number, unless an incarnation says otherwise.
    mutating func finish(_ how: Episode.End, final: Int?) {
        guard isOpen else { return }
        episodes.append(
            Episode(
                number: number, rows: start..<end, end: how, rewardSum: rewardSum, final: final,
                policyVersion: policyVersion))
        if final != nil { finals += 1 }
        number &+= 1
        start = end
        rewardSum = 0
    }
}
