package import Distillation
import Foundation
package import Nodes
import Transport
package import Wire

/// A checkpoint on its way to an evaluator, piece after piece, each asked for again until it comes.
///
/// Only what acting needs comes: configuration and model, not the optimiser's state. What came is kept in memory.
/// Pieces are taken in order; whether the whole is sound is for `Checkpoint` to find out.
package struct CheckpointDownload {
    package static let requestIntervalMilliseconds: UInt64 = 1000
    /// Number of every request; no other message of an evaluator has it.
    package static let request: UInt64 = 1 << 32
    private static let files = [Checkpoint.configFile, Checkpoint.modelFile]

    package let name: String
    private var contents: [String: Data] = [:]
    /// Index of the file that is under way.
    private var current = 0
    private var nextRequest: UInt64 = 0

    package init(name: String) { self.name = name }

    /// The whole checkpoint, once it is there.
    package var checkpoint: Checkpoint? {
        guard current == Self.files.count, let model = contents[Checkpoint.modelFile],
            let config = contents[Checkpoint.configFile]
        else { return nil }
        return Checkpoint(model: model, config: config)
    }

    /// Takes the piece that is next, and ignores all others.
    package mutating func take(_ piece: CheckpointPiece) {
        guard current < Self.files.count, piece.checkpoint == name, piece.file == Self.files[current],
            piece.offset == UInt64(contents[piece.file]?.count ?? 0)
        else { return }
        contents[piece.file, default: Data()].append(contentsOf: piece.content)
        if piece.last { current += 1 }
        nextRequest = 0
    }

    /// Asks for the next piece, at once after one has come and else each second.
    package mutating func tick(now: UInt64, outbox: inout Outbox) {
        guard current < Self.files.count, now >= nextRequest else { return }
        let file = Self.files[current]
        outbox.send(
            .checkpointRequest(
                CheckpointRequest(checkpoint: name, file: file, offset: UInt64(contents[file]?.count ?? 0))),
            to: .coordinator, request: Self.request)
        nextRequest = now + Self.requestIntervalMilliseconds * nanosecondsPerMillisecond
    }
}
