import Experience
import FoundationEssentials
import Glibc
import Histories
import Testing

@Suite("Stream files that are changed behind their writer's back")
struct TamperingTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder("a.h5")
    }

    /// A growing file with 60 durable rollouts.
    private func growing(_ stream: inout SyntheticStream) throws -> StreamWriter {
        let writer = try StreamWriter.create(at: path, metadata: stream.metadata)
        for _ in 0..<60 { try writer.append(stream.next()) }
        try writer.flush()
        return writer
    }

    private func problem(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch StreamError.damaged(_, let problem) { return problem } catch { return "not damaged: \(error)" }
    }

    @Test("a deleted file gets its name back at the next flush, and when it is sealed", arguments: [true, false])
    func deleted(isFlushed: Bool) throws {
        var stream = SyntheticStream(seed: 21)
        let writer = try growing(&stream)
        try FileManager.default.removeItem(atPath: path)
        if isFlushed {
            try writer.append(stream.next())
            try writer.flush()
            #expect(try StreamContents(path: path).equals(stream, 61))
            for _ in 0..<5 { try writer.append(stream.next()) }
        }
        try writer.seal()
        #expect(writer.restoredCount == 1)
        #expect(try StreamContents(path: path).equals(stream, stream.rollouts.count))
        #expect(StreamVerification(path: path).isSound)
    }

    @Test("another file in its place, and a shorter one, are noticed before anything is written")
    func replaced() throws {
        var stream = SyntheticStream(seed: 22)
        let writer = try growing(&stream)
        try writer.append(stream.next())
        try Data("text".utf8).write(to: URL(filePath: path + ".new"))
        try FileManager.default.moveItem(atPath: path, toPath: path + ".old")
        try FileManager.default.moveItem(atPath: path + ".new", toPath: path)
        #expect(problem { try writer.flush() }?.contains("another file") == true)
        #expect(problem { try writer.seal() }?.contains("another file") == true)
        #expect(try Data(contentsOf: URL(filePath: path)) == Data("text".utf8))
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: path + ".old", toPath: path)
        try writer.flush()
        try cut(path, to: 3000)
        try writer.append(stream.next())
        #expect(problem { try writer.flush() }?.contains("to 3000 bytes") == true)
        #expect(writer.durableCount == 61)
        writer.abandon()
    }

    @Test("what the disk has changed is never sealed, wherever it is", arguments: 0..<8)
    func sealing(round: UInt64) throws {
        var stream = SyntheticStream(seed: 30 + round)
        let writer = try growing(&stream)
        let columns = ["observations", "actions", "rewards", "terminations", "truncations", "final_observations"]
        let column = columns[Int(round) % columns.count]
        let address = try #require(
            Int(
                try python(
                    """
                    import h5py
                    with h5py.File('\(path)', 'r', swmr=True) as f:
                        print(f['\(column)'].id.get_chunk_info(0).byte_offset)
                    """
                ).filter(\.isNumber)))
        try change(path, at: address + 1) { $0 ^ 1 }
        #expect(problem { try writer.seal() } != nil, "\(column)")
        writer.abandon()
        #expect(!StreamVerification(path: path).isSound)
        #expect(!FileManager.default.fileExists(atPath: path + ".sealing"))
    }

    @Test("recovery cuts a torn end, and refuses a hole with whole rollouts behind it")
    func holes() throws {
        var stream = SyntheticStream(seed: 23)
        try growing(&stream).close()
        try copyFile(path, folder("torn.h5"))
        try python(
            """
            import h5py
            with h5py.File('\(folder("torn.h5"))', 'r+') as f:
                n = len(f['rollouts'])
                f['rollouts'].resize((n + 3, 8))
                f['rewards'].resize((len(f['rewards']) + 5,))
                f['rollouts'][n - 1, 5] += 1
            """)
        #expect(try StreamWriter.recover(at: folder("torn.h5")).durableCount == 59)
        for change in ["f['rollouts'][30, 1] += 1", "f['rollouts'][30, 0] = 0", "f['rollouts'][2] = 0"] {
            try copyFile(path, folder("hole.h5"))
            try python("import h5py\nwith h5py.File('\(folder("hole.h5"))', 'r+') as f: \(change)")
            #expect(problem { _ = try StreamWriter.recover(at: folder("hole.h5")) }?.contains("is whole") == true)
        }
    }

    @Test("what was moved aside is never overwritten, and is found by folder and by name")
    func aside() throws {
        var stream = SyntheticStream(seed: 24)
        try growing(&stream).seal()
        try copyFile(path, folder("b.h5"))
        for round in 1...3 {
            try Data("\(round)".utf8).write(to: URL(filePath: path))
            let (mark, failure) = StreamQuarantine.setAside(
                path, reason: "round \(round)", nextSequence: 7, nextEpisode: 3)
            #expect(failure == nil)
            #expect(mark.movedTo == (round == 1 ? "a.h5.damaged" : "a.h5.damaged-\(round)"))
            #expect(try Data(contentsOf: URL(filePath: folder(mark.movedTo))) == Data("\(round)".utf8))
            #expect(StreamQuarantine(of: path) == mark)
        }
        #expect(StreamQuarantine(of: folder("b.h5")) == nil)
        let found = try StreamFolder(path: folder.path)
        #expect(found.files == [folder("b.h5")])
        #expect(found.quarantined == [path])
        #expect(try StreamFolder(path: path).quarantined == [path])
        try FileManager.default.removeItem(atPath: path + ".quarantine")
        #expect(StreamQuarantine(of: path)?.movedTo == "a.h5.damaged")
        #expect(!StreamVerification(quarantined: path).isSound)
    }
}

private func cut(_ path: String, to length: Int) throws { #expect(truncate(path, off_t(length)) == 0) }

/// Changes one byte, in the same file.
private func change(_ path: String, at position: Int, _ change: (UInt8) -> UInt8) throws {
    let descriptor = open(path, O_RDWR)
    defer { close(descriptor) }
    var byte: UInt8 = 0
    #expect(pread(descriptor, &byte, 1, off_t(position)) == 1)
    byte = change(byte)
    #expect(pwrite(descriptor, &byte, 1, off_t(position)) == 1)
}
