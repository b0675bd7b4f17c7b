import Coordination
import Foundation
import Histories
import TestSupport
import Testing
import Wire

extension EndToEnd {
    /// What the disk does to a cluster that collects.
    @Suite("Damaged files and a full disk", .serialized) struct DiskTests {
        private func experiment(episodes: Int = 1_000_000, more: String = "") -> String {
            EndToEndTests.experiment(learners: 1, trainTasks: 2, testTasks: 1, episodes: episodes, more: more)
        }

        @Test("streams that are cut, deleted, flipped and overwritten are named; all others go on and are whole")
        func quarantine() throws {
            let scratch = try Scratch()
            let cluster = try LaunchedCluster(experiment(), in: scratch)
            try cluster.collect(more: 20_000)
            let recorder = try cluster.node(.recorder).process
            // It must not see what is done before it dies.
            kill(Int32(recorder), SIGSTOP)
            let growing = try StreamFolder(path: cluster.folder).files.filter {
                let found = StreamVerification(path: $0)
                return !found.isSealed && found.rows > 300
            }
            try #require(growing.count > 4, "\(growing.count) streams grow")
            let victims = Array(growing.prefix(4))
            #expect(truncate(victims[0], 5000) == 0)
            try FileManager.default.removeItem(atPath: victims[1])
            let bytes = try Data(contentsOf: URL(filePath: victims[2]))
            let flipped = Data(bytes.enumerated().map { $0 % 64 == 7 && $0 > 2000 ? $1 ^ 4 : $1 })
            try flipped.write(to: URL(filePath: victims[2]))
            try Data(repeating: 0x41, count: 50_000).write(to: URL(filePath: victims[3]))
            kill(Int32(recorder), SIGKILL)
            let names = Set(victims.map { String($0.dropFirst(cluster.folder.count + 1)) })
            var named: Set<String> = []
            let areNamed = try eventually {
                named.formUnion(try cluster.status()?.quarantined.map(\.stream) ?? [])
                return named.count >= names.count
            }
            #expect(areNamed && named == names, "\(named)")
            let log = try String(contentsOfFile: cluster.folder + "/logs/coordinator-0.log", encoding: .utf8)
            for name in names { #expect(log.contains(name)) }
            try cluster.collect(more: 20_000)
            cluster.finishSoon()
            let verified = try run(["histories", "verify", cluster.folder], in: scratch, expecting: 1).standardOutput
            for name in names { #expect(verified.contains(name), "\(verified.suffix(3000))") }
            #expect(verified.contains(" \(names.count) damaged"), "\(verified.suffix(3000))")
            let left = try StreamFolder(path: cluster.folder)
            #expect(Set(left.quarantined) == Set(victims))
            #expect(left.files.count >= growing.count - victims.count && Set(left.files).isDisjoint(with: victims))
            #expect(left.files.allSatisfy { StreamVerification(path: $0).isSound && StreamReplay(path: $0).isSound })
        }

        @Test(
            "on a full disk everybody waits and says what for; with room the same processes go on, and nothing is lost",
            .enabled(if: SmallDisk.isPossible, "a tmpfs cannot be mounted here: it needs root"))
        func full() throws {
            let scratch = try Scratch()
            let disk = try #require(SmallDisk(scratch("disk"), mebibytes: 512))
            let cluster = try LaunchedCluster(
                experiment(episodes: 20_000, more: "  unacknowledged_bytes: 1048576"), named: "disk/run", in: scratch)
            try cluster.collect(more: 20_000)
            let before = try processes(cluster)
            try disk.fill()
            var found: ClusterStatus?
            let isWaiting = try eventually {
                found = try cluster.status()
                let nodes = found?.nodes ?? []
                // All of them: one whose window still has room goes on a little.
                let actors = nodes.filter { $0.role == .actor }
                return nodes.contains { $0.role == .recorder && $0.waitingFor.contains("room on the disk") }
                    && !actors.isEmpty && actors.allSatisfy { $0.waitingFor.contains("unacknowledged") }
                    && found?.numbers["unwritten_checkpoints"] ?? 0 > 0
            }
            #expect(isWaiting, "\(String(describing: found))")
            // Something that the coordinator is to write down.
            try disk.fill()
            let endpoint = try String(contentsOfFile: cluster.folder + "/coordinator.endpoint", encoding: .utf8)
            let guest = try RunningCommand(
                ["actor", "--coordinator", String(endpoint.dropLast()), "--capacity", "1"], in: scratch)
            let isSaid = try eventually {
                found = try cluster.status()
                return found?.waits.contains { $0.who == "the run" && $0.why.hasPrefix("room on the disk") } ?? false
            }
            #expect(isSaid, "\(String(describing: found))")
            let steps = try #require(try cluster.status()).environmentSteps
            sleep(6)
            let later = try #require(try cluster.status())
            #expect(later.environmentSteps == steps, "somebody goes on without room")
            #expect(cluster.command.isRunning && guest.isRunning)
            disk.makeRoom()
            try cluster.collect(more: 20_000)
            #expect(
                try eventually { try cluster.status()?.nodes.count == before.count }, "the guest is not in"
            )
            #expect(try before.isSubset(of: processes(cluster)), "a process was restarted")
            // It tries again each second.
            for words in ["the coordinator waits", "the coordinator goes on"] {
                #expect(
                    try eventually {
                        try String(contentsOfFile: cluster.folder + "/logs/coordinator-0.log", encoding: .utf8)
                            .contains(words)
                    }, "it does not say that \(words)")
            }
            cluster.finishSoon()
            try cluster.checkStreams()
        }

        /// Those of the nodes, and the coordinator's.
        private func processes(_ cluster: LaunchedCluster) throws -> Set<Int> {
            var nodes: [ClusterStatus.Node] = []
            _ = try eventually {
                nodes = try cluster.status()?.nodes ?? []
                return !nodes.isEmpty
            }
            return Set(nodes.map(\.process) + [Int(try #require(cluster.command.process(of: .coordinator)))])
        }
    }
}
