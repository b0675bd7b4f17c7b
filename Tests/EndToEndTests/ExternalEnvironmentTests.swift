import Coordination
import Environments
import Experience
import Foundation
import Histories
import Testing
import Wire

/// What starts an environment's process, as a setting; PYTHONPATH is part of it because processes of a test inherit none.
private let environmentCommand = """
    [env, "PYTHONPATH=\(PythonEnvironment.packages)", "\(PythonEnvironment.python.path)", -m, distillery.environment]
    """

extension EndToEnd {
    @Suite(
        "An environment in Python", .serialized,
        .enabled(
            if: PythonEnvironment.has("distillery.environment"),
            "Python with Gymnasium is missing: ./scripts/test-python makes it"))
    struct ExternalEnvironmentTests {
        @Test("CartPole, a pole in each task, goes the whole way from its processes to the report") func wholeRun()
            throws
        {
            let scratch = try Scratch()
            let folder = scratch("run")
            let experiment = PythonEnvironment.root.appending(path: "deploy/experiments/cart-pole.yaml").path
            let command = try run(
                [
                    "run", experiment, "--size", "small", "--out", folder, "--set",
                    "environment.command=\(environmentCommand)",
                ], in: scratch)
            #expect(command.survivors.isEmpty)
            let verified = try run(["histories", "verify", folder], in: scratch)
            #expect(verified.standardOutput.contains(" 0 damaged"), "\(verified.standardOutput.suffix(2000))")
            let streams = try StreamFolder(path: folder).files.map { try StreamContents(path: $0) }
            #expect(Set(streams.map(\.metadata.task.json)).count == 6, "four tasks to learn from, two held out")
            for stream in streams {
                #expect(stream.metadata.environment.name == "external" && stream.metadata.environment.horizon == 200)
                #expect(!stream.metadata.environment.json.contains("PYTHONPATH"), "how it is reached is no part of it")
            }
            #expect(FileManager.default.fileExists(atPath: folder + "/report.html"))
            let evaluations = try FileManager.default.contentsOfDirectory(atPath: folder + "/evaluations")
            #expect(!evaluations.isEmpty)
            // The files alone say what the environment is.
            try run(["histories", "list", folder], in: scratch)
        }

        @Test("killed again and again it costs episodes, and nothing that was acknowledged") func killed() throws {
            let scratch = try Scratch()
            let cluster = try LaunchedCluster(experiment(fault: "none"), in: scratch)
            var kills = 0
            while kills < 6 {
                try cluster.collect(more: 2000)
                // Two are acted in, and each of the two actor processes has one more.
                #expect(eventually { environments(of: cluster).count == 4 }, "there is no spare process")
                let found = environments(of: cluster)
                // The first is one that was started first: it is acted in.
                guard let victim = kills == 0 ? found.min() : found.randomElement() else { continue }
                Foundation.kill(victim, SIGKILL)
                kills += 1
            }
            try cluster.collect(more: 2000)
            let acknowledged = try #require(
                try cluster.status()?.nodes.first { $0.role == .recorder }?.numbers["transitions"])
            cluster.finishSoon()
            #expect(environments(of: cluster).isEmpty)
            let verified = try run(["histories", "verify", cluster.folder], in: scratch)
            #expect(verified.standardOutput.contains(" 0 damaged"), "\(verified.standardOutput.suffix(2000))")
            let streams = try StreamFolder(path: cluster.folder).files.map { try StreamContents(path: $0) }
            let recorded = streams.reduce(0) { $0 + $1.rollouts.reduce(0) { $0 + Int($1.length) } }
            #expect(recorded >= Int(acknowledged), "\(recorded) on disk, \(acknowledged) acknowledged")
            let incarnations = streams.map { Set($0.rollouts.map(\.incarnation)).count }
            #expect(incarnations.contains { $0 > 1 }, "no stream went on as another incarnation")
        }

        @Test("leaves no folder behind, not even that of an actor process that was killed") func folders() throws {
            let scratch = try Scratch()
            let cluster = try LaunchedCluster(experiment(fault: "none"), in: scratch)
            try cluster.collect(more: 1000)
            let before = folders(of: cluster)
            #expect(before.count == 2 && before.allSatisfy(FileManager.default.fileExists(atPath:)))
            try cluster.kill(.actor)
            #expect(eventually { folders(of: cluster).subtracting(before).count == 1 })
            #expect(eventually { before.count(where: FileManager.default.fileExists(atPath:)) == 1 }, "\(before)")
            try cluster.collect(more: 1000)
            let all = before.union(folders(of: cluster))
            cluster.finishSoon()
            #expect(all.count == 3 && !all.contains(where: FileManager.default.fileExists(atPath:)), "\(all)")
        }

