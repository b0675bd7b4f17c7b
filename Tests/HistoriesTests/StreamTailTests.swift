import Environments
import Experience
import FoundationEssentials
import Histories
import TestSupport
import Testing

@Suite("The tail of a stream")
struct StreamTailTests {
    /// Reads on until nothing is new; gives the rollouts that came and the actions of their rows.
    private func readOn(
        _ tail: inout StreamTail, _ path: String, rowLimit: Int = 100
    ) throws -> (rollouts: [RolloutRecord], actions: [UInt8])? {
        var (rollouts, actions): ([RolloutRecord], [UInt8]) = ([], [])
        while true {
            guard case .piece(let piece) = try tail.read(path: path, rowLimit: rowLimit, accepts: { _ in true }) else {
                return nil
            }
            rollouts += piece.rollouts
            let count = piece.rollouts.reduce(0) { $0 + Int($1.length) }
            actions += piece.rows[.actions].prefix(count)
            #expect(count <= rowLimit + 40)
            if piece.isLast { return (rollouts, actions) }
        }
    }

    @Test(
        "gives each rollout once, while the file grows, is taken up by another writer and is sealed", arguments: 1...4)
    func follows(seed: UInt64) throws {
        let folder = try TemporaryFolder()
        let path = folder("a.h5")
        var random = SplitMix(seed: seed)
        var stream = SyntheticStream(seed: seed)
        var writer = try StreamWriter.create(at: path, metadata: stream.metadata)
        var tail = StreamTail()
        var found: (rollouts: [RolloutRecord], actions: [UInt8]) = ([], [])
        for _ in 0..<40 {
            for _ in 0..<Int.random(in: 0...20, using: &random) { try writer.append(stream.next()) }
            try writer.flush()
            if Int.random(in: 0..<5, using: &random) == 0 {
                try writer.close()
                writer = try StreamWriter.recover(at: path)
                stream.reincarnate()
            }
            let more = try #require(try readOn(&tail, path), "seed \(seed)")
            found = (found.rollouts + more.rollouts, found.actions + more.actions)
            #expect(found.rollouts.count == stream.rollouts.count, "seed \(seed)")
        }
        try writer.append(stream.next())
        try writer.seal()
        let more = try #require(try readOn(&tail, path), "seed \(seed)")
        let contents = try StreamContents(path: path)
        #expect(found.rollouts + more.rollouts == contents.rollouts, "seed \(seed)")
        #expect(found.actions + more.actions == contents.rows[.actions], "seed \(seed)")
        #expect(try readOn(&tail, path)?.rollouts.isEmpty == true)
    }

    @Test("says so where the file is another than the one that was read, or was cut")
    func replaced() throws {
        let folder = try TemporaryFolder()
        var stream = SyntheticStream(seed: 5)
        var writer = try StreamWriter.create(at: folder("a.h5"), metadata: stream.metadata)
        for _ in 0..<10 { try writer.append(stream.next()) }
        try writer.close()
        try copyFile(folder("a.h5"), folder("earlier.h5"))
        var tail = StreamTail()
        writer = try StreamWriter.recover(at: folder("a.h5"))
        for _ in 0..<5 { try writer.append(stream.next()) }
        try writer.close()
        #expect(try readOn(&tail, folder("a.h5"))?.rollouts.count == 15)
        #expect(try readOn(&tail, folder("earlier.h5")) == nil)
        // Another attempt, which came as far in the same rollouts.
        var again = SyntheticStream(seed: 5)
        writer = try StreamWriter.create(at: folder("again.h5"), metadata: again.metadata)
        for _ in 0..<20 { try writer.append(again.next()) }
        try writer.close()
        #expect(try readOn(&tail, folder("again.h5")) == nil)
        var fresh = StreamTail()
        #expect(try readOn(&fresh, folder("again.h5"))?.rollouts.count == 20)
    }

    @Test("ends before a rollout whose rows are damaged, and goes on when they are whole again")
    func damaged() throws {
        let folder = try TemporaryFolder()
        let stream = try grownStream(folder("a.h5"), rollouts: 30)
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder("a.h5")))
        // The rewards of rollout 20, found by their bytes.
        let rewards = stream.rollouts[20].batch.rewards.flatMap { value in withUnsafeBytes(of: value) { Array($0) } }
        let place = try #require(whole.firstRange(of: Data(rewards)))
        var damaged = whole
        damaged[place.lowerBound + 2] ^= 0x40
        try damaged.write(to: URL(fileURLWithPath: folder("a.h5")))
        var tail = StreamTail()
        #expect(try readOn(&tail, folder("a.h5"))?.rollouts.count == 20)
        // Its writer has put it right.
        try whole.write(to: URL(fileURLWithPath: folder("a.h5")))
        #expect(try readOn(&tail, folder("a.h5"))?.rollouts.count == 10)
    }

    private func grownStream(_ path: String, rollouts: Int) throws -> SyntheticStream {
        var stream = SyntheticStream(seed: 9)
        let writer = try StreamWriter.create(at: path, metadata: stream.metadata)
        for _ in 0..<rollouts { try writer.append(stream.next(length: 30)) }
        try writer.close()
        return stream
    }

    @Test("a folder in which nothing has changed is not listed again, and one in which something has is")
    func listings() throws {
        let folder = try TemporaryFolder()
        var listings = FolderListings()
        #expect(throws: StreamError.self) { try StreamFolder(path: folder("none"), listings: &listings) }
        #expect(try StreamFolder(path: folder.path, listings: &listings).files.isEmpty)
        for number in 0..<3 {
            let path = folder("task-\(number)/a.h5")
            try FileManager.default.createDirectory(atPath: folder("task-\(number)"), withIntermediateDirectories: true)
            _ = try grownStream(path, rollouts: 1)
            #expect(try StreamFolder(path: folder.path, listings: &listings).files.count == number + 1)
        }
        try FileManager.default.removeItem(atPath: folder("task-1/a.h5"))
        #expect(
            try StreamFolder(path: folder.path, listings: &listings).files
                == [folder("task-0/a.h5"), folder("task-2/a.h5")])
    }
}
