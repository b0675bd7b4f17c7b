import Experience
import FoundationEssentials
import Histories
import TestSupport
import Testing

@Suite("Stream files")
struct StreamWriterTests {
    @Test("what was appended is read back from the growing, the recovered and the sealed file")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        let path = folder("histories/task-00003/lifetime-000/actor-0000.h5")
        var stream = SyntheticStream(seed: 1)
        var writer = try StreamWriter.create(at: path, metadata: stream.metadata)
        #expect(try StreamContents(path: path).equals(stream, 0))
        for _ in 0..<100 { try writer.append(stream.next()) }
        #expect(writer.durableCount == 0)
        #expect(writer.pendingRollouts == 100)
        try writer.flush()
        #expect(writer.durableCount == 100)
        #expect(writer.pendingRows == 0)
        #expect(try StreamContents(path: path).equals(stream, 100))
        for _ in 0..<50 { try writer.append(stream.next()) }
        try writer.close()
        writer = try StreamWriter.recover(at: path)
        #expect(writer.metadata == stream.metadata)
        #expect(writer.durableCount == 150)
        stream.reincarnate()
        for _ in 0..<50 { try writer.append(stream.next()) }
        try writer.seal()
        let sealed = try StreamContents(path: path)
        #expect(sealed.equals(stream, 200))
        #expect(sealed.metadata.isComplete)
        #expect(throws: StreamError.sealed(path: path)) { try StreamWriter.recover(at: path) }
    }

    @Test("a stream without rows can be sealed")
    func empty() throws {
        let folder = try TemporaryFolder()
        let stream = SyntheticStream(seed: 1)
        try StreamWriter.create(at: folder("a.h5"), metadata: stream.metadata).seal()
        #expect(try StreamContents(path: folder("a.h5")).equals(stream, 0))
    }

    @Test("a stream that had no file is said to begin with the policy of its first rollout, whoever opened it")
    func firstPolicyVersion() throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 3)
        let first = stream.next()
        // A learner had come as far by the time that another recorder opened the stream.
        var metadata = stream.metadata
        metadata.firstPolicyVersion = first.header.policyVersion + 5
        let writer = try StreamWriter.open(at: folder("a.h5"), metadata: metadata)
        try writer.append(first)
        try writer.append(stream.next())
        try writer.seal()
        #expect(try StreamContents(path: folder("a.h5")).metadata.firstPolicyVersion == first.header.policyVersion)
    }

    @Test("a rollout that does not continue the stream is refused and changes nothing")
    func refusals() throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 2)
        let writer = try StreamWriter.create(at: folder("a.h5"), metadata: stream.metadata)
        try writer.append(stream.next())
        try writer.append(stream.next(length: 7))
        let next = stream.next(length: 8)
        func refused(_ change: (inout RolloutHeader) -> Void) {
            var batch = next.batch
            change(&batch.headers[0])
            #expect(throws: (any Error).self) { try writer.append((batch.headers[0], batch)) }
        }
        refused { $0.sequence = 1 }
        refused { $0.sequence = 3 }
        refused { $0.checksum ^= 1 }
        refused { $0.incarnation = 0 }
        refused { $0.firstEpisode += 1 }
        refused { $0.finishedEpisodes += 1 }
        refused { $0.actor = 1 }
        #expect(throws: StreamError.outOfOrder(path: folder("a.h5"), expected: 2, got: 1)) {
            try writer.append(stream.rollouts[1])
        }
        try writer.append(next)
        try writer.seal()
        #expect(try StreamContents(path: folder("a.h5")).equals(stream, 3))
    }

    @Test("a flush is due after 1,024 rows or half a second")
    func flushIsDue() throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 2)
        let writer = try StreamWriter.create(at: folder("a.h5"), metadata: stream.metadata)
        #expect(!writer.isFlushDue(now: 10_000_000_000))
        try writer.append(stream.next(length: 1000), now: 1_000_000_000)
        #expect(!writer.isFlushDue(now: 1_499_999_999))
        #expect(writer.isFlushDue(now: 1_500_000_000))
        try writer.append(stream.next(length: 24), now: 1_000_000_001)
        #expect(writer.isFlushDue(now: 1_000_000_001))
        try writer.flush()
        #expect(!writer.isFlushDue(now: 9_000_000_000))
    }

    @Test("a deleted file that is put back while its folder cannot be synced is put back once, and goes on afterwards")
    func putBack() throws {
        let folder = try TemporaryFolder()
        let path = folder("a.h5")
        var stream = SyntheticStream(seed: 6)
        let watched = WatchedCalls()
        let writer = try StreamWriter.open(at: path, metadata: stream.metadata, calls: watched.calls)
        try writer.append(stream.next())
        try writer.flush()
        try writer.append(stream.next())
        try writer.flush()
        try FileManager.default.removeItem(atPath: path)
        try writer.append(stream.next())
        watched.watch()
        let error = StreamError.diskFull(path: path, operation: "test")
        watched.fail(.synchronizeFolder, with: error)
        for _ in 0..<3 { #expect(throws: error) { try writer.flush() } }
        #expect(writer.durableCount == 2)
        watched.fail(.synchronizeFolder, with: nil)
        try writer.flush()
        #expect(writer.durableCount == 3 && writer.restoredCount == 1)
        #expect(try StreamContents(path: path).equals(stream, 3))
    }

    @Test("more streams can grow at once than files stay open")
    func manyStreams() throws {
        let folder = try TemporaryFolder()
        var streams = (0..<140).map { SyntheticStream(seed: 7, actor: $0) }
        let writers = try streams.map {
            try StreamWriter.create(at: folder("\($0.metadata.actor).h5"), metadata: $0.metadata)
        }
        for _ in 0..<2 {
            for index in streams.indices {
                try writers[index].append(streams[index].next())
                try writers[index].flush()
            }
        }
        for (writer, stream) in zip(writers, streams) {
            #expect(try StreamContents(path: writer.path).equals(stream, 2))
            try writer.seal()
            #expect(try StreamContents(path: writer.path).equals(stream, 2))
        }
    }

    @Test("opening starts a stream, takes one up and refuses another stream's file and what no crash leaves")
    func opening() throws {
        let folder = try TemporaryFolder()
        let path = folder("a.h5")
        var stream = SyntheticStream(seed: 4)
        let writer = try StreamWriter.open(at: path, metadata: stream.metadata)
        try writer.append(stream.next())
        try writer.close()
        #expect(try StreamWriter.open(at: path, metadata: stream.metadata).durableCount == 1)
        #expect(throws: StreamError.self) {
            try StreamWriter.open(at: path, metadata: SyntheticStream(seed: 5).metadata)
        }
        for junk in [Data(count: 5000), Data(), Data("not a stream".utf8)] {
            try junk.write(to: URL(filePath: path))
            #expect(throws: StreamError.self) { try StreamWriter.open(at: path, metadata: stream.metadata) }
            let left = try Data(contentsOf: URL(filePath: path))
            #expect(left == junk, "\(left.count) bytes for \(junk.count)")
        }
    }
}
