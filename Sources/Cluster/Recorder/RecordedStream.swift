import Environments
import Histories
import Wire

/// One stream in the recorder's hands: its file while it grows, or what is known of it once it is sealed.
struct RecordedStream {
    enum File {
        case growing(StreamWriter)
        case sealed(rollouts: UInt64, nextEpisode: UInt64, rows: UInt64)
    }

    var file: File
    /// Lower ones are refused: their sender was replaced.
    var incarnation: UInt64
    /// Who gets the acknowledgements.
    var carrier: Address
    /// The marked last rollout is in the file.
    var isEnded = false
    /// The carrier that ended it died before it could say so: the next one has brought its mark, which needs no row.
    var isMarkedAgain = false

    /// The sequence that is expected next.
    var nextSequence: UInt64 {
        switch file {
        case .growing(let writer): writer.nextSequence
        case .sealed(let rollouts, _, _): rollouts
        }
    }

    /// The first sequence that is not yet on disk.
    var durableSequence: UInt64 {
        switch file {
        // The last rollout is acknowledged by sealing, so that who has all acknowledgements knows the file complete.
        case .growing(let writer):
            isEnded ? min(writer.durableCount, max(writer.nextSequence, 1) - 1) : writer.durableCount
        case .sealed(let rollouts, _, _): isMarkedAgain ? rollouts + 1 : rollouts
        }
    }

    var state: StreamState {
        if case .sealed = file { return .ended }
        return isEnded ? .ended : .recording
    }

    var nextEpisode: UInt64 {
        switch file {
        case .growing(let writer): writer.durablePosition.nextFreshEpisode
        case .sealed(_, let episode, _): episode
        }
    }
}
