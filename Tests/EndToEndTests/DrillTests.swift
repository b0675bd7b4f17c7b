import Benchmarks
import Coordination
import Foundation
import Histories
import Simulation
import TestSupport
import Testing
import Wire

extension EndToEnd {
    /// Processes are killed, stopped, scaled and sent home while a cluster collects; afterwards every stream is whole.
    @Suite("A drill", .serialized) struct DrillTests {
        @Test("each role is killed in turn, then everything at once; resumed, the run ends with every stream whole")
        func everyRole() throws {
            let scratch = try Scratch()
            let cluster = try LaunchedCluster(experiment(learners: 1, episodes: 60_000), in: scratch)
            for role in [RoleName.recorder, .learner, .actor, .coordinator] {
                try cluster.collect(more: 20_000)
                try cluster.kill(role)
            }
            try cluster.collect(more: 20_000)
            cluster.command.killAlone()
            #expect(eventually { cluster.command.survivors.isEmpty }, "the children outlived their parent")
            try cluster.resume()
            try cluster.collect(more: 20_000)
            cluster.finishSoon()
            try cluster.checkStreams()
        }

        @Test(
            "lockstep: killed and resumed, the streams are those of an undisturbed run, from a source with a replay, too",
            arguments: [
                (source: "rollout_length: 10", episodes: 4000),
                (
                    source: "algorithm: q-lambda, sequence_length: 20, overlap: 11, batch: 4, replay_transitions: 4000",
                    episodes: 1000
                ),
            ])
        func lockstep(source: String, episodes: Int) throws {
            let scratch = try Scratch()
            let text = experiment(synchronization: "lockstep", learners: 1, trainTasks: 2, episodes: episodes)
                .replacingOccurrences(of: "rollout_length: 10", with: source)
            let cluster = try LaunchedCluster(text, in: scratch)
            for role in [RoleName.actor, .coordinator, .learner] {
                try cluster.collect(more: 10_000)
                try cluster.kill(role)
            }
            try cluster.collect(more: 10_000)
            cluster.command.killAlone()
            #expect(eventually { cluster.command.survivors.isEmpty })
            try cluster.resume()
            #expect(cluster.command.wait() == 0, "\(cluster.command.standardError.suffix(2000))")
            let undisturbed = try LaunchedCluster(text, named: "undisturbed", in: scratch)
            #expect(undisturbed.command.wait() == 0)
            #expect(try readDataset(cluster.folder) == readDataset(undisturbed.folder))
        }

        @Test("a process that hangs is ended and replaced") func hangs() throws {
            let scratch = try Scratch()
            let cluster = try LaunchedCluster(experiment(learners: 1, episodes: 60_000), in: scratch)
            for role in [RoleName.recorder, .actor] {
                try cluster.collect(more: 20_000)
                let node = try cluster.node(role)
                Foundation.kill(Int32(node.process), SIGSTOP)
                #expect(
                    try eventually {
                        try cluster.status().map { !$0.nodes.contains { $0.name == node.name } } ?? false
                    },
                    "\(node.name) is still taken to be there")
            }
            try cluster.collect(more: 20_000)
            cluster.finishSoon()
            try cluster.checkStreams()
        }

        @Test("an elastic lifetime is scaled up, to none and back, and a node is drained, while it is learnt")
        func scale() throws {
            let scratch = try Scratch()
            let text = experiment(actors: 4, processes: 1, learners: 1, trainTasks: 2, episodes: 200_000)
                .replacingOccurrences(of: "  test_lifetimes: 1\n", with: "  test_lifetimes: 0\n  elastic: true\n")
                .replacingOccurrences(of: "  learners: 1\n", with: "  learners: 1\n  actors_per_process: 5\n")
            let cluster = try LaunchedCluster(text, in: scratch)
            try cluster.collect(more: 10_000)
            let learner = try cluster.node(.learner).process
            for actors in [20, 3, 0, 10] {
                try cluster.say(["scale", "actors=\(actors)"])
                let isThere = try eventually {
                    let carriers = try cluster.status()?.nodes.filter { $0.role == .actor } ?? []
                    let carried = carriers.reduce(0) { $0 + Int($1.numbers["actors"] ?? 0) }
                    return carriers.count == (actors + 4) / 5 && carried == actors
                }
                let nodes = try cluster.status()?.nodes ?? []
                #expect(isThere, "\(actors) actors: \(nodes)")
                if actors > 0 { try cluster.collect(more: 10_000) }
            }
            let drained = try cluster.node(.actor)
            try cluster.say(["drain", drained.name])
            #expect(
                try eventually { try cluster.status().map { !$0.nodes.contains { $0.name == drained.name } } ?? false })
            try cluster.collect(more: 10_000)
            #expect(try cluster.node(.learner).process == learner, "the learner was restarted")
            cluster.finishSoon()
            try cluster.checkStreams()
            let gaps = try StreamFolder(path: cluster.folder).files.map { StreamVerification(path: $0).cutEpisodes }
            #expect(gaps.allSatisfy { $0 == 0 }, "an episode was cut")
        }

        @Test("a role that fails again and again ends the run with its name and its log") func hopeless() throws {
            let scratch = try Scratch()
            let cluster = try LaunchedCluster(experiment(learners: 1, episodes: 60_000), in: scratch)
            try cluster.collect(more: 1000)
            _ = try eventually {
                if let learner = try cluster.status()?.nodes.first(where: { $0.role == .learner }) {
                    Foundation.kill(Int32(learner.process), SIGSEGV)
                }
                return !cluster.command.isRunning
            }
            #expect(cluster.command.wait() == 1)
            let said = cluster.command.standardError
            #expect(said.contains("the learner failed 5 times in a row"), "\(said.suffix(2000))")
            #expect(said.contains("logs/learner-"))
            #expect(cluster.command.survivors.isEmpty)
        }

        @Test("three variants, two seeds and four evaluations: whatever is killed, each item of the plan is done once")
        func wholeRun() throws {
            let scratch = try Scratch()
            let drill = try run(
                ["bench", "drill", "--whole-runs", "--minutes", "0.01", "--every", "3", "--json"], in: scratch)
            let document = try JSONSerialization.jsonObject(with: Data(drill.standardOutput.utf8)) as? [String: Any]
            let results = try #require(document?["results"] as? [[String: Any]], "\(drill.standardOutput)")
            let measured = try #require(results.first?["measured"] as? [String: Double])
            #expect(measured["runs"] == 1)
            #expect(measured.contains { $0.key.hasSuffix("_kills") && $0.value > 0 }, "\(measured)")
            // 80 of histories; of evaluations two for each job.
            #expect(measured["distillations"] == 6 && measured["evaluations"] == 23 && measured["jobs"] == 58)
            #expect(try measured["streams"] == 80 + 2 * 58 && #require(measured["transitions"]) > 100_000)
            for name in StreamFindings.losses + WholeRunsDrill.losses where measured[name] ?? 0 != 0 {
                Issue.record("\(name): \(measured)\n\(drill.standardError.suffix(3000))")
            }
            #expect(Set(PlanFindings.losses).isSubset(of: measured.keys))
        }

        @Test("two coordinators of one run refuse each other") func twoCoordinators() throws {
            let scratch = try Scratch()
            let cluster = try LaunchedCluster(experiment(learners: 1, episodes: 60_000), in: scratch)
            try cluster.collect(more: 1000)
            let second = try run(["coordinator", cluster.folder, "--goal", "collect"], in: scratch, expecting: 1)
            #expect(second.standardError.contains("another coordinator"), "\(second.standardError)")
            try cluster.collect(more: 1000)
            cluster.command.interrupt()
            #expect(cluster.command.wait() == 130)
            #expect(cluster.command.survivors.isEmpty)
        }
    }
}

