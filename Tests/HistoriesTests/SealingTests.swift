import Environments
import Foundation
import Histories
import Synchronization
import Testing

/// What sealing asks of the system, call by call, with what lay in the folder before each.
final class WatchedCalls: Sendable {
    enum Step: String, CaseIterable { case synchronizeFile, replaceFile, synchronizeFolder }

    private let log = Mutex<[(step: Step, path: String)]>([])
    private let failing = Mutex<[Step: StreamError]>([:])
    private let look: @Sendable (_ count: Int) -> Void

    /// `look` is called before each call, and is told how many there were.
    init(look: @escaping @Sendable (_ count: Int) -> Void = { _ in }) { self.look = look }

    var steps: [Step] { log.withLock { $0.map(\.step) } }
    var paths: [String] { log.withLock { $0.map(\.path) } }

    /// The next such calls fail, until it is nil.
    func fail(_ step: Step, with error: StreamError?) { failing.withLock { $0[step] = error } }

    private func note(_ step: Step, _ path: String) throws(StreamError) {
        look(log.withLock { $0.count })
        log.withLock { $0.append((step, path)) }
        if let error = failing.withLock({ $0[step] }) { throw error }
    }

    var calls: SealingCalls {
        let system = SealingCalls.system
        var calls = system
        calls.synchronizeFile = { (path) throws(StreamError) in
            try self.note(.synchronizeFile, path)
            try system.synchronizeFile(path)
        }
        calls.replaceFile = { (from, to) throws(StreamError) in
            try self.note(.replaceFile, to)
            try system.replaceFile(from, to)
        }
        calls.synchronizeFolder = { (path) throws(StreamError) in
            try self.note(.synchronizeFolder, path)
            try system.synchronizeFolder(path)
        }
        return calls
    }
}

@Suite("Sealing") struct SealingTests {
    /// Where the rows are when a stream is sealed.
    enum Place: CaseIterable { case memory, fileAndMemory, longFile }

    /// A stream with rows in its place, and how many of its rollouts are on the disk.
    private func makeStream(
        _ place: Place, at path: String, _ stream: inout SyntheticStream
    ) throws -> (writer: StreamWriter, durable: Int) {
        let writer = try StreamWriter.open(at: path, metadata: stream.metadata)
        for _ in 0..<5 { try writer.append(stream.next()) }
        guard place != .memory else { return (writer, 0) }
        if place == .longFile { for _ in 0..<20 { try writer.append(stream.next(length: 10_000)) } }
        try writer.flush()
        let durable = stream.rollouts.count
        for _ in 0..<5 { try writer.append(stream.next()) }
        return (writer, durable)
    }

    private func finish(_ sealing: StreamSealing) throws {
        while try !sealing.advance() {}
        if let failure = StreamSealing.commit([sealing])[0] { throw failure }
    }

