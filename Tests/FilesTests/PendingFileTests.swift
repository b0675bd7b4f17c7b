import Files
import Foundation
import TestSupport
import Testing

@Suite("A file that is written whole or not at all")
struct PendingFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var target: String { folder.path + "/target" }

    private func content() throws -> String { try String(contentsOfFile: target, encoding: .utf8) }

    private func append(_ text: String, to file: inout PendingFile) throws {
        var text = text
        try text.withUTF8 { try file.append(UnsafeRawBufferPointer($0)) }
    }

    @Test("the new content takes the old one's place, and nothing is left beside it")
    func replacement() throws {
        try AtomicFile.write("old and longer", to: target)
        try AtomicFile.write("new", to: target)
        #expect(try content() == "new")
        #expect(try Folder.names(in: folder.path) == ["target"])
    }

    @Test("until it is published the target is the old one; so a death between any two steps leaves that")
    func between() throws {
        try AtomicFile.write("old", to: target)
        var file = try PendingFile(for: target)
        #expect(try content() == "old")
        try append("new", to: &file)
        // What a process that is killed here leaves behind.
        #expect(try content() == "old")
        #expect(try Folder.names(in: folder.path) == ["target", "target.partial"])
        try file.publish()
        #expect(try content() == "new")
        #expect(try Folder.names(in: folder.path) == ["target"])
    }

    @Test("one that is dropped leaves nothing behind")
    func dropped() throws {
        try AtomicFile.write("old", to: target)
        do {
            var file = try PendingFile(for: target)
            try append("new", to: &file)
        }
        #expect(try content() == "old")
        #expect(try Folder.names(in: folder.path) == ["target"])
    }

    @Test("what a killed writer left is written over, however long it was")
    func leftOver() throws {
        try Data(repeating: 1, count: 10_000).write(to: URL(fileURLWithPath: PendingFile.partial(of: target)))
        try AtomicFile.write("new", to: target)
        #expect(try content() == "new")
        #expect(try Folder.names(in: folder.path) == ["target"])
    }

    @Test("where it cannot be created the error has the path and the system's reason")
    func noFolder() throws {
        let path = folder.path + "/missing/target"
        let error = try #require(throws: FileError.self) { try AtomicFile.write("new", to: path) }
        #expect(error.code == ENOENT)
        #expect(error.description == "cannot create \(path).partial: No such file or directory")
    }

    @Test("where it cannot be renamed the error says so, and the half-made file is gone")
    func noRename() throws {
        try FileManager.default.createDirectory(atPath: target + "/full", withIntermediateDirectories: true)
        let error = try #require(throws: FileError.self) { try AtomicFile.write("new", to: target) }
        #expect(error.code == EISDIR)
        #expect(error.description.contains("rename") && error.description.contains(target))
        #expect(try Folder.names(in: folder.path) == ["target"])
    }

    @Test(
        "on a full disk the old file stays, the half-made one goes, and it succeeds when there is room",
        .enabled(if: SmallDisk.isPossible))
    func fullDisk() throws {
        let disk = try #require(SmallDisk(folder.path + "/disk", mebibytes: 1))
        let path = disk.path + "/target"
        try AtomicFile.write("old", to: path)
        try disk.fill()
        let large = [UInt8](repeating: 7, count: 100_000)
        let error = try #require(throws: FileError.self) { try AtomicFile.write(large, to: path) }
        #expect(error.isLackOfRoom)
        #expect(error.description == "cannot write \(path).partial: No space left on device")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
        #expect(try Folder.names(in: disk.path) == ["ballast", "target"])
        disk.makeRoom()
        try AtomicFile.write(large, to: path)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(large))
    }
}
