/// One contiguous piece of a stream: where it belongs and how many rows it has.
///
/// A header from outside may say anything until its batch is `checked`. Together with the batch's lifetime, actor,
/// incarnation and sequence name a rollout once and for all.
package struct RolloutHeader: Hashable, Sendable {
    /// Number of the actor in its lifetime, from 0.
    package var actor: Int
    /// Higher each time that another carrier takes the stream up; given out by the coordinator, never twice. Files of
    /// lockstep lifetimes and of evaluations hold 0 throughout, because there an interrupted stream is lived again to
    /// the same bits.
    package var incarnation: UInt64
    /// Position in the stream in rollouts, from 0 without holes.
    package var sequence: UInt64
    /// The learner's update count whose parameters chose the actions.
    package var policyVersion: UInt64
    /// Number of the episode that the first row belongs to, from 0 over the whole stream. Each flag in the rows begins
    /// the next.
    package var firstEpisode: UInt64
    /// Transitions; 0 only in the marker that ends a stream at an episode's end.
    package var length: Int
    /// Rows at which an episode ended, each with one final observation.
    package var finishedEpisodes: Int
    /// CRC-32C of the rows, see `RolloutRows.checksum`.
    package var checksum: UInt32
    /// Nothing follows in this stream.
    package var isLast: Bool

    /// A collector leaves `checksum` at 0, and `RolloutBatch.seal` fills it in.
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
