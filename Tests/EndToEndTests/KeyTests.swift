import Coordination
import Foundation
import Testing
import Wire

extension EndToEnd {
    @Suite("Keys", .serialized) struct KeyTests {
        let scratch: Scratch
        var keys: String { scratch("keys") }

        init() throws {
            scratch = try Scratch()
            try EndToEndTests.run(["keys", "generate", keys], in: scratch)
        }

        @Test("a run with keys listens where other hosts reach it, and ends well") func exposedRun() throws {
            let path = try scratch.write("small.yaml", experiment(trainTasks: 2, testTasks: 1))
            let refused = try EndToEndTests.run(
                ["launch", path, "--out", scratch("open"), "--bind", "tcp://0.0.0.0:*"], in: scratch, expecting: 1)
            #expect(refused.standardError.contains("distillery keys generate"))
            try EndToEndTests.run(
                ["run", path, "--out", scratch("run"), "--bind", "tcp://0.0.0.0:*", "--keys", keys], in: scratch)
            try checkStreams(scratch("run"), scratch)
            #expect(FileManager.default.fileExists(atPath: scratch("run/report.html")))
        }

        @Test("nodes join by hand with the coordinator's address and their key alone; strangers get nothing")
        func byHand() throws {
            let cluster = try HandMadeCluster(scratch, keys: keys)
            try cluster.addKeys(["learner", "recorder", "actor", "distiller", "evaluator"])
            let stranger = try cluster.start("actor", arguments: ["--keys", try cluster.foreignKey()])
            let keyless = try cluster.start("actor", arguments: [])
            let isRefused = try eventually { try cluster.status()?.numbers["refused_connections"] ?? 0 >= 2 }
            #expect(isRefused)
            #expect(try cluster.status()?.nodes.isEmpty == true)

            for role in ["recorder", "learner", "actor"] { try cluster.start(role) }
            #expect(try eventually { try cluster.status()?.phase != .collecting })
            try cluster.start("distiller")
            #expect(try eventually { try cluster.status()?.phase == .evaluating })
            try cluster.start("recorder")
            try cluster.start("evaluator")
            #expect(cluster.coordinator.wait() == 0, "\(cluster.coordinator.standardError.suffix(2000))")

            let log = cluster.coordinator.standardError
            // Of the one without a key only the connection was there, which may have been gone when it was looked at.
            let refusals = log.split(separator: "\n").filter { $0.contains("refused a connection") }
            #expect(
                refusals.contains { $0.contains("address=127.0.0.1") && $0.contains("its key is not on the list") },
                "\(log.suffix(3000))")
            #expect(!stranger.standardError.contains("Fatal error") && !keyless.standardError.contains("Fatal error"))
            try checkStreams(cluster.run, scratch)
        }

