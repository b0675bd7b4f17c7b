import FoundationEssentials
import Glibc

/// The stream files below a run, a folder of histories, or one file.
///
/// What `distillery histories` and the distiller work on. Names that begin with a dot are skipped, and so are folders
/// more than six below the given one.
package struct StreamFolder: Sendable {
    /// As it was given; the other paths begin with it.
    package let path: String
    /// Paths of stream files, sorted, so that tasks, lifetimes and actors come in their order.
    package let files: [String]
    /// Paths of streams whose files were damaged and moved aside, sorted; they are not among `files`.
    package let quarantined: [String]
    /// Folders of lifetimes that were lived anew from their beginning, sorted.
    package let discarded: [String]

    /// Finds what `path` means: a `.h5` file, or a folder. Of a run's folder only `histories` and `evaluations` are
    /// looked at. Throws where there is nothing of the name, or no stream in it.
    package init(path: String) throws(StreamError) {
        self.path = path
        if StreamQuarantine(of: path) != nil {
            files = []
            quarantined = [path]
            discarded = []
            return
        }
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw .inputOutput(path: path, operation: "find streams", message: "no such file or folder", code: ENOENT)
        }
        if !isFolder {
            files = [path]
            quarantined = []
            discarded = []
            return
        }
        let base = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let parts = ["histories", "evaluations"].map { "\(base)/\($0)" }.filter {
            FileManager.default.fileExists(atPath: $0)
        }
        var found: [String] = []
        var marks: Set<String> = []
        var discarded: [String] = []
        for part in parts.isEmpty ? [base] : parts {
            try StreamFolder.collect(part, depth: 0, into: &found, marks: &marks, discarded: &discarded)
        }
        files = found.filter { !marks.contains($0) }.sorted()
        quarantined = marks.sorted()
        self.discarded = discarded.sorted()
        guard !files.isEmpty || !quarantined.isEmpty else {
            throw .inputOutput(
                path: path, operation: "find streams", message: "there is no .h5 file in this folder", code: 0)
        }
    }

    /// Throws where a folder cannot be listed. Marks and moved files count as the stream's, whose own file may be
    /// missing.
    private static func collect(
        _ folder: String, depth: Int, into files: inout [String], marks: inout Set<String>,
        discarded: inout [String]
    ) throws(StreamError) {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: folder) } catch {
            throw .inputOutput(path: folder, operation: "list the folder", message: "\(error)", code: 0)
        }
        for name in names where !name.hasPrefix(".") {
            let path = "\(folder)/\(name)"
            if name.hasSuffix(".h5") {
                files.append(path)
            } else if name == DiscardedStreams.markName {
                discarded.append(folder)
            } else if let stream = StreamQuarantine.stream(of: path) {
                marks.insert(stream)
            } else if depth < greatestDepth {
                var isFolder = false
                if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder {
                    try collect(path, depth: depth + 1, into: &files, marks: &marks, discarded: &discarded)
                }
            }
        }
    }

    /// Folders below the given one: `evaluations/ID/task-00042` is the deepest of ours.
    private static let greatestDepth = 6
}

extension StreamContents {
    /// Rows of the episodes that ended at a flag, in order.
    ///
    /// What windows and returns are taken from: cut and unfinished episodes do not count.
    package var finishedEpisodes: [Range<Int>] { episodes.filter(\.isFinished).map(\.rows) }
}