        @Test("that takes long to start is what status says an actor process waits for") func slowStart() throws {
            let scratch = try Scratch()
            let gate = scratch("gate")
            let program = """
                [sh, -c, "while ! test -e \(gate); do sleep 0.1; done; exec env PYTHONPATH=\(PythonEnvironment.packages) \
                \(PythonEnvironment.python.path) -m distillery.environment \\"$@\\"", sh]
                """
            // What it says of itself is there: whoever reads the experiment does not start it.
            let described = """
                command: \(program)
                  description: {observation: "Box(-1.0, 1.0, (2,), float32)", action: Discrete(3), horizon: 20}
                  start_seconds: 250
                """
            let cluster = try LaunchedCluster(
                experiment(fault: "none").replacingOccurrences(of: "command: \(environmentCommand)", with: described),
                in: scratch)
            let words = "waits for environment distillery.environment.examples:Faulty to start"
            func isSaid() throws -> Bool {
                try cluster.status()?.nodes.contains { $0.role == .actor && $0.work?.what == words } ?? false
            }
            #expect(try eventually(isSaid))
            #expect(try status(in: scratch, of: cluster).contains(words.prefix(40)))
            try Data().write(to: URL(filePath: gate))
            try cluster.collect(more: 1000)
            #expect(try !isSaid())
            cluster.finishSoon()
        }

        @Test(
            "that fails is named in status with its words",
            arguments: [
                (fault: "exit", words: "exit code 7"), (fault: "hang", words: "has not answered for 1"),
                (fault: "nan", words: "numbers that are none"),
            ])
        func faults(fault: String, words: String) throws {
            let scratch = try Scratch()
            let cluster = try LaunchedCluster(experiment(fault: fault), in: scratch)
            let isNamed = try eventually {
                try !cluster.command.isRunning || status(in: scratch, of: cluster).contains(words)
            }
            #expect(isNamed && cluster.command.isRunning, "\(cluster.command.standardError)")
            // Who started the run has it without asking.
            let isTold = eventually {
                cluster.command.standardError.split(separator: "\n").contains {
                    $0.hasPrefix("waits for an environment") && $0.contains(words)
                }
            }
            #expect(isTold, "\(cluster.command.standardError)")
            cluster.finishSoon()
            #expect(cluster.command.survivors.isEmpty)
        }

        @Test("that fails at once again and again ends the run, with its words") func hopeless() throws {
            let scratch = try Scratch()
            let cluster = try LaunchedCluster(experiment(fault: "raise"), in: scratch)
            #expect(cluster.command.wait() == 1)
            let said = cluster.command.standardError
            for words in ["breaks on purpose", "failed 9 times", "environment distillery.environment.examples:Faulty"] {
                #expect(said.contains(words), "\(said)")
            }
            #expect(cluster.command.survivors.isEmpty)
        }

        /// Its words, with one space between them: a long reason goes over several lines.
        private func status(in scratch: Scratch, of cluster: LaunchedCluster) throws -> String {
            guard FileManager.default.fileExists(atPath: cluster.folder + "/coordinator.endpoint") else { return "" }
            let command = try RunningCommand(["status", "--coordinator", cluster.folder], in: scratch)
            guard command.wait() == 0 else { return "" }
            return command.standardOutput.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }

        /// Processes that serve environments to actors of the cluster.
        private func environments(of cluster: LaunchedCluster) -> [Int32] {
            cluster.command.survivors.filter { process in
                let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
                return line.range(of: Data("distillery.environment\0--class".utf8)) != nil
                    && line.range(of: Data("\0launch\0".utf8)) == nil
            }
        }

        /// Where they have their sockets.
        private func folders(of cluster: LaunchedCluster) -> Set<String> {
            Set(
                environments(of: cluster).compactMap { process in
                    let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
                    let words = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
                    return words.firstIndex(of: "--endpoint").flatMap { index in
                        words.indices.contains(index + 1)
                            ? URL(filePath: String(words[index + 1].dropFirst("ipc://".count)))
                                .deletingLastPathComponent().path : nil
                    }
                })
        }

        /// Fails after 30 steps, if at all. Episodes are of 20.
        private func experiment(fault: String) -> String {
            """
            name: faulty
            environment:
              name: external
              class: distillery.environment.examples:Faulty
              arguments: {fault: "\(fault)", after: 30}
              tasks: [{}, {after: 31}, {after: 32}]
              command: \(environmentCommand)
              answer_seconds: 1
            tasks: {test: 1, train: 2}
            source: {algorithm: q-lambda, hidden: [8], rollout_length: 10, sequence_length: 8, overlap: 4}
            collect: {actors: 4, lifetimes: 1, test_lifetimes: 0, end: {episodes_per_actor: 100000}}
            cluster: {learners: 1, actor_processes: 2}
            evaluate: {train_tasks: 1}
            """
        }
    }
}
