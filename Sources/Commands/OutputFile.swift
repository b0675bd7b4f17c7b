import ArgumentParser
import Files
import Foundation
import Histories
import Nodes

/// Whether a command may put its file in the place of another.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Replace the file if it is one that this command wrote; never a recorded stream.") var force = false
}

/// The path of a matrix that a command writes where its user says.
struct OutputFile {
    let path: String

    /// Throws `ClusterError` where something would be lost by writing `matrix` to `path`: one of `inputs`, by whatever
    /// link, or a file that exists. `force` gives up an earlier matrix of that name, and nothing else.
    init(_ path: String, matrix: String, inputs: [String], force: Bool) throws {
        self.path = path
        guard path != "-" else {
            throw ClusterError("--out -: HDF5 cannot be written to standard output; name a file, for example logits.h5")
        }
        if let input = inputs.first(where: { isSameFile($0, path) }) {
            throw ClusterError("\(path) is the same file as \(input), which is read: choose another --out")
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard Folder.isFolder(folder) else {
            throw ClusterError("there is no folder \(folder) for \(path): make it, or choose another --out")
        }
        // Also of a link to nothing.
        guard (try? FileManager.default.attributesOfItem(atPath: path)) != nil else { return }
        guard force else {
            throw ClusterError("\(path) exists: choose another --out, or replace it by --force")
        }
        guard TensorFile.holds(matrix, at: path) else {
            throw ClusterError(
                "\(path) exists and is no file of \(matrix), which is all that --force replaces: choose another --out")
        }
    }
}

/// Whether two paths lead to one file, by links of either kind.
private func isSameFile(_ first: String, _ second: String) -> Bool {
    var found = (stat(), stat())
    guard stat(first, &found.0) == 0, stat(second, &found.1) == 0 else { return false }
    return found.0.st_dev == found.1.st_dev && found.0.st_ino == found.1.st_ino
}
