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
    /// Folders of lifetimes that a recorder keeps where it cannot be read from here, by their places in the run.
    package let elsewhere: [String: RecorderLinks.Place]

    /// Finds what `path` means: a `.h5` file, or a folder. Of a run's folder only `histories` and `evaluations` are
    /// looked at. Throws where there is nothing of the name, or no stream in it.
    package init(path: String) throws(StreamError) {
        var listings = FolderListings()
        try self.init(path: path, listings: &listings)
        guard !files.isEmpty || !quarantined.isEmpty || !elsewhere.isEmpty else {
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
            elsewhere = [:]
            return
        }
        guard FileStamp(path: path) != nil else {
            throw .inputOutput(path: path, operation: "find streams", message: "no such file or folder", code: ENOENT)
        }
        if !Folder.isFolder(path) {
            files = [path]
            quarantined = []
            discarded = []
            elsewhere = [:]
            return
        }
        let base = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let parts = ["histories", "evaluations"].map { "\(base)/\($0)" }.filter { FileStamp(path: $0) != nil }
        var found = Found()
        for part in parts.isEmpty ? [base] : parts {
            try StreamFolder.collect(part, depth: 0, &listings, into: &found)
        }
        files = found.files.filter { !found.marks.contains($0) }.sorted()
        quarantined = found.marks.sorted()
        discarded = found.discarded.sorted()
        elsewhere = found.elsewhere
    }

    /// What to do about lifetimes that lie elsewhere, of those below one folder of the run (`histories`); nil where none
    /// does.
    package func reasonElsewhere(below part: String) -> String? {
        Self.reason(elsewhere.filter { Folder.of(Folder.of($0.key)).hasSuffix("/\(part)") })
    }

    package var reasonElsewhere: String? { Self.reason(elsewhere) }

    private static func reason(_ elsewhere: [String: RecorderLinks.Place]) -> String? {
        guard let first = elsewhere.keys.min() else { return nil }
        let places = Set(elsewhere.values.map(\.description)).sorted().joined(separator: ", ")
        let others = elsewhere.count > 1 ? " and \(elsewhere.count - 1) other folders" : ""
        return "the streams of \(first)\(others) lie with recorders elsewhere (\(places)): mount or copy what is "
            + "there, and bring it here by `distillery histories gather FOLDER --out RUN`"
    }

    private struct Found {
        var files: [String] = []
        var marks: Set<String> = []
        var discarded: [String] = []
        var elsewhere: [String: RecorderLinks.Place] = [:]
    }

    /// Throws where a folder cannot be listed. Marks and moved files count as the stream's, whose own file may be
    /// missing.
    private static func collect(
        _ folder: String, depth: Int, _ listings: inout FolderListings, into found: inout Found
    ) throws(StreamError) {
        for entry in try listings.entries(of: folder) {
            let path = "\(folder)/\(entry.name)"
            if entry.name.hasSuffix(".h5") {
                found.files.append(path)
            } else if entry.name == DiscardedStreams.markName {
                found.discarded.append(folder)
            } else if let stream = StreamQuarantine.stream(of: path) {
                found.marks.insert(stream)
            } else if entry.isFolder {
                guard depth < greatestDepth else { continue }
                try collect(path, depth: depth + 1, &listings, into: &found)
            } else if entry.isLink, let place = RecorderLinks.unreachable(path) {
                found.elsewhere[path] = place
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
