import FoundationEssentials
import Glibc
import Histories
import TestSupport
import Testing

@Suite("Gathering streams")
struct GatheringTests {
    /// A run's folder with streams that were sealed, and growing ones.
    private func makeRun(_ folder: TemporaryFolder, _ name: String, sealed: [Int], growing: [Int] = []) throws -> String
    {
        for task in sealed + growing {
            let path = folder("\(name)/histories/task-\(task)/actor-0.h5")
            try FileManager.default.createDirectory(
                atPath: String(path.dropLast("/actor-0.h5".count)), withIntermediateDirectories: true)
            var stream = SyntheticStream(seed: UInt64(task + 1))
            let writer = try StreamWriter.create(at: path, metadata: stream.metadata)
            for _ in 0..<30 { try writer.append(stream.next()) }
            if sealed.contains(task) { try writer.seal() } else { try writer.close() }
        }
        return folder(name)
    }

    private func gather(_ sources: [String], into target: String) throws -> [StreamGathering.Outcome] {
        let gathering = StreamGathering(into: target)
        return try sources.flatMap { source in
            let found = try StreamFolder(path: source)
            return try found.files.map { try gathering.gather($0, of: found) }
        }
    }

    @Test("brings those of two runs together, whole and byte by byte, and leaves growing ones where they are")
    func twoRuns() throws {
        let folder = try TemporaryFolder()
        let sources = [
            try makeRun(folder, "a", sealed: [0, 1], growing: [2]), try makeRun(folder, "b", sealed: [3]) + "/",
        ]
        let outcomes = try gather(sources, into: folder("all"))
        #expect(outcomes.count { if case .copied = $0 { true } else { false } } == 3 && outcomes.contains(.growing))
        let all = try StreamFolder(path: folder("all"))
        #expect(all.files == [0, 1, 3].map { folder("all/histories/task-\($0)/actor-0.h5") })
        #expect(all.files.allSatisfy { StreamVerification(path: $0).isSound })
        for (name, task) in [("a", 0), ("a", 1), ("b", 3)] {
            let place = "histories/task-\(task)/actor-0.h5"
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: folder(name + "/" + place)))
                    == Data(contentsOf: URL(fileURLWithPath: folder("all/" + place))))
        }
    }

    @Test("goes on where it was interrupted, and copies nothing twice") func again() throws {
        let folder = try TemporaryFolder()
        let source = try makeRun(folder, "a", sealed: [0, 1, 2])
        let found = try StreamFolder(path: source)
        let gathering = StreamGathering(into: folder("all"))
        _ = try gathering.gather(found.files[0], of: found)
        // What a gathering leaves that is killed while it copies.
        let partial = gathering.place(of: found.files[1], in: found) + ".partial"
        try FileManager.default.createDirectory(
            atPath: folder("all/histories/task-1"), withIntermediateDirectories: true)
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: partial))
        let outcomes = try gather([source], into: folder("all"))
        #expect(outcomes[0] == .present)
        #expect(outcomes.count { if case .copied = $0 { true } else { false } } == 2)
        #expect(!FileManager.default.fileExists(atPath: partial))
        #expect(try gather([source], into: folder("all")) == [.present, .present, .present])
    }

    @Test("copies no damaged stream, and says what is wrong with it") func damaged() throws {
        let folder = try TemporaryFolder()
        let source = try makeRun(folder, "a", sealed: [0])
        let path = try StreamFolder(path: source).files[0]
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        // One bit, somewhere where it matters: parts of a file are room that nothing reads.
        try #require(
            stride(from: whole.count / 2, to: whole.count, by: 61).first { place in
                var bytes = whole
                bytes[place] ^= 1
                try? bytes.write(to: URL(fileURLWithPath: path))
                let found = StreamVerification(path: path)
                return !found.isSound && found.isSealed
            } != nil, "no bit matters")
        let outcomes = try gather([source], into: folder("all"))
        guard case .damaged(let problem) = outcomes[0] else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(problem == StreamVerification(path: path).problems.first)
        #expect((try? FileManager.default.contentsOfDirectory(atPath: folder("all/histories/task-0"))) == [])
    }

    @Test("replaces no other stream") func different() throws {
        let folder = try TemporaryFolder()
        let first = try makeRun(folder, "a", sealed: [0])
        _ = try gather([first], into: folder("all"))
        let other = folder("b/histories/task-0/actor-0.h5")
        try FileManager.default.createDirectory(atPath: folder("b/histories/task-0"), withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            atPath: try makeRun(folder, "c", sealed: [7]) + "/histories/task-7/actor-0.h5", toPath: other)
        let before = try Data(contentsOf: URL(fileURLWithPath: folder("all/histories/task-0/actor-0.h5")))
        #expect(try gather([folder("b")], into: folder("all")) == [.different])
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("all/histories/task-0/actor-0.h5"))) == before)
    }
}
