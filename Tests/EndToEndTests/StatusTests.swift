import Coordination
import Foundation
import Processes
import Testing
import Wire

extension EndToEnd {
    @Suite("Status", .serialized) struct StatusTests {
        @Test(
            "of a cluster at work has all fields; watched, it goes on through a coordinator's death, and ends with 130")
        func watching() throws {
            let scratch = try Scratch()
            let folder = scratch("run")
            let path = try scratch.write("small.yaml", experiment(episodes: 1_000_000))
            let cluster = try RunningCommand(["launch", path, "--out", folder], in: scratch)
            var found: ClusterStatus?
            let isAtWork = try eventually {
                found = try status(of: folder, in: scratch)
                return found?.leases.contains { $0.updates ?? 0 > 0 && $0.parts.contains { $0.phase == "running" } }
                    ?? false
            }
            #expect(isAtWork, "\(String(describing: found)) \(cluster.standardError.suffix(2000))")
            let first = try #require(found)
            for node in first.nodes where node.role != .supervisor {
                #expect(node.numbers["resident_bytes"] ?? 0 > 1e6 && node.ageSeconds > 0, "\(node)")
            }
            #expect(first.numbers["resident_bytes"] ?? 0 > 1e6)
            #expect(first.nodes.contains { $0.role == .actor && $0.numbers["unacknowledged_limit_bytes"] ?? 0 > 0 })
            #expect(first.leases.allSatisfy { $0.learner.hasPrefix("learner") && $0.actors == 20 })

            let endpoint = try String(contentsOfFile: folder + "/coordinator.endpoint", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let text = try RunningCommand(["status", "--watch", "--coordinator", folder], in: scratch)
            let lines = try RunningCommand(
                ["status", "--watch", "--json", "--coordinator", folder + "/coordinator.endpoint"], in: scratch)
            func documents() -> [ClusterStatus] {
                lines.standardOutput.split(separator: "\n").compactMap { try? ClusterStatus(json: String($0)) }
            }
            #expect(eventually { documents().count >= 2 && text.standardOutput.contains("\nlifetime  ") })
            let coordinator = try #require(cluster.process(of: .coordinator))
            #expect(kill(coordinator, SIGKILL) == 0)
            let before = documents().last?.seconds ?? 0
            #expect(eventually { documents().last.map { $0.seconds < before && !$0.leases.isEmpty } ?? false })
            #expect(!text.standardOutput.contains("\u{1B}"))
            #expect(lines.standardOutput.split(separator: "\n").count == documents().count)

            cluster.interrupt()
            #expect(cluster.wait() == 130, "\(cluster.standardError.suffix(2000))")
            #expect(eventually { text.standardError.contains("no coordinator answers at \(endpoint); trying again") })
            for watch in [text, lines] {
                watch.interrupt()
                #expect(watch.wait() == 130, "\(watch.standardError)")
            }
        }
    }
}
