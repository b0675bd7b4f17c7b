import Experience
import Nodes
import Wire

/// A lifetime's state on its way to the coordinator, one piece of `WireProtocol.checkpointPieceBytes` at a time:
/// the next one is sent when the one before was acknowledged. It holds the whole state in memory until then.
struct StateUpload {
    private let checkpoint: LearnerCheckpoint
    /// Bytes that were acknowledged, from the beginning of the state.
    private var offset = 0
    /// Number of the piece that is under way.
    var request: UInt64 = 0

    /// `checkpoint`: with the whole state.
    init(_ checkpoint: LearnerCheckpoint) { self.checkpoint = checkpoint }

    /// The coordinator has acknowledged the last piece.
    var isComplete: Bool { offset >= checkpoint.state.count }

    /// The piece that is under way.
    var piece: LearnerCheckpoint {
        var piece = checkpoint
        piece.offset = UInt64(offset)
        piece.state = Array(checkpoint.state[offset..<end])
        return piece
    }

    /// The end of the piece that is under way; the last piece may be shorter than the others.
    private var end: Int { min(checkpoint.state.count, offset + WireProtocol.checkpointPieceBytes) }

    /// The piece has arrived; `piece` is the next one.
    mutating func acknowledge() { offset = end }
}

/// A lifetime's state on its way from the coordinator to the learner that the lifetime was leased to. Pieces come
/// in order; each is asked for again until it comes. What is wrong with the whole is found by `LearnerState`.
package struct StateDownload {
    /// A piece that has not come after this time is asked for again.
    package static let requestIntervalNanoseconds: UInt64 = 1_000_000_000

    /// What begins when all has come; its `stateBytes` says how much that is.
    let lease: LearnLifetime
    /// The number that every request of this transfer has; no other message of this learner has it.
    let request: UInt64
    /// The pieces that have come, which are the state's beginning.
    private(set) var bytes: [UInt8] = []
    /// When the next piece is asked for again, in nanoseconds; 0 asks at the next tick.
    private var nextRequest: UInt64 = 0

    init(_ lease: LearnLifetime, request: UInt64) {
        self.lease = lease
        self.request = request
    }

    /// All bytes that the lease has announced are here.
    var isComplete: Bool { UInt64(bytes.count) >= lease.stateBytes }

    /// Takes the piece that is next, and ignores all others.
    mutating func take(_ piece: CheckpointPiece) {
        guard piece.offset == UInt64(bytes.count), piece.size == lease.stateBytes,
            piece.offset + UInt64(piece.content.count) <= piece.size
        else { return }
        if bytes.isEmpty { bytes.reserveCapacity(Int(clamping: piece.size)) }
        bytes += piece.content
        nextRequest = 0
    }

    /// Asks for the next piece, if the time has come. The caller ticks at once after a piece, so a transfer waits only
    /// where a message was lost.
    mutating func tick(now: UInt64, outbox: inout Outbox) {
        guard now >= nextRequest else { return }
        outbox.send(
            .checkpointRequest(
                CheckpointRequest(
                    checkpoint: LearnerStateFile.name(of: lease.lifetime), file: LearnerStateFile.file,
                    offset: UInt64(bytes.count))), to: .coordinator, request: request)
        nextRequest = now + Self.requestIntervalNanoseconds
    }
}
