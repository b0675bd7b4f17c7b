import Experience
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

    /// Descriptors of this process for files below `folder`, of those that were removed too.
    private func openFiles(below folder: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)
            return target?.hasPrefix(folder) == true
        }
    }

    /// Fills the disk to its last byte until the descriptor is closed and `filler` removed.
    private func fill(_ disk: String) throws {
        try Data().write(to: URL(filePath: "\(disk)/filler"))
        let handle = try #require(FileHandle(forWritingAtPath: "\(disk)/filler"))
        while (try? handle.write(contentsOf: Data(count: 4096))) != nil {}
        try handle.close()
    }

    @Test("a short stream that finds no room again and again leaves nothing open, and is sealed when there is")
    func leaks() throws {
        try withSmallDisk { disk in
            var (first, second) = (SyntheticStream(seed: 1), SyntheticStream(seed: 2, actor: 1))
            // One is sealed from memory, the other gets its growing file.
            let sealed = try StreamWriter.open(at: "\(disk)/a.h5", metadata: first.metadata)
            let growing = try StreamWriter.open(at: "\(disk)/b.h5", metadata: second.metadata)
            try sealed.append(first.next(length: 500))
            try growing.append(second.next(length: 500))
            try fill(disk)
            let probe = FileHandle(forReadingAtPath: "\(disk)/filler")
            #expect(try openFiles(below: disk) == 1, "what is open is found")
            try probe?.close()
            for attempt in 0..<50 {
                for body in [sealed.seal, growing.flush] {
                    let error = #expect(throws: StreamError.self) { try body() }
                    guard case .diskFull? = error else {
                        Issue.record("expected diskFull, got \(String(describing: error)) in attempt \(attempt)")
                        return
                    }
                }
            }
            #expect(try openFiles(below: disk) == 0)
            #expect(try FileManager.default.contentsOfDirectory(atPath: disk) == ["filler"])
            try FileManager.default.removeItem(atPath: "\(disk)/filler")
            try sealed.seal()
            try growing.flush()
            #expect(try StreamContents(path: sealed.path).equals(first, 1))
            #expect(try StreamContents(path: growing.path).equals(second, 1))
        }
    }

    @Test("a disk that takes no new file for now is waited for: a stream's file is made afterwards")
    func readOnly() throws {
        try withSmallDisk { disk in
            var (first, second) = (SyntheticStream(seed: 1), SyntheticStream(seed: 2, actor: 1))
            let sealed = try StreamWriter.open(at: "\(disk)/a.h5", metadata: first.metadata)
            let growing = try StreamWriter.open(at: "\(disk)/b.h5", metadata: second.metadata)
            try sealed.append(first.next())
            try growing.append(second.next())
            // MS_REMOUNT and MS_RDONLY.
            try #require(mount("tmpfs", disk, "tmpfs", 32 | 1, nil) == 0)
            for body in [sealed.seal, growing.flush] {
                let error = #expect(throws: StreamError.self) { try body() }
                #expect(error?.isPassing == true, "\(String(describing: error))")
            }
            try #require(mount("tmpfs", disk, "tmpfs", 32, nil) == 0)
            try sealed.seal()
            try growing.flush()
            #expect(try StreamContents(path: sealed.path).equals(first, 1))
            #expect(try StreamContents(path: growing.path).equals(second, 1))
        }
    }
}
