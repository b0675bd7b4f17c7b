import Experience
import Foundation
import Histories
import Testing

@Suite("Streams of a run that lie with recorders elsewhere") struct RecorderLinksTests {
    private let folder = NSTemporaryDirectory() + "distillery-links-" + UUID().uuidString
    private let lifetimes = [
        LifetimeIdentifier(task: 3, repetition: 1),
        LifetimeIdentifier(collection: .evaluation("step-1-test"), task: 4, repetition: 0),
    ]

    private func make(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// A run's folder, and another in which a recorder writes.
    private func makeRun() throws -> (run: String, disk: String, links: RecorderLinks) {
        let (run, disk) = (folder + "/run", folder + "/disk")
        try make(run)
        return (run, disk, RecorderLinks(run: run))
    }

    private func record(_ lifetime: LifetimeIdentifier, in folder: String) throws -> String {
        let path = folder + "/" + StreamIdentifier(lifetime: lifetime, actor: 0).path
        try make((path as NSString).deletingLastPathComponent)
        var stream = SyntheticStream(seed: UInt64(lifetime.task))
        let writer = try StreamWriter.create(at: path, metadata: stream.metadata)
        for _ in 0..<10 { try writer.append(stream.next()) }
        try writer.seal()
        return path
    }

    @Test("a folder keeps its identity, and of several processes that make one the first does") func identity() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(FolderIdentity.read(folder) == nil)
        let path = folder
        nonisolated(unsafe) var made = [String?](repeating: nil, count: 8)
        let lock = NSLock()
        DispatchQueue.concurrentPerform(iterations: made.count) { index in
            let identity = try? FolderIdentity.make(path)
            lock.withLock { made[index] = identity }
        }
        #expect(Set(made).count == 1 && made[0] != nil)
        #expect(FolderIdentity.read(folder) == made[0])
        let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/histories")
        #expect(names == [".recorder.id"])
    }

    @Test("are found at their places in the run") func found() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (run, disk, links) = try makeRun()
        let keeper = try links.keeper(identity: FolderIdentity.make(disk))
        try links.note(keeper, at: .init(host: "here", path: disk))
        var listings = FolderListings()
        for lifetime in lifetimes {
            #expect(links.keeper(of: lifetime) == nil)
            try links.link(lifetime, to: keeper)
            #expect(links.keeper(of: lifetime) == keeper)
            // Looked at before the recorder has made its folder, which changes nothing in the run's.
            #expect(try StreamFolder(path: run, listings: &listings).elsewhere.isEmpty)
            let file = try record(lifetime, in: disk)
            let place = run + file.dropFirst(disk.count)
            #expect(try StreamFolder(path: run, listings: &listings).files.contains(place))
            #expect(StreamVerification(path: place).isSound)
        }
        // Where the disk is mounted elsewhere, the recorder says so.
        try FileManager.default.moveItem(atPath: disk, toPath: folder + "/moved")
        try links.note(keeper, at: .init(host: "here", path: folder + "/moved"))
        #expect(try StreamFolder(path: run).files.count == 2)
    }

    @Test("of another host are named with their place, and are there once they were gathered") func elsewhere() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (run, disk, links) = try makeRun()
        let keeper = try links.keeper(identity: FolderIdentity.make(disk))
        try links.note(keeper, at: .init(host: "far", path: "/scratch/run"))
        for lifetime in lifetimes {
            try links.link(lifetime, to: keeper)
            _ = try record(lifetime, in: disk)
        }
        let lacking = try StreamFolder(path: run)
        #expect(lacking.files.isEmpty && lacking.elsewhere.count == 2)
        let reason = try #require(lacking.reasonElsewhere(below: "histories"))
        #expect(reason.contains("far:/scratch/run") && reason.contains("histories gather") && !reason.contains("and 1"))
        let source = try StreamFolder(path: disk)
        for file in source.files {
            guard case .copied = try StreamGathering(into: run).gather(file, of: source) else {
                Issue.record("\(file) was not copied")
                continue
            }
        }
        let whole = try StreamFolder(path: run)
        #expect(whole.files.count == 2 && whole.elsewhere.isEmpty)
    }

    @Test("in a folder within the run's are found where the run has moved") func moved() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (run, _, links) = try makeRun()
        let keeper = try links.keeper(identity: FolderIdentity.make(run + "/recorder-1"))
        try links.note(keeper, at: .init(host: "here", path: run + "/recorder-1"))
        try links.link(lifetimes[0], to: keeper)
        _ = try record(lifetimes[0], in: run + "/recorder-1")
        try FileManager.default.moveItem(atPath: run, toPath: folder + "/moved")
        #expect(try StreamFolder(path: folder + "/moved").files.count == 1)
    }

    @Test("what lies in the run's own folder needs no link") func own() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (run, _, links) = try makeRun()
        let keeper = try links.keeper(identity: FolderIdentity.make(run))
        #expect(keeper == RecorderLinks.own)
        try links.note(keeper, at: .init(host: "here", path: run))
        try links.link(lifetimes[0], to: keeper)
        #expect(links.keeper(of: lifetimes[0]) == nil)
        _ = try record(lifetimes[0], in: run)
        #expect(links.keeper(of: lifetimes[0]) == RecorderLinks.own)
        #expect(try FileManager.default.contentsOfDirectory(atPath: run) == ["histories"])
    }
}
