import Environments
import Foundation
import Glibc
import Histories
import Testing

@Suite("A full disk")
struct DiskFullTests {
    /// A file system of 2 MB, where the system lets us mount one.
    private func withSmallDisk(_ body: (String) throws -> Void) throws {
        let folder = try TemporaryFolder()
        let disk = folder("disk")
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        guard mount("tmpfs", disk, "tmpfs", 0, "size=2m") == 0 else { return }
        defer { umount2(disk, 2) }
        try body(disk)
    }

    @Test("a flush that finds no room says so, loses nothing and succeeds when there is room again", arguments: 0..<8)
    func retry(seed: UInt64) throws {
        try withSmallDisk { disk in
            var stream = SyntheticStream(seed: seed)
            let path = "\(disk)/a.h5"
            let writer = try StreamWriter.create(at: path, metadata: stream.metadata)
            for _ in 0..<20 { try writer.append(stream.next()) }
            try writer.flush()
            // Leave room for a few pages, another number in every round, so that the failure comes at another place.
            let filler = "\(disk)/filler"
            try Data().write(to: URL(filePath: filler))
            let handle = try #require(FileHandle(forWritingAtPath: filler))
            var pages = 0
            while (try? handle.write(contentsOf: Data(count: 4096))) != nil { pages += 1 }
            try handle.truncate(atOffset: UInt64((pages - Int(seed)) * 4096))
            var failures = 0
            for _ in 0..<40 {
                try writer.append(stream.next(length: 500))
                do throws(StreamError) { try writer.flush() } catch {
                    guard case .diskFull = error else {
                        Issue.record("expected diskFull, got \(error)")
                        break
                    }
                    failures += 1
                }
            }
            #expect(failures > 0)
            #expect(throws: StreamError.self) { try writer.seal() }
            try handle.close()
            try FileManager.default.removeItem(atPath: filler)
            try writer.flush()
            #expect(writer.durableCount == 60)
            #expect(try StreamContents(path: path).equals(stream, 60))
            try writer.seal()
            #expect(try StreamContents(path: path).equals(stream, 60))
        }
    }
}
