import Experience
package import Foundation
import Transport
import Wire

/// A checkpoint on its way from a distiller or a learner to the coordinator: one piece of 1 MiB at a time, sent again
/// each 2 s until it is acknowledged. The files are held in memory meanwhile.
///
/// Each piece has a request number of its own, so that an acknowledgement that was long on its way stands for no
/// other piece. The owner calls `tick` often, `acknowledge` and `refuse` for the answers, and begins no other
/// upload before `isComplete`. A refusal begins the whole checkpoint anew after 1, 2, 4, ... 64 s.
package struct CheckpointUpload {
    package static let resendIntervalMilliseconds: UInt64 = 2000
    /// After a refusal the upload waits so long, twice as long after each further one, and at most the limit.
    package static let refusalWaitMilliseconds: UInt64 = 1000
    package static let refusalWaitLimitMilliseconds: UInt64 = 64_000
    /// Refusals in a row after which the upload is given up: about five minutes.
    package static let refusalLimit = 10

    /// `step-00020000`, or `rl2/step-00020000`
    package let name: String
    /// The training step, or the learner's update, that it was made at.
    package let step: Int
    private let files: [(name: String, content: Data)]
    private var file = 0
    private var offset = 0
    private var request: UInt64
    private var nextSend: UInt64 = 0
    private var refusals = 0

    /// `request`: above every request number that the node used before.
    package init(name: String, step: Int, files: [(name: String, content: Data)], request: UInt64) {
        self.name = name
        self.step = step
        self.files = files
        self.request = request
    }

    /// The coordinator has acknowledged the last piece, and so has the checkpoint on its disk.
    package var isComplete: Bool { file == files.count }
    /// The highest number that it has used: the next upload begins above it.
    package var lastRequest: UInt64 { request }

    /// Begins with the first piece again, unless all have arrived: for a coordinator that may not have what was
    /// sent.
    package mutating func restart() {
        guard !isComplete else { return }
        file = 0
        offset = 0
        request += 1
        nextSend = 0
        refusals = 0
    }

    /// The coordinator will not take the piece at hand: begins anew after a while, for what was stored of the
    /// checkpoint may have been lost. Throws `ClusterError` after `refusalLimit` refusals in a row.
    package mutating func refuse(_ number: UInt64, reason: String, now: UInt64) throws {
        guard number == request, !isComplete else { return }
        let count = refusals + 1
        guard count < Self.refusalLimit else {
            throw ClusterError(
                "the coordinator has refused the checkpoint \(name) \(count) times in a row; the last reason: \(reason)"
            )
        }
        restart()
        refusals = count
        let wait = min(Self.refusalWaitMilliseconds << UInt64(count - 1), Self.refusalWaitLimitMilliseconds)
        nextSend = now + wait * nanosecondsPerMillisecond
    }

    /// The piece with this number is stored; the next `tick` sends the next one. Other numbers are ignored.
    package mutating func acknowledge(_ number: UInt64) {
        guard number == request, !isComplete else { return }
        offset += pieceBytes
        if offset >= files[file].content.count {
            file += 1
            offset = 0
        }
        request += 1
        nextSend = 0
        refusals = 0
    }

    private var pieceBytes: Int { min(WireProtocol.checkpointPieceBytes, files[file].content.count - offset) }

    /// Sends the piece at hand where it was not sent yet, or not lately.
    package mutating func tick(now: UInt64, outbox: inout Outbox) {
        guard !isComplete, now >= nextSend else { return }
        let (fileName, content) = files[file]
        let bytes = [UInt8](content.dropFirst(offset).prefix(pieceBytes))
        outbox.send(
            .checkpointPiece(
                CheckpointPiece(
                    checkpoint: name, file: fileName, offset: UInt64(offset), size: UInt64(content.count),
                    checksum: bytes.withUnsafeBytes { CRC32C.of($0) }, content: bytes,
                    last: file == files.count - 1 && offset + pieceBytes == content.count)), to: .coordinator,
            request: request)
        nextSend = now + Self.resendIntervalMilliseconds * nanosecondsPerMillisecond
    }
}
