import Files
import Foundation
import Testing

@Suite("A folder for as long as its process lives") struct HeldFolderTests {
    private static let prefix = "distillery-held-"
    private let parent: String

    init() throws {
        parent = NSTemporaryDirectory() + "distillery-folders-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    }

    private var names: Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [])
    }

    @Test("is its owner's alone, and is gone with what is in it when its value is") func ends() throws {
        defer { try? FileManager.default.removeItem(atPath: parent) }
        var folder: HeldFolder? = try HeldFolder(prefix: Self.prefix, in: parent)
        let path = try #require(folder?.path)
        let permissions = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(permissions == 0o700)
        try Data("log".utf8).write(to: URL(filePath: path + "/1.log"))
        try FileManager.default.createDirectory(atPath: path + "/checkpoints/first", withIntermediateDirectories: true)
        folder = nil
        #expect(names.isEmpty)
    }

    @Test("of a process that was killed is removed by the next one, and nothing else is") func abandoned() throws {
        defer { try? FileManager.default.removeItem(atPath: parent) }
        let held = try HeldFolder(prefix: Self.prefix, in: parent)
        try Data().write(to: URL(filePath: held.path + "/1"))
        // As a process leaves it that was killed: with files in it, and held by nobody.
        for name in ["distillery-held-abc123", "distillery-other-abc123", "environments"] {
            try FileManager.default.createDirectory(atPath: "\(parent)/\(name)", withIntermediateDirectories: true)
            for file in ["1.log", HeldFolder.lockName] {
                try Data("log".utf8).write(to: URL(filePath: "\(parent)/\(name)/\(file)"))
            }
            try FileManager.default.createDirectory(
                atPath: "\(parent)/\(name)/checkpoints", withIntermediateDirectories: true)
        }
        // Killed before it had a lock; and what no process leaves, for it makes the lock first.
        for path in ["distillery-held-empty", "distillery-held-full/1"] {
            try FileManager.default.createDirectory(atPath: "\(parent)/\(path)", withIntermediateDirectories: true)
        }
        try Data().write(to: URL(filePath: parent + "/distillery-held-file"))
        try FileManager.default.createSymbolicLink(
            atPath: parent + "/distillery-held-link", withDestinationPath: parent + "/environments")
        let next = try HeldFolder(prefix: Self.prefix, in: parent)
        let own = [held, next].map { URL(filePath: $0.path).lastPathComponent }
        #expect(
            names == [
                own[0], own[1], "distillery-other-abc123", "environments", "distillery-held-file",
                "distillery-held-link", "distillery-held-full",
            ])
        #expect(FileManager.default.fileExists(atPath: held.path + "/1"))
        #expect(FileManager.default.fileExists(atPath: parent + "/environments/1.log"))
    }

    @Test("that cannot be made says where") func refused() throws {
        try FileManager.default.removeItem(atPath: parent)
        #expect {
            _ = try HeldFolder(prefix: Self.prefix, in: parent)
        } throws: { "\($0)".contains("cannot make a folder in \(parent)") }
    }
}
