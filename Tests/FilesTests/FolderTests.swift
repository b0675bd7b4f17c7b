import Files
import Foundation
import Testing

/// A folder that goes with its test.
final class TemporaryFolder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("files-\(UUID().uuidString)").path

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite("Folders")
struct FolderTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("a folder is made with those above it, and is left alone where it is there")
    func create() throws {
        let path = folder.path + "/a/b/c"
        try Folder.create(path + "/")
        try Folder.create(path)
        #expect(Folder.isFolder(path))
    }

    @Test("a file, a path below a file and a link that leads nowhere are said in one sentence with the path")
    func refusals() throws {
        try AtomicFile.write("", to: folder.path + "/file")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/link", withDestinationPath: folder.path + "/nowhere")
        let expected = [
            "/file": "there is a file of that name", "/file/below/it": "Not a directory",
            "/link": "it is a link that leads nowhere",
        ]
        for (name, reason) in expected {
            let error = try #require(throws: FileError.self, "\(name)") { try Folder.create(folder.path + name) }
            #expect(error.description.hasPrefix("cannot make the folder \(folder.path)/"))
            #expect(error.description.hasSuffix(": \(reason)"), "\(error)")
        }
    }

    @Test("a folder that is published is whole, and takes the place of no other")
    func publish() throws {
        let partial = folder.path + "/.new.partial"
        try Folder.create(partial)
        try AtomicFile.write("one", to: partial + "/1")
        try AtomicFile.write("two", to: partial + "/2")
        try Folder.publish(partial, as: folder.path + "/new")
        #expect(try Folder.names(in: folder.path) == ["new"])
        #expect(try Folder.names(in: folder.path + "/new") == ["1", "2"])
        try Folder.create(partial)
        let error = try #require(throws: FileError.self) { try Folder.publish(partial, as: folder.path + "/new") }
        #expect(error.code == ENOTEMPTY && error.description.contains("/new"))
        #expect(try Folder.names(in: folder.path + "/new") == ["1", "2"])
    }
}
