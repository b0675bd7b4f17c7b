import Files
import FoundationEssentials
import Glibc

/// Where streams grow that end elsewhere: on a disk of their recorder's own host, whose syncs are quick, while sealed
/// streams lie at home, in the recorder's folder, on storage that many hosts share.
///
/// ```
/// HOME/histories/.growing.json                               on which host, and where there
/// DISK/ID/histories/task-00042/lifetime-000/actor-0007.h5    while it grows; ID is what HOME is known by
/// HOME/histories/task-00042/lifetime-000/actor-0007.h5       when it is sealed, or has come home
/// ```
///
/// A stream that has a file at home is that file; what the disk has under its name is a leftover. A recorder that leaves
/// brings home what still grows, and the next one goes on with it there, on any host. One that was killed finds it on the
/// disk, which has to be the same: until all has come home no recorder of another host may take the folder up.
package struct GrowingFolder: Sendable {
    private let home: String
    /// Below it streams have their places as in a run.
    package let path: String
    /// Its host and its path there, for the note at home and for messages.
    package let place: RecorderLinks.Place

    private static let note = "histories/.growing.json"

    private init(home: String, place: RecorderLinks.Place) {
        self.home = home
        self.place = place
        path = place.path
    }

    /// Where the streams of `home` grow from now on: on `disk`, or at home without one. What an earlier recorder let grow
    /// on another disk of this host comes home first.
    ///
    /// For the one recorder that holds the folder's lock. Throws where streams grow on another host, which is the only
    /// one that can go on with them, and where the disk cannot be written.
    package static func take(
        _ disk: RecorderLinks.Place?, for home: String, identity: String
    ) throws -> GrowingFolder? {
        let place = disk.map { RecorderLinks.Place(host: $0.host, path: "\($0.path)/\(identity)") }
        if let earlier = try find(for: home), earlier.path == place?.path { return earlier }
        try bringAllHome(to: home)
        guard let place else { return nil }
        try Folder.create(place.path)
        try AtomicFile.write(JSONEncoder().encode(place), to: "\(home)/\(note)")
        return GrowingFolder(home: home, place: place)
    }

    /// Brings home what a recorder that is gone let grow on a disk of this host. Throws where that is another host's, and
    /// what bringing throws. For who knows that no recorder of the folder is there.
    package static func bringAllHome(to home: String) throws {
        guard let folder = try find(for: home) else { return }
        for stream in try folder.streams() { try folder.bringHome(stream) }
        try folder.dissolve()
    }

    /// Whether streams of `home` may grow elsewhere.
    package static func isInUse(by home: String) -> Bool { fileSize("\(home)/\(note)") != nil }

    /// Where the streams of `home` grow; nil where they are all at home.
    private static func find(for home: String) throws -> GrowingFolder? {
        guard let place = try read(home) else { return nil }
        guard Folder.isFolder(place.path) else {
            throw FileError(
                "streams of \(home) have not ended, and grow at \(place), which cannot be reached from here: start the "
                    + "recorder on that host, or remove \(home)/\(note) to give up what grows there")
        }
        return GrowingFolder(home: home, place: place)
    }

    /// Nil where all streams are at home.
    private static func read(_ home: String) throws -> RecorderLinks.Place? {
        guard let data = FileManager.default.contents(atPath: "\(home)/\(note)") else { return nil }
        guard let place = try? JSONDecoder().decode(RecorderLinks.Place.self, from: data) else {
            throw FileError(
                "\(home)/\(note) does not say where streams grow: expected {\"host\":HOST,\"path\":PATH}; write it, or "
                    + "remove it to give up what does not lie here")
        }
        return place
    }

    /// The streams that have files here, by their places below a run, sorted: all, or those below a folder of it.
    package func streams(below part: String = "") throws(StreamError) -> [String] {
        var found: [String] = []
        if Folder.isFolder("\(path)/\(part)") { try collect(part, into: &found) }
        return found
    }

    private func collect(_ part: String, into found: inout [String]) throws(StreamError) {
        let folder = part.isEmpty ? path : "\(path)/\(part)"
        var names: [String] = []
        try inWords(folder, "list the folder") { () throws(FileError) in names = try Folder.names(in: folder) }
        for name in names {
            let place = part.isEmpty ? name : "\(part)/\(name)"
            if name.hasSuffix(".h5") {
                found.append(place)
            } else if Folder.isFolder("\(path)/\(place)") {
                try collect(place, into: &found)
            }
        }
    }

    /// Brings one stream home as it is, to grow there, or to be looked at where it was given up. Nothing where it has no
    /// file here. No writer may have it open.
    ///
    /// Throws `diskFull` or `inputOutput`, and the stream is still here then.
    package func bringHome(_ stream: String) throws(StreamError) {
        let (here, there) = ("\(path)/\(stream)", "\(home)/\(stream)")
        guard fileSize(here) != nil else { return }
        if fileSize(there) == nil {
            try makeFolders(of: there)
            try copy(here, to: there)
        }
        try inWords(here, "remove the file") { () throws(FileError) in try Folder.removeFile(here) }
        guard let mark = StreamQuarantine(of: there) else { return }
        let (_, failure) = StreamQuarantine.setAside(
            there, reason: mark.reason, nextSequence: mark.nextSequence, nextEpisode: mark.nextEpisode)
        if let failure { throw failure }
    }

    /// The copy appears whole and durable, or not at all.
    private func copy(_ here: String, to there: String) throws(StreamError) {
        let source = open(here, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw systemFailure(here, "open the file") }
        defer { close(source) }
        let partial = there + ".arriving"
        do throws(StreamError) {
            try copyFile(source, to: partial)
            try synchronizeFile(partial)
            try replaceFile(partial, there)
        } catch {
            unlink(partial)
            throw error
        }
        try synchronizeFolder(of: there)
    }

    /// Removes what was left behind of streams that are at home.
    package func removeLeftover(of stream: String) {
        unlink("\(path)/\(stream)")
        StreamWriter.removeCopies(at: "\(path)/\(stream)")
    }

    /// Nothing grows here any more: a recorder of any host may take the streams up. Throws where something does.
    package func dissolve() throws {
        if let stream = try streams().first {
            throw StreamError.inputOutput(
                path: "\(path)/\(stream)", operation: "leave the disk", message: "it is not at home yet", code: EBUSY)
        }
        try Folder.removeFile("\(home)/\(Self.note)")
        try Folder.synchronize(Folder.of("\(home)/\(Self.note)"))
        try? FileManager.default.removeItem(atPath: path)
    }
}
