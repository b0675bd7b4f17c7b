import Coordination
import Foundation
import Testing
import Wire

extension EndToEnd {
    @Suite("More processes than the machine has room for", .serialized) struct ProcessLimitTests {
        @Test("are refused to `scale` with the number that fits; scale back, stop and their end are obeyed at once")
        func scale() throws {
            let scratch = try Scratch()
            let text = experiment(actors: 4, processes: 2, learners: 1, trainTasks: 2, episodes: 60_000)
                .replacingOccurrences(of: "  learners: 1\n", with: "  learners: 1\n  actors_per_process: 2\n")
            let cluster = try LaunchedCluster(text, in: scratch)
            try cluster.collect(more: 1000)
            let endpoint = try String(contentsOfFile: cluster.folder + "/coordinator.endpoint", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let refused = try run(
                ["scale", "actors=65536", "--coordinator", endpoint], in: scratch, expecting: 1)
            let said = refused.standardError
            #expect(said.contains("65536 actors are 32768 processes of 2"), "\(said)")
            let fits = try #require(said.firstMatch(of: /at most actors=([0-9]+)/).flatMap { Int($0.1) }, "\(said)")
            #expect(fits > 8 && fits < 65_536)
            // What fits is taken, and obeyed, and so is the way back while processes are still started.
            try cluster.say(["scale", "actors=\(min(fits, 40))"])
            try cluster.say(["scale", "actors=4"])
            let isBack = try eventually {
                try cluster.status()?.nodes.count { $0.role == .actor && !$0.isLeaving } == 2
            }
            #expect(isBack)
            try cluster.collect(more: 1000)
            try cluster.say(["stop"])
            #expect(cluster.command.wait() == 130, "\(cluster.command.standardError.suffix(2000))")
            #expect(cluster.command.survivors.isEmpty)
        }

        @Test("are refused to an experiment, before anything is made")
        func experimentThatAsksForThousands() throws {
            let scratch = try Scratch()
            let file = try scratch.write("many.yaml", experiment(processes: 4096))
            let refused = try run(["launch", file, "--out", scratch("run")], in: scratch, expecting: 1)
            #expect(refused.standardError.contains("cluster.actor_processes"), "\(refused.standardError)")
            #expect(refused.standardError.contains("has room for"), "\(refused.standardError)")
            #expect(!FileManager.default.fileExists(atPath: scratch("run")))
            let evaluators = try scratch.write(
                "evaluators.yaml",
                experiment().replacingOccurrences(of: "evaluators: 2", with: "evaluators: 1024"))
            let other = try run(["run", evaluators, "--out", scratch("run")], in: scratch, expecting: 1)
            #expect(other.standardError.contains("cluster.evaluators"), "\(other.standardError)")
        }

        @Test("doctor says how many there is room for")
        func doctor() throws {
            let scratch = try Scratch()
            let said = try run(["doctor"], in: scratch).standardOutput
            #expect(said.contains("processes: room for "), "\(said)")
        }
    }
}
