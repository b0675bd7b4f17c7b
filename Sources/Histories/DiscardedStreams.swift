import Files
import FoundationEssentials
import Glibc

/// The mark of a lifetime that was lived anew from its beginning: after a death its actors lived a part of it again and
/// came to other rollouts than the files have, so that the files are no single life. The files were moved aside,
/// `actor-0007.h5.discarded-1`, and the lifetime was begun anew.
///
/// Lies as JSON in the lifetime's folder, `discarded.json`; `verify` tells of it.
package struct DiscardedStreams: Sendable, Codable, Equatable {
    /// Carriers with lower incarnations carried what was discarded.
    package let incarnation: UInt64
    /// What was found to differ, in words.
    package let reason: String
    /// How often the lifetime was lived anew.
    package let count: Int
    /// When, in seconds since 1970.
    package let time: Int
    /// All files were moved.
    package private(set) var isComplete: Bool

    /// The mark's file name, in the folder of the lifetime.
    package static let markName = "discarded.json"
    /// A number follows, that of the mark's `count`: `actor-0007.h5.discarded-1`.
    private static let movedSuffix = ".discarded"

    /// The mark in the folder of a lifetime; nil where it was never lived anew.
    ///
    /// A mark that cannot be read counts as one, with incarnation 0.
    package init?(of folder: String) {
        guard let data = FileManager.default.contents(atPath: folder + "/" + Self.markName) else { return nil }
        self =
            (try? JSONDecoder().decode(DiscardedStreams.self, from: data))
            ?? DiscardedStreams(incarnation: 0, reason: "its mark cannot be read", count: 1)
    }

    /// The mark of a move that begins now.
    private init(incarnation: UInt64, reason: String, count: Int) {
        self.incarnation = incarnation
        self.reason = reason
        self.count = count
        time = Int(Glibc.time(nil))
        isComplete = false
    }

    /// Moves every stream file of the folder aside and leaves the mark. May be repeated, after a crash too: the mark
    /// says at first that it is not complete. No writer may have a file of it open.
    ///
    /// Throws `diskFull` or `inputOutput`; the call may then be repeated, and goes on with the same number. Names are
    /// durable before the mark says that it is complete.
    package static func setAside(_ folder: String, incarnation: UInt64, reason: String) throws(StreamError) {
        let path = folder + "/" + markName
        try makeFolders(of: path)
        let earlier = DiscardedStreams(of: folder)
        if let earlier, earlier.incarnation == incarnation, earlier.isComplete { return }
        var mark = DiscardedStreams(
            incarnation: incarnation, reason: reason,
            count: (earlier?.count ?? 0) + (earlier?.incarnation == incarnation ? 0 : 1))
        try mark.write(to: path)
        for name in try streamNames(in: folder) {
            try replaceFile("\(folder)/\(name)", "\(folder)/\(name)\(movedSuffix)-\(mark.count)")
        }
        try synchronizeFolder(of: path)
        mark.isComplete = true
        try mark.write(to: path)
        try synchronizeFolder(of: path)
    }

    /// Files that have the streams' own names; those that were moved aside earlier do not end in `.h5`.
    private static func streamNames(in folder: String) throws(StreamError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".h5") }.sorted()
        } catch {
            throw .inputOutput(path: folder, operation: "list the folder", message: "\(error)", code: 0)
        }
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
}
