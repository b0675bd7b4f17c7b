import Experience
import Foundation
import Histories
import Synchronization
import TestSupport
import Testing

/// What is asked of the system, call by call, with what lay in the folder before each, once it is watched.
final class WatchedCalls: Sendable {
    enum Step: String, CaseIterable { case writeFile, synchronizeFile, replaceFile, synchronizeFolder }

    private let isWatching = Mutex(false)
    private let log = Mutex<[(step: Step, path: String)]>([])
    private let failing = Mutex<[Step: (error: StreamError, path: String)]>([:])
    private let look: @Sendable (_ count: Int) -> Void

    /// `look` is called before each call, and is told how many there were.
    init(look: @escaping @Sendable (_ count: Int) -> Void = { _ in }) { self.look = look }

    var steps: [Step] { log.withLock { $0.map(\.step) } }
    var paths: [String] { log.withLock { $0.map(\.path) } }

    func watch() { isWatching.withLock { $0 = true } }

    /// The next such calls for paths that end so fail, until it is nil.
    func fail(_ step: Step, of path: String = "", with error: StreamError?) {
        failing.withLock { $0[step] = error.map { ($0, path) } }
    }

    private func note(_ step: Step, _ path: String) throws(StreamError) {
        guard isWatching.withLock({ $0 }) else { return }
        look(log.withLock { $0.count })
        log.withLock { $0.append((step, path)) }
        if let (error, suffix) = failing.withLock({ $0[step] }), path.hasSuffix(suffix) { throw error }
    }

