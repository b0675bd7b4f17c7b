import Files
import FoundationEssentials
import Glibc

/// The mark of a stream whose file was damaged behind its recorder's back: what is left of it was moved aside, and
/// nothing is recorded under its name any more.
///
/// Lies as JSON beside the stream, `actor-0007.h5.quarantine`; the damaged file is `actor-0007.h5.damaged`. Where the
/// disk had no room for the mark, the moved file is one.
///
/// A recorder that starts later finds the mark and does not record the stream either. A person undoes it: remove the
/// mark and give the file its name back.
package struct StreamQuarantine: Sendable, Codable, Equatable {
    /// What was wrong, in words.
    package let reason: String
    /// Name of what is left of the file, in the same folder; empty where nothing was.
    package let movedTo: String
    /// The sequence number that came next when the stream was given up.
    package let nextSequence: UInt64
    /// The episode number that came next.
    package let nextEpisode: UInt64
    /// When, in seconds since 1970.
    package let time: Int

    /// Behind the stream's own name.
    private static let markSuffix = ".quarantine"
    /// Behind the stream's own name; a number follows where there is one already.
    private static let movedSuffix = ".damaged"
    /// Earlier damaged files of the same stream that are looked for.
    ///
    /// Beyond it a random number is taken.
    private static let movedLimit = 1000

    /// The path of the stream that a mark or a moved file belongs to; nil for other names.
    ///
    /// `actor-0007.h5.damaged-2` gives `actor-0007.h5`.
    ///
    /// Any folder; the file need not exist.
    static func stream(of path: String) -> String? {
        for suffix in [markSuffix, movedSuffix] {
            guard let range = path.ranges(of: ".h5" + suffix).last else { continue }
            let rest = path[range.upperBound...]
            let isNumbered = rest.first == "-" && rest.dropFirst().allSatisfy(\.isNumber)
            if rest.isEmpty || isNumbered { return String(path[..<range.lowerBound]) + ".h5" }
        }
        return nil
    }

    /// The mark of the stream at `path`, or nil where it is not quarantined.
    ///
    /// A mark that cannot be read is a mark all the same: nothing is recorded under the name.
    ///
    /// Looks for the mark first, then for a moved file.
    package init?(of path: String) {
        if let data = FileManager.default.contents(atPath: path + Self.markSuffix) {
            self =
                (try? JSONDecoder().decode(StreamQuarantine.self, from: data))
                ?? StreamQuarantine(reason: "its mark cannot be read", movedTo: "")
        } else if fileSize(path + Self.movedSuffix) != nil {
            self.init(
                reason: "it was moved aside by a recorder that could not write down why",
                movedTo: Self.fileName(path + Self.movedSuffix))
        } else {
            return nil
        }
    }

    /// `nextSequence` and `nextEpisode` are 0 where they are not known.
    private init(reason: String, movedTo: String, nextSequence: UInt64 = 0, nextEpisode: UInt64 = 0) {
        self.reason = reason
        self.movedTo = movedTo
        self.nextSequence = nextSequence
        self.nextEpisode = nextEpisode
        time = Int(Glibc.time(nil))
    }

    /// Moves what is left of the file at `path` aside, never over something else, and leaves the mark. No writer may
    /// have it open. What fails of it is in `failure`: the stream is given up all the same.
    ///
    /// Never throws: a stream that cannot be moved aside is not recorded any more all the same, and `failure` is the
    /// first thing that went wrong.
    package static func setAside(
        _ path: String, reason: String, nextSequence: UInt64, nextEpisode: UInt64
    ) -> (mark: StreamQuarantine, failure: StreamError?) {
        let exists = isThere(path)
        let target = exists ? freeName(path + movedSuffix) : nil
        let mark = StreamQuarantine(
            reason: reason, movedTo: target.map(fileName) ?? "", nextSequence: nextSequence, nextEpisode: nextEpisode)
        var failure: StreamError?
        func attempt(_ body: () throws(StreamError) -> Void) {
            do throws(StreamError) { try body() } catch { failure = failure ?? error }
        }
        // The mark comes first: with the mark alone no recorder appends any more.
        attempt { () throws(StreamError) in
            try makeFolders(of: path)
            try mark.write(to: path + markSuffix)
        }
        if let target { attempt { () throws(StreamError) in try replaceFile(path, target) } }
        attempt { () throws(StreamError) in try synchronizeFolder(of: path) }
        return (mark, failure)
    }

    /// The mark appears whole or not at all.
    private func write(to path: String) throws(StreamError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let json: Data
        do { json = try encoder.encode(self) } catch {
            throw .inputOutput(path: path, operation: "write the mark", message: "\(error)", code: 0)
        }
        try inWords(path, "write the mark") { () throws(FileError) in try AtomicFile.write(json, to: path) }
    }

    /// One recorder alone writes this folder, so a name that is free stays so.
    ///
    /// `-2`, `-3` and so on.
    private static func freeName(_ path: String) -> String {
        guard isThere(path) else { return path }
        return (2..<movedLimit).lazy.map { "\(path)-\($0)" }.first { !isThere($0) }
            ?? "\(path)-\(UInt64.random(in: 0 ... .max))"
    }

    /// Without following a link.
    private static func isThere(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Without its folder: what a mark holds stays true where a run is moved.
    private static func fileName(_ path: String) -> String { String(path.split(separator: "/").last ?? "") }
}
