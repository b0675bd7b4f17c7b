package import Experience
package import Files
import FoundationEssentials
import Glibc

/// The lifetimes of a run that lie in other folders than the run's own: those of recorders on other disks or hosts. In
/// the run's folder each has a link in the place of its folder, so that who reads the run finds all its streams, and the
/// files alone say which recorder has which.
///
/// ```
/// RUN/histories/task-00042/lifetime-000  ->  ../../recorders/ID/histories/task-00042/lifetime-000
/// RUN/recorders/ID                       ->  /disk/run       only where that folder can be reached from here
/// RUN/recorders/ID.json                      its host and path there, for people
/// ```
package struct RecorderLinks: Sendable {
    /// Where a recorder keeps its streams.
    package struct Place: Codable, Hashable, Sendable, CustomStringConvertible {
        package let host: String
        package let path: String

        package init(host: String, path: String) {
            self.host = host
            self.path = path
        }

        /// As `scp` and `rsync` have it.
        package var description: String { "\(host):\(path)" }
    }

    /// The keeper of what lies in the run's own folder.
    package static let own = ""
    private static let folder = "recorders"
    private static let longestLink = 4096

    private let run: String

    package init(run: String) { self.run = run }

    /// By what the folder with this identity is known: `own` for the run's, otherwise its identity.
    package func keeper(identity: String) -> String {
        FolderIdentity.read(run) == identity ? Self.own : identity
    }

    /// Writes down where a recorder keeps its streams, and whether that can be reached from here.
    package func note(_ keeper: String, at place: Place) throws(FileError) {
        guard keeper != Self.own else { return }
        let link = "\(run)/\(Self.folder)/\(keeper)"
        try Folder.create(Folder.of(link))
        guard let document = try? JSONEncoder().encode(place) else { throw FileError("\(link).json: \(place)") }
        try AtomicFile.write([UInt8](document), to: "\(link).json")
        guard FolderIdentity.read(place.path) == keeper else {
            unlink(link)
            return
        }
        // What lies in the run's folder moves with it.
        let isInside = place.path.hasPrefix("\(run)/")
        let target = isInside ? ".." + place.path.dropFirst(run.count) : place.path
        if Self.target(of: link) == target { return }
        unlink(link)
        if symlink(target, link) != 0 { throw .system("make the link", link) }
    }

    /// Who keeps the lifetime's streams, as the files say; nil where there is nothing of it yet.
    package func keeper(of lifetime: LifetimeIdentifier) -> String? {
        let path = "\(run)/\(lifetime.folder)"
        return Self.target(of: path).map { Self.keeper(inLink: $0) } ?? (Folder.isFolder(path) ? Self.own : nil)
    }

    /// Folders of the run's recorders that can be reached from here: the run's own, and those of others.
    package func folders() -> [String] {
        let names = (try? Folder.names(in: "\(run)/\(Self.folder)")) ?? []
        return [run] + names.map { "\(run)/\(Self.folder)/\($0)" }.filter { Folder.isFolder($0) }
    }

    /// From now on the lifetime's streams are found with their keeper. What is there already stays.
    package func link(_ lifetime: LifetimeIdentifier, to keeper: String) throws(FileError) {
        guard keeper != Self.own, self.keeper(of: lifetime) == nil else { return }
        let path = "\(run)/\(lifetime.folder)"
        try Folder.create(Folder.of(path))
        let up = String(repeating: "../", count: lifetime.folder.split(separator: "/").count - 1)
        let target = "\(up)\(Self.folder)/\(keeper)/\(lifetime.folder)"
        if symlink(target, path) != 0 { throw .system("make the link", path) }
    }

    /// Where what a link in a run's folder stands for lies; nil for what is no such link, or can be reached from here.
    static func unreachable(_ path: String) -> Place? {
        guard let target = target(of: path), !keeper(inLink: target).isEmpty else { return nil }
        let keeper = keeper(inLink: target)
        let up = target.prefix { $0 == "." || $0 == "/" }
        let link = "\(Folder.of(path))/\(up)\(folder)/\(keeper)"
        guard !Folder.isFolder(link) else { return nil }
        return (try? Data(contentsOf: URL(filePath: "\(link).json"))).flatMap {
            try? JSONDecoder().decode(Place.self, from: $0)
        } ?? Place(host: "an unknown host", path: keeper)
    }

    private static func keeper(inLink target: String) -> String {
        let parts = target.split(separator: "/")
        guard let index = parts.firstIndex(of: Substring(folder)), index + 1 < parts.count else { return own }
        return String(parts[index + 1])
    }

    /// Nil for what is no link.
    private static func target(of path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: longestLink)
        let count = readlink(path, &bytes, longestLink)
        return count > 0 ? String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}
