import Distillation
import Experiments
import Files
import Foundation

/// Where a distiller and its PyTorch meet: a folder of this host with what is to be trained and the checkpoints that come
/// of it. Open to its owner alone, and gone with this value; that of a node that was killed goes when another begins.
final class PyTorchFolder {
    private let folder: HeldFolder

    /// In TMPDIR, or /tmp. Throws `FileError` where there is no folder to be made.
    init() throws { folder = try HeldFolder(prefix: "distillery-pytorch-") }

    var path: String { folder.path }

    /// What `python -m distillery.distil` is given, and what it writes.
    var prepared: String { path + "/prepared.json" }
    var checkpoints: String { path + "/checkpoints" }
    var steps: String { path + "/steps.jsonl" }
    var output: String { path + "/output.log" }

    /// Begins anew with a training: the checkpoint that it goes on from, and what it is. Throws `FileError` and what
    /// `PreparedDistillation` throws.
    func begin(_ order: TrainingOrder) throws {
        try clear()
        let prepared = try PreparedDistillation(
            order.context.experiment, order.planned.settings, order.context.distribution)
        let first = URL(fileURLWithPath: checkpoints).appendingPathComponent(
            Checkpoint.name(ofStep: order.newest?.step ?? 0))
        if let source = order.checkpoint {
            try Checkpoint(folder: source).write(to: first, optimizer: Checkpoint.optimizerState(in: source))
        } else {
            try prepared.writeUntrained(to: first)
        }
        try AtomicFile.write(prepared.json(checkpoint: first.path, isFinished: false), to: self.prepared)
    }

    private func clear() throws {
        for name in try Folder.names(in: path) where name != HeldFolder.lockName {
            do { try FileManager.default.removeItem(atPath: "\(path)/\(name)") } catch {
                throw FileError("cannot remove \(path)/\(name): \(error.localizedDescription)")
            }
        }
    }

    /// The step of the newest checkpoint; nil where there is none. They get their names when they are whole.
    var newestStep: Int? { (try? Folder.names(in: checkpoints))?.compactMap(Checkpoint.step).max() }

    func checkpoint(ofStep step: Int) -> URL {
        URL(fileURLWithPath: checkpoints).appendingPathComponent(Checkpoint.name(ofStep: step))
    }

    /// In the order in which they travel. Throws `FileError`, as where the checkpoint was deleted meanwhile.
    func files(ofStep step: Int) throws -> [(name: String, content: Data)] {
        let source = checkpoint(ofStep: step)
        let checkpoint = try Checkpoint(folder: source)
        return [
            (Checkpoint.configFile, checkpoint.config), (Checkpoint.modelFile, checkpoint.model),
            (Checkpoint.optimizerFile, try Checkpoint.optimizerState(in: source)),
        ]
    }
}