    @Test("a crash at any step leaves a stream that is read, taken up and sealed", arguments: Place.allCases)
    func crashes(place: Place) throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 3)
        let (writer, durable) = try makeStream(place, at: folder("run/a.h5"), &stream)
        let watched = WatchedCalls { [path = folder.path] count in
            try? FileManager.default.copyItem(atPath: path + "/run", toPath: "\(path)/\(count)")
        }
        let sealing = StreamSealing(writer, calls: watched.calls)
        var pieces = 0
        while try !sealing.advance() {
            try FileManager.default.copyItem(atPath: folder("run"), toPath: folder("piece-\(pieces)"))
            pieces += 1
        }
        #expect(StreamSealing.commit([sealing]) == [nil])
        #expect(watched.steps == WatchedCalls.Step.allCases)
        #expect(pieces >= (place == .longFile ? 6 : 0))
        try FileManager.default.copyItem(atPath: folder("run"), toPath: folder("3"))
        // A long stream's rows are flushed before they are copied.
        let kept = place == .longFile ? stream.rollouts.count : durable
        for name in (0...3).map(String.init) + (0..<pieces).map({ "piece-\($0)" }) {
            let path = folder("\(name)/a.h5")
            // The third call has the new name before it.
            guard let number = Int(name), number >= 2 else {
                #expect(FileManager.default.fileExists(atPath: path) == (kept > 0), "\(name)")
                let next = try StreamWriter.open(at: path, metadata: stream.metadata)
                #expect(next.durableCount == UInt64(kept), "\(name)")
                for rollout in stream.rollouts[kept...] { try next.append(rollout) }
                try next.seal()
                #expect(try StreamContents(path: path).equals(stream, stream.rollouts.count))
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder(name)) == ["a.h5"])
                continue
            }
            let contents = try StreamContents(path: path)
            #expect(contents.equals(stream, stream.rollouts.count) && contents.metadata.isComplete)
            #expect(StreamVerification(path: path).problems == [])
        }
    }

    @Test(
        "a step that fails leaves the stream as it was, and sealing succeeds afterwards", arguments: Place.allCases,
        WatchedCalls.Step.allCases)
    func failures(place: Place, step: WatchedCalls.Step) throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 4)
        let (writer, durable) = try makeStream(place, at: folder("a.h5"), &stream)
        let watched = WatchedCalls()
        let error = StreamError.diskFull(path: folder("a.h5"), operation: "test")
        watched.fail(step, with: error)
        let sealing = StreamSealing(writer, calls: watched.calls)
        #expect(throws: error) { try finish(sealing) }
        sealing.abandon()
        #expect(!FileManager.default.fileExists(atPath: folder("a.h5.sealing")))
        // A long stream's rows are flushed before they are copied.
        #expect(writer.durableCount == UInt64(place == .longFile ? stream.rollouts.count : durable))
        #expect(sealing.isRenamed == (step == .synchronizeFolder))
        watched.fail(step, with: nil)
        try finish(sealing)
        #expect(writer.durableCount == UInt64(stream.rollouts.count))
        #expect(try StreamContents(path: folder("a.h5")).equals(stream, stream.rollouts.count))
    }

    @Test("streams of one folder share its sync, and none is durable before it") func group() throws {
        let folder = try TemporaryFolder()
        let watched = WatchedCalls()
        var writers: [StreamWriter] = []
        let sealings = try (0..<6).map { index in
            var stream = SyntheticStream(seed: 5, actor: index)
            let path = folder("\(index % 2)/\(index).h5")
            let writer = try makeStream(.memory, at: path, &stream).writer
            writers.append(writer)
            let sealing = StreamSealing(writer, calls: watched.calls)
            while try !sealing.advance() {}
            return sealing
        }
        let error = StreamError.diskFull(path: "", operation: "test")
        watched.fail(.synchronizeFolder, with: error)
        #expect(StreamSealing.commit(sealings) == Array(repeating: error, count: 6))
        #expect(writers.allSatisfy { $0.durableCount == 0 })
        #expect(sealings.allSatisfy { $0.isRenamed })
        watched.fail(.synchronizeFolder, with: nil)
        #expect(StreamSealing.commit(sealings) == Array(repeating: nil, count: 6))
        #expect(writers.allSatisfy { $0.durableCount == 5 })
        let steps =
            Array(repeating: WatchedCalls.Step.synchronizeFile, count: 6)
            + Array(repeating: .replaceFile, count: 6) + Array(repeating: .synchronizeFolder, count: 4)
        #expect(watched.steps == steps)
    }

    @Test("a stream that ends before it is flushed has never a growing file") func memory() throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 6)
        let writer = try makeStream(.memory, at: folder("a.h5"), &stream).writer
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
        let sealing = StreamSealing(writer)
        while try !sealing.advance() {}
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.h5.sealing"])
        #expect(StreamSealing.commit([sealing]) == [nil])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.h5"])
        #expect(try StreamContents(path: folder("a.h5")).equals(stream, 5))
    }

    @Test("what the disk has changed since it was written is not sealed", arguments: [Place.fileAndMemory, .longFile])
    func changed(place: Place) throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 7)
        let writer = try makeStream(place, at: folder("a.h5"), &stream).writer
        try writer.close()
        let observations = stream.columns(5).observations
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: folder("a.h5"))))
        let place = try #require(bytes.firstRange(of: observations))
        bytes[place.lowerBound + 1] ^= 1
        let file = try #require(FileHandle(forWritingAtPath: folder("a.h5")))
        try file.write(contentsOf: bytes)
        try file.close()
        #expect(throws: StreamError.self) { try writer.seal() }
        #expect(try Data(contentsOf: URL(filePath: folder("a.h5"))) == Data(bytes))
    }

    @Test("between the pieces of a long stream's sealing others are flushed and sealed") func pieces() throws {
        let folder = try TemporaryFolder()
        var long = SyntheticStream(seed: 8)
        var other = SyntheticStream(seed: 9)
        let sealing = StreamSealing(try makeStream(.longFile, at: folder("a.h5"), &long).writer)
        let writer = try StreamWriter.open(at: folder("b.h5"), metadata: other.metadata)
        #expect(sealing.isLong && sealing.doneBytes == 0)
        var pieces = 0
        var done = 0
        while try !sealing.advance() {
            #expect(sealing.doneBytes >= done && sealing.doneBytes <= sealing.totalBytes)
            done = sealing.doneBytes
            pieces += 1
            try writer.append(other.next())
            try writer.flush()
            #expect(writer.durableCount == UInt64(pieces))
        }
        #expect(pieces >= 6 && sealing.doneBytes == sealing.totalBytes)
        #expect(StreamSealing.commit([sealing]) == [nil])
        try writer.seal()
        #expect(try StreamContents(path: folder("a.h5")).equals(long, long.rollouts.count))
        #expect(try StreamContents(path: folder("b.h5")).equals(other, pieces))
    }

    @Test("columns are read back as they were, compressed or too short for that", arguments: [1, 500, 512, 1023, 3000])
    func layouts(rows: Int) throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: UInt64(rows))
        let writer = try StreamWriter.open(at: folder("a.h5"), metadata: stream.metadata)
        try writer.append(stream.next(length: rows))
        try writer.seal()
        #expect(try StreamContents(path: folder("a.h5")).equals(stream, 1))
        #expect(StreamVerification(path: folder("a.h5")).problems == [])
    }

    @Test("several streams are flushed together; one that fails leaves the others durable") func together() throws {
        let folder = try TemporaryFolder()
        var streams = (0..<20).map { SyntheticStream(seed: 10, actor: $0) }
        let writers = try streams.map {
            try StreamWriter.open(at: folder("\($0.metadata.actor).h5"), metadata: $0.metadata)
        }
        for round in 1...3 {
            for index in streams.indices { try writers[index].append(streams[index].next()) }
            // In the last round one finds another file in its place.
            if round == 3 {
                try FileManager.default.removeItem(atPath: folder("7.h5"))
                try Data("another".utf8).write(to: URL(filePath: folder("7.h5")))
            }
            let failures = StreamWriter.flush(writers)
            for index in streams.indices {
                let isDamaged = round == 3 && index == 7
                #expect((failures[index] != nil) == isDamaged, "\(index) in round \(round)")
                guard !isDamaged else { continue }
                #expect(writers[index].durableCount == UInt64(round) && writers[index].pendingBytes == 0)
                #expect(try StreamContents(path: folder("\(index).h5")).equals(streams[index], round))
            }
        }
        #expect(writers[7].durableCount == 2)
    }
}
