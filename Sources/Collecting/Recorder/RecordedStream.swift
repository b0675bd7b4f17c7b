import Experience
import Histories
import Nodes
import Wire

/// One stream in the recorder's hands: its file while it grows, or what is known of it afterwards.
///
/// How far a stream is has three numbers. `nextSequence`: what the recorder has taken, in memory or on disk.
/// `durableSequence`: what is on disk. `acknowledgedSequence`: what its carrier is told, at most the second. An
/// example: with rollouts 0 to 9 taken and 0 to 7 synced they are 10, 8 and 8. Where 9 was the marked last one and
/// the file is not sealed yet, all is on disk and they are 10, 9 and 9.
struct RecordedStream {
    /// A stream goes from `growing` to `sealed`, or from either to `quarantined`, and never back within one recorder,
    /// except where a lifetime is discarded.
    enum File {
        /// It is written; the writer has the file open.
        case growing(StreamWriter)
        /// The file is complete and never written again.
        case sealed(rollouts: UInt64, nextEpisode: UInt64, rows: UInt64, incarnation: UInt64)
        /// It was damaged and moved aside; where its carrier goes on, unrecorded.
        case quarantined(reason: String, nextSequence: UInt64, nextEpisode: UInt64)
    }

    /// Where the stream is in its life; changed only by `RecorderRole`.
    var file: File
    /// The incarnation that the stream is at. Messages of lower ones are refused: their sender was replaced.
    var incarnation: UInt64
    /// The node that opened the stream. It gets the acknowledgements, and rollouts are taken from it alone.
    var carrier: Address
    /// `carrier` was told where the stream stands, by this recorder.
    var isOpened = false
    /// Why the incarnation below `incarnation` was closed, where no later carrier was the reason.
    var refusal = ""
    /// Of a stream that is lived again: what its carrier brought before this sequence is what the file has. A carrier
    /// is told of nothing as durable that was not compared with what it brought itself. `max` where nothing is lived
    /// again.
    var agreedSequence = UInt64.max
    /// The marked last rollout is in the file.
    var isEnded = false
    /// It waits to be flushed because enough is there.
    var isFull = false
    /// The carrier that ended the stream died before it knew that: the next one has sent a mark of its own, which
    /// needs no row.
    var isMarkedAgain = false
    /// When its carrier is told again that it is quarantined, if it goes on sending.
    var remindAt: UInt64 = 0

    /// The sequence that is expected next.
    var nextSequence: UInt64 {
        switch file {
        case .growing(let writer): writer.nextSequence
        case .sealed(let rollouts, _, _, _): rollouts
        case .quarantined(_, let next, _): next
        }
    }

    /// The first sequence that is not yet on disk; of a quarantined stream nothing is any more.
    var durableSequence: UInt64 {
        switch file {
        // The last rollout is acknowledged by sealing, so that who has all acknowledgements knows the file complete.
        case .growing(let writer):
            isEnded ? min(writer.durableCount, max(writer.nextSequence, 1) - 1) : writer.durableCount
        case .sealed(let rollouts, _, _, _): isMarkedAgain ? rollouts + 1 : rollouts
        case .quarantined: 0
        }
    }

    /// The first sequence that its carrier is not told to be on disk: `durableSequence`, as far as the file was
    /// compared with what the carrier brought itself.
    var acknowledgedSequence: UInt64 { min(durableSequence, agreedSequence) }

    /// What its file can have been called durable up to, this recorder or an earlier one speaking. A sealed file took
    /// its name when it was whole, and has nothing to lose behind its end: no claim makes it damaged.
    var greatestAcknowledgement: UInt64 {
        switch file {
        case .growing(let writer): writer.durableCount
        case .sealed, .quarantined: .max
        }
    }

    /// The highest incarnation that the file holds; nil where it holds no rollout.
    var recordedIncarnation: UInt64? {
        switch file {
        case .growing(let writer): writer.nextSequence > 0 ? writer.position.incarnation : nil
        case .sealed(let rollouts, _, _, let incarnation): rollouts > 0 ? incarnation : nil
        case .quarantined: nil
        }
    }

    /// The number of the episode with which the next carrier begins.
    var nextEpisode: UInt64 {
        switch file {
        case .growing(let writer): writer.durablePosition.nextFreshEpisode
        case .sealed(_, let episode, _, _): episode
        case .quarantined(_, _, let episode): episode
        }
    }

    /// A stream that has ended counts as `ended` before its file is sealed.
    var state: StreamState {
        switch file {
        case .growing: isEnded ? .ended : .recording
        case .sealed: .ended
        case .quarantined: .quarantined
        }
    }

    /// Its carrier's rollout with this sequence is in the file, written now or found to be the same.
    mutating func agree(on sequence: UInt64) {
        if agreedSequence == sequence { agreedSequence += 1 }
    }

    /// The file while it grows; nil for one that is sealed or quarantined.
    var writer: StreamWriter? { if case .growing(let writer) = file { writer } else { nil } }
}
