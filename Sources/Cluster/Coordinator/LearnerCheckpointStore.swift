package import Environments
import Files
package import Foundation
package import Wire

/// The last state of each lifetime's learner: written by the coordinator alone, and always whole.
package final class LearnerCheckpointStore {
    private static let file = "learner.state"
    private let folder: URL

    /// `folder`: `RUN/checkpoints/learner`.
    package init(folder: URL) { self.folder = folder }

    private func url(of lifetime: LifetimeIdentifier) -> URL {
        folder.appendingPathComponent("task-\(padded(lifetime.task, 5))")
            .appendingPathComponent("lifetime-\(padded(lifetime.repetition, 3))").appendingPathComponent(Self.file)
    }

    /// Takes the place of the lifetime's earlier checkpoint once it is on the disk. Throws `ClusterError`, and leaves
    /// the earlier one, when the state is damaged or cannot be written.
    package func write(_ checkpoint: LearnerCheckpoint) throws {
        guard LearnerState.isWhole(checkpoint.state) else {
            throw ClusterError("\(checkpoint.lifetime): a learner's checkpoint whose checksum does not hold")
        }
        let final = url(of: checkpoint.lifetime)
        do {
            try Folder.create(final.deletingLastPathComponent().path)
            try AtomicFile.write(checkpoint.state, to: final.path)
        } catch { throw ClusterError("\(error)") }
    }

    /// The lifetime is lived from its beginning again. Throws `ClusterError` when it cannot be removed.
    package func remove(_ lifetime: LifetimeIdentifier) throws {
        let final = url(of: lifetime)
        guard unlink(final.path) == 0 || errno == ENOENT else {
            throw ClusterError("cannot remove \(final.path): \(String(cString: strerror(errno)))")
        }
    }

    /// The lifetime's last state; nil when there is none, or when it was damaged since.
    package func read(_ lifetime: LifetimeIdentifier) -> [UInt8]? {
        guard let data = try? Data(contentsOf: url(of: lifetime)) else { return nil }
        let bytes = [UInt8](data)
        return LearnerState.isWhole(bytes) ? bytes : nil
    }
}