        @Test("a private key that others can read is refused, with what to do") func exposedKey() throws {
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: keys + "/node.key")
            let command = try EndToEndTests.run(
                ["actor", "--coordinator", "tcp://127.0.0.1:9", "--keys", keys], in: scratch, expecting: 1)
            #expect(command.standardError.contains("chmod 600 \(keys)/node.key"))
            let launch = try EndToEndTests.run(
                ["launch", try scratch.write("small.yaml", experiment()), "--keys", keys, "--out", scratch("run")],
                in: scratch, expecting: 1)
            #expect(launch.standardError.contains("chmod 600"))
            #expect(!FileManager.default.fileExists(atPath: scratch("run")))
        }

        @Test("a run whose own key may not connect, or not as everything, ends before anything is started")
        func ownKey() throws {
            let path = try scratch.write("small.yaml", experiment())
            let file = keys + "/allowed/node.public"
            let text = try String(contentsOfFile: file, encoding: .utf8)
            for (changed, expected) in [(nil, "in no file of"), (text + "roles actor\n", "binds it to actor")] {
                try FileManager.default.removeItem(atPath: file)
                if let changed {
                    try changed.write(toFile: file, atomically: false, encoding: .utf8)
                }
                let launch = try EndToEndTests.run(
                    ["launch", path, "--keys", keys, "--out", scratch("run")], in: scratch, expecting: 1)
                #expect(launch.standardError.contains("node.key") && launch.standardError.contains(expected))
                #expect(!FileManager.default.fileExists(atPath: scratch("run")))
                try text.write(toFile: file, atomically: false, encoding: .utf8)
            }
        }

        @Test("a key that is bound to a role joins as that role alone, and does not stop the run") func roles() throws {
            let cluster = try HandMadeCluster(scratch, keys: keys)
            try cluster.addKeys(["actor"], role: "actor")
            let learner = try cluster.start("learner", arguments: ["--keys", scratch("actor.key")])
            #expect(learner.wait() == 1)
            #expect(learner.standardError.contains("may be used as actor, not as learner"))
            let stop = try EndToEndTests.run(
                ["stop", "--coordinator", cluster.endpoint, "--keys", scratch("actor.key")], in: scratch, expecting: 1)
            #expect(stop.standardError.contains("--role client"))
            try cluster.start("actor")
            #expect(try eventually { try cluster.status()?.nodes.map(\.role) == [.actor] })
            try EndToEndTests.run(["stop", "--coordinator", cluster.endpoint, "--keys", keys], in: scratch)
            #expect(cluster.coordinator.wait() == 0)
        }

        @Test("keys are listed by name, and never overwritten") func listing() throws {
            let again = try EndToEndTests.run(["keys", "generate", keys], in: scratch, expecting: 1)
            #expect(again.standardError.contains("never overwritten"))
            try EndToEndTests.run(["keys", "generate", keys, "--node", "second", "--node", "third"], in: scratch)
            let list = try EndToEndTests.run(["keys", "list", keys], in: scratch)
            #expect(
                list.standardOutput.split(separator: "\n").map { $0.suffix(6).trimmingCharacters(in: .whitespaces) }
                    == ["node", "second", "third"])
        }
    }
}

/// A coordinator, and nodes that are started one by one without a supervisor.
private final class HandMadeCluster {
    let scratch: Scratch
    let keys: String
    let run: String
    let coordinator: RunningCommand
    private var nodes: [RunningCommand] = []

    init(_ scratch: Scratch, keys: String) throws {
        self.scratch = scratch
        self.keys = keys
        run = scratch("run")
        try FileManager.default.createDirectory(atPath: run, withIntermediateDirectories: true)
        _ = try scratch.write("run/experiment.yaml", experiment(processes: 1, learners: 1, trainTasks: 2, testTasks: 1))
        coordinator = try RunningCommand(
            ["coordinator", run, "--keys", keys, "--bind", "tcp://127.0.0.1:*"], in: scratch)
        #expect(eventually { FileManager.default.fileExists(atPath: run + "/coordinator.endpoint") })
    }

    var endpoint: String {
        ((try? String(contentsOfFile: run + "/coordinator.endpoint", encoding: .utf8)) ?? "")
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Keys while the coordinator runs; each is moved away from the others, as to another host.
    func addKeys(_ names: [String], role: String? = nil) throws {
        let roles = role.map { ["--role", $0] } ?? []
        try EndToEndTests.run(["keys", "generate", keys] + names.flatMap { ["--node", $0] } + roles, in: scratch)
        for name in names {
            try FileManager.default.moveItem(atPath: "\(keys)/\(name).key", toPath: scratch("\(name).key"))
        }
    }

    /// A key for this coordinator that it does not know.
    func foreignKey() throws -> String {
        try EndToEndTests.run(["keys", "generate", keys, "--node", "foreign"], in: scratch)
        try FileManager.default.removeItem(atPath: keys + "/allowed/foreign.public")
        return keys + "/foreign.key"
    }

    @discardableResult
    func start(_ role: String, arguments: [String]? = nil) throws -> RunningCommand {
        let node = try RunningCommand(
            [role, "--coordinator", endpoint] + (arguments ?? ["--keys", scratch("\(role).key")]), in: scratch)
        nodes.append(node)
        return node
    }

    func status() throws -> ClusterStatus? {
        let command = try RunningCommand(
            ["status", "--coordinator", endpoint, "--json", "--keys", keys], in: scratch)
        return command.wait() == 0 ? try? ClusterStatus(json: command.standardOutput) : nil
    }
}
