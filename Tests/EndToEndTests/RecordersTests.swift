import Coordination
import Experience
import Foundation
import Histories
import Testing
import Wire

extension EndToEnd {
    @Suite("Several recorders", .serialized) struct RecordersTests {
        /// What lies in a recorder's folder, links not followed.
        private func streams(in folder: String) throws -> Set<String> {
            let names = try FileManager.default.subpathsOfDirectory(atPath: folder + "/histories")
            return Set(names.map { "histories/" + $0 }.filter { StreamIdentifier(path: $0) != nil })
        }

        private func transitions(_ status: ClusterStatus?, in folder: String) -> Double? {
            status?.nodes.first { $0.role == .recorder && $0.folder == folder }?.numbers["transitions"]
        }

        /// The lock of the recorder that was just killed, in place of its successor.
        private func held(_ folder: String) -> Int32? {
            let descriptor = open(folder + "/histories/.recorder.lock", O_RDWR | O_CLOEXEC)
            guard descriptor >= 0 else { return nil }
            // The kernel may be at work on the one that died.
            for _ in 0..<1000 where flock(descriptor, LOCK_EX | LOCK_NB) != 0 { usleep(100) }
            return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? descriptor : nil
        }

        @Test("one is killed and comes back late: the other's streams go on, and all end whole, each in one place")
        func killed() throws {
            let scratch = try Scratch()
            let folders = ["first", "second"].map { scratch($0) }
            let text = experiment(actors: 4, processes: 2, learners: 2, trainTasks: 6, testTasks: 2, episodes: 12_000)
                .replacingOccurrences(of: "  learners: 2\n", with: "  learners: 2\n  recorders: 2\n")
            let cluster = try LaunchedCluster(
                text, more: folders.flatMap { ["--recorder-folder", $0] }, in: scratch)
            var status: ClusterStatus?
            #expect(
                try eventually {
                    status = try cluster.status()
                    return folders.allSatisfy { transitions(status, in: $0) ?? 0 > 2000 }
                }, "\(String(describing: status?.nodes))")
            let victim = try #require(status?.nodes.first { $0.folder == folders[1] })
            Foundation.kill(Int32(victim.process), SIGKILL)
            // Its successor has to wait for the folder.
            let lock = try #require(held(folders[1]))
            for _ in 0..<3 {
                let before = transitions(try cluster.status(), in: folders[0]) ?? 0
                #expect(try eventually { transitions(try cluster.status(), in: folders[0]) ?? 0 > before + 500 })
            }
            let successor = try cluster.status()?.nodes.first { $0.folder == folders[1] }
            #expect(successor?.numbers["transitions"] ?? 0 == 0)
            close(lock)
            #expect(try eventually { transitions(try cluster.status(), in: folders[1]) ?? 0 > 500 })
            #expect(cluster.command.wait() == 0, "\(cluster.command.standardError.suffix(3000))")
            let found = try folders.map { try streams(in: $0) }
            #expect(found[0].isDisjoint(with: found[1]) && !found[0].isEmpty && !found[1].isEmpty)
            #expect(found[0].count + found[1].count == 8 * 4)
            #expect(try streams(in: cluster.folder).isEmpty)
            #expect(try StreamFolder(path: cluster.folder).files.count == 8 * 4)
            try cluster.checkStreams()
            // Everything in one place, as for a disk that others read.
            try run(["histories", "gather", cluster.folder, "--out", scratch("all")], in: scratch)
            #expect(try streams(in: scratch("all")) == found[0].union(found[1]))
        }
    }
}
