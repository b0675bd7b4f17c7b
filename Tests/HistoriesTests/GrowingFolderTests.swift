import Files
import Foundation
import Histories
import Testing

@Suite("Streams that grow on another disk") struct GrowingFolderTests {
    private let folder: TemporaryFolder
    private let home: String
    private let stream = "histories/task-00003/lifetime-000/actor-0000.h5"

    init() throws {
        folder = try TemporaryFolder()
        home = folder("run")
        try Folder.create(home + "/histories")
    }

    private func take(_ disk: String?, host: String = "here") throws -> GrowingFolder? {
        try GrowingFolder.take(
            disk.map { RecorderLinks.Place(host: host, path: folder($0)) }, for: home, identity: "0123")
    }

    private func grow(_ growing: GrowingFolder, _ content: inout SyntheticStream) throws -> StreamWriter {
        let writer = try StreamWriter.open(
            at: "\(growing.path)/\(stream)", sealedAt: "\(home)/\(stream)", metadata: content.metadata)
        for _ in 0..<4 { try writer.append(content.next()) }
        try writer.flush()
        return writer
    }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    @Test("end at home, and nothing of them is left there", arguments: [false, true]) func sealing(isLong: Bool) throws
    {
        let growing = try #require(try take("disk"))
        var content = SyntheticStream(seed: 1)
        let writer = try grow(growing, &content)
        if isLong { for _ in 0..<20 { try writer.append(content.next(length: 10_000)) } }
        #expect(exists("\(growing.path)/\(stream)") && !exists("\(home)/\(stream)"))
        try writer.seal()
        #expect(!exists("\(growing.path)/\(stream)"))
        #expect(try StreamContents(path: "\(home)/\(stream)").equals(content, content.rollouts.count))
        #expect(StreamVerification(path: "\(home)/\(stream)").isSealed)
        try growing.dissolve()
        #expect(!exists(growing.path) && !GrowingFolder.isInUse(by: home))
    }

    @Test("that had no file yet end at home") func withoutFile() throws {
        let growing = try #require(try take("disk"))
        var content = SyntheticStream(seed: 2)
        let writer = try StreamWriter.open(
            at: "\(growing.path)/\(stream)", sealedAt: "\(home)/\(stream)", metadata: content.metadata)
        try writer.append(content.next())
        try writer.seal()
        #expect(try StreamContents(path: "\(home)/\(stream)").equals(content, 1))
        #expect(try growing.streams().isEmpty)
    }

    @Test("are given up when another file has their place at home") func strangerAtHome() throws {
        let growing = try #require(try take("disk"))
        var content = SyntheticStream(seed: 3)
        let writer = try grow(growing, &content)
        try Folder.create(Folder.of("\(home)/\(stream)"))
        try Data("no stream".utf8).write(to: URL(filePath: "\(home)/\(stream)"))
        #expect {
            try writer.seal()
        } throws: {
            if case .damaged? = $0 as? StreamError { true } else { false }
        }
        #expect(exists("\(growing.path)/\(stream)"))
        #expect(try String(contentsOfFile: "\(home)/\(stream)", encoding: .utf8) == "no stream")
    }

    @Test("are taken up again on the same disk after a crash, and come home from another one") func takingUp() throws {
        let growing = try #require(try take("disk"))
        var content = SyntheticStream(seed: 4)
        try grow(growing, &content).abandon()
        let again = try #require(try take("disk"))
        #expect(again.path == growing.path)
        #expect(try again.streams() == [stream])
        let writer = try StreamWriter.recover(at: "\(again.path)/\(stream)", sealedAt: "\(home)/\(stream)")
        #expect(writer.durableCount == 4)
        try writer.close()
        let other = try #require(try take("other"))
        #expect(other.path != growing.path && !exists(growing.path))
        #expect(try StreamContents(path: "\(home)/\(stream)").equals(content, 4))
        #expect(!StreamVerification(path: "\(home)/\(stream)").isSealed)
        // At home they go on, whatever disk the next recorder has.
        let atHome = try StreamWriter.recover(at: "\(home)/\(stream)")
        try atHome.append(content.next())
        try atHome.seal()
        #expect(try StreamContents(path: "\(home)/\(stream)").equals(content, 5))
        #expect(try take(nil) == nil)
        #expect(!GrowingFolder.isInUse(by: home))
    }

    @Test("are not taken up on another host, until they are given up") func elsewhere() throws {
        let growing = try #require(try take("disk", host: "node-7"))
        var content = SyntheticStream(seed: 5)
        try grow(growing, &content).close()
        try FileManager.default.moveItem(atPath: folder("disk"), toPath: folder("unmounted"))
        for disk in ["disk", "other", nil] {
            let error = #expect(throws: FileError.self) { try take(disk) }
            #expect(error?.description.contains("grow at node-7:\(folder("disk"))/0123") == true)
        }
        try FileManager.default.moveItem(atPath: folder("unmounted"), toPath: folder("disk"))
        #expect(try take("disk")?.streams() == [stream])
        try FileManager.default.removeItem(atPath: folder("disk"))
        try FileManager.default.removeItem(atPath: "\(home)/histories/.growing.json")
        #expect(try take("disk")?.streams() == [])
        try Data("{".utf8).write(to: URL(filePath: "\(home)/histories/.growing.json"))
        #expect(throws: FileError.self) { try take("disk") }
    }

    @Test("that are at home already leave a leftover, which is removed and never preferred") func leftover() throws {
        let growing = try #require(try take("disk"))
        var content = SyntheticStream(seed: 6)
        try grow(growing, &content).close()
        try Folder.create(Folder.of("\(home)/\(stream)"))
        try FileManager.default.copyItem(atPath: "\(growing.path)/\(stream)", toPath: "\(home)/\(stream)")
        let atHome = try StreamWriter.recover(at: "\(home)/\(stream)")
        try atHome.append(content.next())
        try atHome.close()
        try GrowingFolder.bringAllHome(to: home)
        #expect(try StreamContents(path: "\(home)/\(stream)").equals(content, 5))
        #expect(!exists(growing.path))
    }

    @Test("that were given up are moved aside at home") func quarantined() throws {
        let growing = try #require(try take("disk"))
        var content = SyntheticStream(seed: 7)
        try grow(growing, &content).close()
        _ = StreamQuarantine.setAside("\(home)/\(stream)", reason: "a test", nextSequence: 4, nextEpisode: 1)
        try growing.bringHome(stream)
        #expect(!exists("\(growing.path)/\(stream)") && !exists("\(home)/\(stream)"))
        let mark = try #require(StreamQuarantine(of: "\(home)/\(stream)"))
        #expect(mark.reason == "a test" && mark.nextSequence == 4)
        #expect(exists("\(Folder.of("\(home)/\(stream)"))/\(mark.movedTo)"))
    }

    @Test("keep the disk in use until the last of them has left it") func dissolving() throws {
        let growing = try #require(try take("disk"))
        var content = SyntheticStream(seed: 8)
        try grow(growing, &content).close()
        #expect(throws: StreamError.self) { try growing.dissolve() }
        #expect(GrowingFolder.isInUse(by: home) && exists("\(growing.path)/\(stream)"))
    }
}
