import Distillation
package import Foundation
import Nodes

extension CheckpointStore {
    /// The folder of the checkpoint that a path means. The path may be a checkpoint's folder, its
    /// `model.safetensors` or `config.json`, a run or a folder of checkpoints (the newest one is meant, of the only
    /// distillation), or a link to any of them. Throws `ClusterError` where it is none of these.
    package static func locate(_ path: String) throws -> URL {
        let given = URL(fileURLWithPath: path).standardizedFileURL
        // The file may be a link into another folder; its configuration lies beside the link.
        if [Checkpoint.modelFile, Checkpoint.configFile].contains(given.lastPathComponent) {
            return try locate(given.deletingLastPathComponent().path)
        }
        let folder = given.resolvingSymlinksInPath()
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) else {
            throw ClusterError("there is no \(path)")
        }
        let config = folder.appendingPathComponent(Checkpoint.configFile).path
        if FileManager.default.fileExists(atPath: config) { return folder }
        let stores = ["checkpoints/distiller", "checkpoints/learner"].map(folder.appendingPathComponent) + [folder]
        for store in stores where isFolder.boolValue {
            if let newest = try newest(in: store) { return newest }
        }
        throw ClusterError(
            "\(path) is no checkpoint: expected a folder with \(Checkpoint.modelFile) and \(Checkpoint.configFile), or a "
                + "run or folder that has such checkpoints")
    }

    /// The newest checkpoint of a folder of them, or of the only distillation that has a folder there; nil where there is
    /// none. Throws `ClusterError` where there are several, with their names.
    private static func newest(in folder: URL) throws -> URL? {
        let store = CheckpointStore(folder: folder)
        if let latest = store.latest { return folder.appendingPathComponent(latest).resolvingSymlinksInPath() }
        let found = store.strangers.compactMap { name in
            store.store(of: name).latest.map { (name: name, latest: $0) }
        }
        guard found.count <= 1 else {
            throw ClusterError(
                "\(folder.path) has checkpoints of \(found.count) distillations; name the folder of one: "
                    + found.map(\.name).joined(separator: ", "))
        }
        return found.first.map {
            folder.appendingPathComponent("\($0.name)/\($0.latest)").resolvingSymlinksInPath()
        }
    }

    /// Copies a checkpoint's model and configuration from `source`, following links; gives the name that it has here,
    /// whatever its own folder is called. From then on evaluators are served from the run's own folder. Throws what the
    /// reading and writing of checkpoints throw.
    package func adopt(_ source: URL) throws -> String {
        let checkpoint = try Checkpoint(folder: source)
        let step =
            checkpoint.isLearntPolicy
            ? Int(clamping: try LearntPolicyCheckpoint(checkpoint).version) : try checkpoint.configuration().step
        let name = Checkpoint.name(ofStep: step)
        try checkpoint.write(to: folder.appendingPathComponent(name))
        return name
    }
}