    var calls: FileCalls {
        let system = FileCalls.system
        var calls = system
        calls.writeFile = { (path, bytes) throws(StreamError) in
            do throws(StreamError) { try self.note(.writeFile, path) } catch {
                // As a disk that becomes full on the way.
                try system.writeFile(path, Array(bytes.prefix(bytes.count / 2)))
                throw error
            }
            try system.writeFile(path, bytes)
        }
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
    enum Place: CaseIterable {
        case memory, fileAndMemory, longFile

        /// What sealing asks of the system. HDF5 writes the copy of a long stream itself.
        var steps: [WatchedCalls.Step] {
            WatchedCalls.Step.allCases.filter { self != .longFile || $0 != .writeFile }
        }
    }

    /// A stream with rows in its place, and how many of its rollouts are on the disk.
    private func makeStream(
        _ place: Place, at path: String, _ stream: inout SyntheticStream, _ watched: WatchedCalls? = nil
    ) throws -> (writer: StreamWriter, durable: Int) {
        defer { watched?.watch() }
        let writer = try StreamWriter.open(at: path, metadata: stream.metadata, calls: watched?.calls ?? .system)
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
        try FileManager.default.createDirectory(atPath: folder("run"), withIntermediateDirectories: true)
        let watched = WatchedCalls { [path = folder.path] count in
            try? FileManager.default.copyItem(atPath: path + "/run", toPath: "\(path)/\(count)")
        }
        let (writer, durable) = try makeStream(place, at: folder("run/a.h5"), &stream, watched)
        let sealing = StreamSealing(writer)
        var pieces = 0
        while try !sealing.advance() {
            try FileManager.default.copyItem(atPath: folder("run"), toPath: folder("piece-\(pieces)"))
            pieces += 1
        }
        #expect(StreamSealing.commit([sealing]) == [nil])
        let steps = place.steps
        #expect(watched.steps == steps)
        #expect(place == .longFile ? pieces >= 6 : pieces == 0, "\(pieces)")
        try FileManager.default.copyItem(atPath: folder("run"), toPath: folder("\(steps.count)"))
        // A long stream's rows are flushed before they are copied.
        let kept = place == .longFile ? stream.rollouts.count : durable
        for name in (0...steps.count).map(String.init) + (0..<pieces).map({ "piece-\($0)" }) {
            let path = folder("\(name)/a.h5")
            // The last call has the new name before it.
            guard let number = Int(name), number >= steps.count - 1 else {
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
        guard place.steps.contains(step) else { return }
        let watched = WatchedCalls()
        let (writer, durable) = try makeStream(place, at: folder("a.h5"), &stream, watched)
        let error = StreamError.diskFull(path: folder("a.h5"), operation: "test")
        watched.fail(step, with: error)
        let sealing = StreamSealing(writer)
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

    @Test("streams of one folder share its sync, and none is durable before it and that of the new folder's name")
    func group() throws {
        let folder = try TemporaryFolder()
        let watched = WatchedCalls()
        var writers: [StreamWriter] = []
        let sealings = try (0..<6).map { index in
            var stream = SyntheticStream(seed: 5, actor: index)
            let path = folder("\(index % 2)/\(index).h5")
            let writer = try makeStream(.memory, at: path, &stream, watched).writer
            writers.append(writer)
            let sealing = StreamSealing(writer)
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
            Array(repeating: WatchedCalls.Step.writeFile, count: 6)
            + Array(repeating: .synchronizeFile, count: 6)
            + Array(repeating: .replaceFile, count: 6) + Array(repeating: .synchronizeFolder, count: 6)
        #expect(watched.steps == steps)
        // Twice each: the folder of the two new ones, and both of them.
        let synced = Set(watched.paths.suffix(6).map { URL(filePath: $0).deletingLastPathComponent().path })
        #expect(synced == Set([folder.path, folder("0"), folder("1")]))
    }

    @Test(
        "the names of new folders are synced before a stream in them is durable, whoever has made them",
        arguments: [true, false])
    func newFolders(isFlushed: Bool) throws {
        let folder = try TemporaryFolder()
        let watched = WatchedCalls()
        func stream(_ actor: Int) throws -> StreamWriter {
            var stream = SyntheticStream(seed: 13, actor: actor)
            return try makeStream(.memory, at: folder("task/lifetime/\(actor).h5"), &stream, watched).writer
        }
        let (first, second, third) = (try stream(0), try stream(1), try stream(2))
        // The first makes the folders, and is given up.
        let sealing = StreamSealing(first)
        while try !sealing.advance() {}
        sealing.abandon()
        let error = StreamError.diskFull(path: "", operation: "test")
        watched.fail(.synchronizeFolder, of: "/task", with: error)
        let next = StreamSealing(second)
        while try !next.advance() {}
        #expect(StreamSealing.commit([next]) == [error] && second.durableCount == 0)
        watched.fail(.synchronizeFolder, of: "/task", with: nil)
        if isFlushed { try second.flush() } else { #expect(StreamSealing.commit([next]) == [nil]) }
        #expect(second.durableCount == 5)
        let count = watched.steps.count
        try third.seal()
        // Only its own name is left to be made durable.
        #expect(watched.steps.dropFirst(count).count { $0 == .synchronizeFolder } == 1)
    }

    @Test("one of several whose copy does not reach the disk leaves the others sealed, and is sealed later")
    func oneFails() throws {
        let folder = try TemporaryFolder()
        let watched = WatchedCalls()
        var streams: [SyntheticStream] = []
        let writers = try (0..<20).map { index in
            var stream = SyntheticStream(seed: 11, actor: index)
            let writer = try makeStream(.memory, at: folder("\(index).h5"), &stream, watched).writer
            streams.append(stream)
            return writer
        }
        let sealings = try writers.map { writer in
            let sealing = StreamSealing(writer)
            while try !sealing.advance() {}
            return sealing
        }
        let error = StreamError.diskFull(path: "", operation: "test")
        watched.fail(.synchronizeFile, of: "/13.h5.sealing", with: error)
        #expect(StreamSealing.commit(sealings) == (0..<20).map { $0 == 13 ? error : nil })
        let sealed = (0..<20).filter { $0 != 13 }.map { "\($0).h5" }
        #expect(try Set(FileManager.default.contentsOfDirectory(atPath: folder.path)) == Set(sealed))
        #expect(writers.indices.allSatisfy { writers[$0].durableCount == ($0 == 13 ? 0 : 5) })
        watched.fail(.synchronizeFile, with: nil)
        try finish(sealings[13])
        for index in streams.indices {
            #expect(try StreamContents(path: folder("\(index).h5")).equals(streams[index], 5), "\(index)")
        }
    }

    @Test(
        "a sealed file whose name is not durable yet is read, never written; a flush and a second seal make it so",
        arguments: Place.allCases, [true, false])
    func replaced(place: Place, isSealedAgain: Bool) throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 12)
        let watched = WatchedCalls()
        let (writer, durable) = try makeStream(place, at: folder("a.h5"), &stream, watched)
        let count = stream.rollouts.count
        let error = StreamError.diskFull(path: folder("a.h5"), operation: "test")
        watched.fail(.synchronizeFolder, with: error)
        #expect(throws: error) { try writer.seal() }
        let bytes = try Data(contentsOf: URL(filePath: folder("a.h5")))
        let checksums = stream.rollouts.map { $0.header.checksum }
        #expect(try writer.checksums(from: 0, limit: count).starts(with: checksums.prefix(durable)))
        #expect(try writer.checksums(from: UInt64(count - 1), limit: 1) == Array(checksums.suffix(1)))
        if place != .longFile {
            #expect(throws: error) { try writer.flush() }
            #expect(writer.durableCount == UInt64(durable))
        }
        watched.fail(.synchronizeFolder, with: nil)
        if isSealedAgain { try writer.seal() } else { try writer.flush() }
        #expect(writer.durableCount == UInt64(count) && writer.pendingRollouts == 0)
        #expect(try writer.checksums(from: 0, limit: count) == checksums)
        try writer.close()
        #expect(try Data(contentsOf: URL(filePath: folder("a.h5"))) == bytes)
        #expect(try StreamContents(path: folder("a.h5")).equals(stream, count))
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