/// A cluster that collects until it is told to come to its end.
final class LaunchedCluster {
    let folder: String
    private(set) var command: RunningCommand
    private let arguments: [String]
    private let scratch: Scratch

    /// `more`: further options of `launch`.
    init(_ experiment: String, named name: String = "run", more: [String] = [], in scratch: Scratch) throws {
        self.scratch = scratch
        folder = scratch(name)
        arguments = ["launch", try scratch.write(name + ".yaml", experiment), "--out", folder] + more
        command = try RunningCommand(arguments, in: scratch)
    }

    func resume() throws { command = try RunningCommand(arguments + ["--resume"], in: scratch) }

    func status() throws -> ClusterStatus? { try EndToEndTests.status(of: folder, in: scratch) }

    func say(_ words: [String]) throws {
        let endpoint = try String(contentsOfFile: folder + "/coordinator.endpoint", encoding: .utf8).dropLast()
        try run(words + ["--coordinator", String(endpoint)], in: scratch)
    }

    func node(_ role: RoleName) throws -> ClusterStatus.Node {
        var found: ClusterStatus.Node?
        _ = try eventually {
            found = try status()?.nodes.filter { $0.role == role && !$0.isLeaving }.min { $0.name < $1.name }
            return found != nil
        }
        return try #require(found, "no \(role.rawValue); \(command.standardError.suffix(2000))")
    }

    /// Waits until the recorder has taken so many more transitions.
    func collect(more: Double) throws {
        var before: (name: String, transitions: Double)?
        let isDone = try eventually {
            guard command.isRunning else { return true }
            let recorder = try status()?.nodes.first { $0.role == .recorder }
            guard let recorder, let transitions = recorder.numbers["transitions"] else { return false }
            // Another recorder begins to count anew.
            if before?.name != recorder.name { before = (recorder.name, transitions) }
            return transitions >= (before?.transitions ?? 0) + more
        }
        try #require(isDone && command.isRunning, "nothing is collected; \(command.standardError.suffix(3000))")
    }

    /// As the kernel kills; waits until another process is in its place.
    func kill(_ role: RoleName) throws {
        guard role != .coordinator else { return try killCoordinator() }
        let victim = try node(role)
        Foundation.kill(Int32(victim.process), SIGKILL)
        let isReplaced = try eventually {
            let nodes = try status()?.nodes ?? []
            return nodes.contains { $0.role == role } && !nodes.contains { $0.process == victim.process }
        }
        #expect(isReplaced, "no other \(role.rawValue)")
    }

    private func killCoordinator() throws {
        Foundation.kill(try #require(command.process(of: .coordinator)), SIGKILL)
        #expect(try eventually { try status()?.nodes.contains { $0.role == .recorder } ?? false })
    }

    /// Ctrl-C: the streams stay where they are.
    func finishSoon() {
        command.interrupt()
        #expect(command.wait() == 130, "\(command.standardError.suffix(2000))")
        #expect(command.survivors.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: folder + "/coordinator.endpoint"))
    }

    /// Everything that is on the disk is whole and true.
    func checkStreams() throws {
        let verified = try run(["histories", "verify", folder], in: scratch)
        #expect(verified.standardOutput.contains(" 0 damaged"), "\(verified.standardOutput.suffix(2000))")
        try run(["histories", "replay", folder], in: scratch)
    }
}
