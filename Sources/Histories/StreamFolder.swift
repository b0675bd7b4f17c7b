import Files
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
        var listings = FolderListings()
        try self.init(path: path, listings: &listings)
        guard !files.isEmpty || !quarantined.isEmpty else {
            throw .inputOutput(
                path: path, operation: "find streams", message: "there is no .h5 file in this folder", code: 0)
        }
    }

    /// As `init(path:)`, for those who look again and again: with the listings of the look before, and without an
    /// error where there is no stream yet.
    package init(path: String, listings: inout FolderListings) throws(StreamError) {
        self.path = path
        if StreamQuarantine(of: path) != nil {
            files = []
            quarantined = [path]
            discarded = []
            return
        }
        guard FileStamp(path: path) != nil else {
            throw .inputOutput(path: path, operation: "find streams", message: "no such file or folder", code: ENOENT)
        }
        if !Folder.isFolder(path) {
            files = [path]
            quarantined = []
            discarded = []
            return
        }
        let base = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let parts = ["histories", "evaluations"].map { "\(base)/\($0)" }.filter { FileStamp(path: $0) != nil }
        var found: [String] = []
        var marks: Set<String> = []
        var discarded: [String] = []
        for part in parts.isEmpty ? [base] : parts {
            try StreamFolder.collect(part, depth: 0, &listings, into: &found, marks: &marks, discarded: &discarded)
        }
        files = found.filter { !marks.contains($0) }.sorted()
        quarantined = marks.sorted()
        self.discarded = discarded.sorted()
    }

    /// Throws where a folder cannot be listed. Marks and moved files count as the stream's, whose own file may be
    /// missing.
    private static func collect(
        _ folder: String, depth: Int, _ listings: inout FolderListings, into files: inout [String],
        marks: inout Set<String>, discarded: inout [String]
    ) throws(StreamError) {
        for entry in try listings.entries(of: folder) {
            let path = "\(folder)/\(entry.name)"
            if entry.name.hasSuffix(".h5") {
                files.append(path)
            } else if entry.name == DiscardedStreams.markName {
                discarded.append(folder)
            } else if let stream = StreamQuarantine.stream(of: path) {
                marks.insert(stream)
            } else if entry.isFolder, depth < greatestDepth {
                try collect(path, depth: depth + 1, &listings, into: &files, marks: &marks, discarded: &discarded)
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
