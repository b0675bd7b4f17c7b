import ArgumentParser
import Files
import Foundation
import Histories
import Nodes

/// Whether a command may put its file in the place of another.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Replace the file if it is one that this command wrote; never a recorded stream.") var force = false
}

/// The path of a file that a command writes where its user says.
struct OutputFile {
    /// What a command writes, and how it knows what it wrote before.
    struct Content {
        /// As in "no file of logits".
        let name: String
        let format: String
        let example: String
        let isHeld: (_ path: String) -> Bool

        /// The dataset of this name in HDF5.
        static func matrix(_ name: String) -> Content {
            Content(name: name, format: "HDF5", example: "\(name).h5") { TensorFile.holds(name, at: $0) }
        }
    }

    let path: String

    /// Throws `ClusterError` where something would be lost by writing `content` to `path`: one of `inputs`, by whatever
    /// link, or a file that exists. `force` gives up an earlier file of that content, and nothing else.
    init(_ path: String, option: String = "--out", content: Content, inputs: [String], force: Bool) throws {
        self.path = path
        guard path != "-" else {
            throw ClusterError(
                "\(option) -: \(content.format) cannot be written to standard output; name a file, for example "
                    + content.example)
        }
        if let input = inputs.first(where: { isSameFile($0, path) }) {
            throw ClusterError("\(path) is the same file as \(input), which is read: choose another \(option)")
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard Folder.isFolder(folder) else {
            throw ClusterError("there is no folder \(folder) for \(path): make it, or choose another \(option)")
        }
        // Also of a link to nothing.
        guard (try? FileManager.default.attributesOfItem(atPath: path)) != nil else { return }
        guard force else {
            throw ClusterError("\(path) exists: choose another \(option), or replace it by --force")
        }
        guard content.isHeld(path) else {
            throw ClusterError(
                "\(path) exists and is no file of \(content.name), which is all that --force replaces: choose another "
                    + option)
        }
    }
}

/// Whether two paths lead to one file, by links of either kind.
private func isSameFile(_ first: String, _ second: String) -> Bool {
    var found = (stat(), stat())
    guard stat(first, &found.0) == 0, stat(second, &found.1) == 0 else { return false }
    return found.0.st_dev == found.1.st_dev && found.0.st_ino == found.1.st_ino
}
