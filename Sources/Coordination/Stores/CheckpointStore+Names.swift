package import Distillation
import Experience
import Files
import Foundation
import Nodes

/// What lies in the folder. A checkpoint is a folder called `step-NUMBER` with a model and its configuration;
/// everything else that lies there is left alone.
extension CheckpointStore {
    /// The newest checkpoint that is whole.
    package struct Newest: Sendable, Equatable {
        package let name: String
        /// Training has nothing left to do after it.
        package let isEnd: Bool
    }

    /// Whether a checkpoint of that name is here, by name and files; its content is not looked at. A checkpoint gets
    /// its name only when it is whole, so this is enough for all but damage that came later.
    func isCheckpoint(_ name: String) -> Bool {
        guard Checkpoint.step(of: name) != nil else { return false }
        let entry = folder.appendingPathComponent(name)
        return [Checkpoint.configFile, Checkpoint.modelFile].allSatisfy {
            FileManager.default.fileExists(atPath: entry.appendingPathComponent($0).path)
        }
    }

    /// All names in the folder, in no order; none where there is no folder yet.
    private var entries: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] }

    /// The names of all checkpoints, by their steps; the latest is the last.
    package var names: [String] {
        entries.filter(isCheckpoint).sorted { (Checkpoint.step(of: $0) ?? 0, $0) < (Checkpoint.step(of: $1) ?? 0, $1) }
    }

    /// The name of the newest checkpoint, which may be damaged; nil where there is none.
    package var latest: String? { names.last }

    /// What lies in the folder and is no checkpoint, sorted; without hidden names and what was set aside.
    package var strangers: [String] {
        entries.filter { !isCheckpoint($0) && !$0.hasPrefix(".") && !$0.contains(Self.asideMark) }.sorted()
    }

    // MARK: - Damage

    /// Part of the names of what was set aside, by which `strangers` leaves it out.
    private static let asideMark = ".damaged"

    /// The newest checkpoint that training with `training` can go on from, or has ended with; nil where there is none.
    ///
    /// Every newer one was read and is damaged: it is renamed, and `note` is told its new name and what is wrong with
    /// it. Reads the whole checkpoint. Throws `ClusterError` where a damaged one cannot be renamed.
    package func newest(
        for training: TrainingSettings, note: (_ name: String, _ problem: String) -> Void
    ) throws -> Newest? {
        for name in names.reversed() {
            do {
                let configuration = try Checkpoint.check(folder.appendingPathComponent(name)) {
                    !$0.isEnd(of: training)
                }
                return Newest(name: name, isEnd: configuration.isEnd(of: training))
            } catch { note(try setAside(name), "\(error)") }
        }
        return nil
    }

    /// Renames what bears a checkpoint's name and is none; gives the new name. `step-00020000` becomes
    /// `step-00020000.damaged`, and where that is taken `step-00020000.damaged-2`. Nothing is deleted: a person may
    /// want to look at it.
    func setAside(_ name: String) throws -> String {
        let path = folder.appendingPathComponent(name).path
        var aside = name + Self.asideMark
        var number = 1
        while FileManager.default.fileExists(atPath: "\(folder.path)/\(aside)") {
            number += 1
            aside = "\(name)\(Self.asideMark)-\(number)"
        }
        do { try Folder.rename(path, to: "\(folder.path)/\(aside)") } catch {
            throw ClusterError("\(path) is damaged and cannot be set aside: \(error); move it away")
        }
        return aside
    }

    // MARK: - Retention

    /// Deletes all but the newest `count` checkpoints and those in `kept`; none at all where `count` is nil. Throws
    /// `ClusterError` for one that cannot be deleted. At least one checkpoint stays, whatever `count` is.
    package func retain(_ count: Int?, and kept: Set<String> = []) throws {
        try removeRemains()
        guard let count else { return }
        for name in names.dropLast(max(1, count)) where !kept.contains(name) { try remove(name) }
    }

    /// Deletes all checkpoints, and what came of others. Throws `ClusterError` for one that cannot be deleted.
    func removeAll() throws {
        try removeRemains()
        for name in entries where name.hasSuffix(Self.partialMark) {
            try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
        }
        for name in names { try remove(name) }
    }

    /// Under a name that is no checkpoint's first: half of one is never taken for a whole one.
    private func remove(_ name: String) throws {
        let removed = folder.appendingPathComponent("\(Self.removedMark)\(name)")
        do {
            try FileManager.default.moveItem(at: folder.appendingPathComponent(name), to: removed)
            try FileManager.default.removeItem(at: removed)
        } catch {
            throw ClusterError(
                "cannot delete the old checkpoint \(folder.path)/\(name): \(error.localizedDescription)")
        }
    }

    /// Stands before the name of a checkpoint that is being deleted; the dot hides it, so that no list of checkpoints
    /// shows it.
    private static let removedMark = ".removed-"

    /// What a process left that died while it deleted.
    private func removeRemains() throws {
        for name in entries where name.hasPrefix(Self.removedMark) {
            try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
        }
    }
}
