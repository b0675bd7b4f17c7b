import Coordination
import Environments
import Experience
import Foundation
import Histories
import Testing
import Wire

/// Python with the package and Gymnasium: what `./scripts/test-python` has made, or what DISTILLERY_PYTHON says.
private enum Python {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let path =
        ProcessInfo.processInfo.environment["DISTILLERY_PYTHON"]
        ?? root.appending(path: ".build/python/bin/python").path
    static let packages = root.appending(path: "scripts/python").path

    /// Whether it can serve an environment.
    static let isThere: Bool = {
        guard FileManager.default.isExecutableFile(atPath: path) else { return false }
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = ["-c", "import distillery.environment"]
        process.environment = ProcessInfo.processInfo.environment.merging(["PYTHONPATH": packages]) { $1 }
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    /// What starts it, as a setting; PYTHONPATH is part of it because processes of a test inherit none.
    static var command: String {
        "[env, \"PYTHONPATH=\(packages)\", \"\(path)\", -m, distillery.environment]"
    }
}

extension EndToEnd {
    @Suite(
        "An environment in Python", .serialized,
        .enabled(if: Python.isThere, "Python with Gymnasium is missing: ./scripts/test-python makes it"))
    struct ExternalEnvironmentTests {
        @Test("CartPole, a pole in each task, goes the whole way from its processes to the report") func wholeRun()
            throws
        {
            let scratch = try Scratch()
            let folder = scratch("run")
            let experiment = Python.root.appending(path: "deploy/experiments/cart-pole.yaml").path
            let command = try run(
                [
                    "run", experiment, "--size", "small", "--out", folder, "--set",
                    "environment.command=\(Python.command)",
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
                guard let victim = environments(of: cluster).randomElement() else { continue }
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

        @Test(
            "that fails is named in status with its words, and ends the run with them where it fails at once",
            arguments: [
                (fault: "raise", words: "breaks on purpose"), (fault: "exit", words: "exit code 7"),
                (fault: "hang", words: "has not answered for 1"), (fault: "nan", words: "numbers that are none"),
            ])
        func faults(fault: String, words: String) throws {
            let scratch = try Scratch()
            let cluster = try LaunchedCluster(experiment(fault: fault), in: scratch)
            var named = false
            _ = try eventually {
                guard cluster.command.isRunning else { return true }
                named = try named || status(in: scratch, of: cluster).contains(words)
                return false
            }
            #expect(cluster.command.wait() == 1)
            let said = cluster.command.standardError
            #expect(
                said.contains(words) && said.contains("environment distillery.environment.examples:Faulty"), "\(said)")
            #expect(named, "status never said it")
            #expect(cluster.command.survivors.isEmpty)
        }

        private func status(in scratch: Scratch, of cluster: LaunchedCluster) throws -> String {
            guard FileManager.default.fileExists(atPath: cluster.folder + "/coordinator.endpoint") else { return "" }
            let command = try RunningCommand(["status", "--coordinator", cluster.folder], in: scratch)
            return command.wait() == 0 ? command.standardOutput : ""
        }

        /// Processes that serve environments to actors of the cluster.
        private func environments(of cluster: LaunchedCluster) -> [Int32] {
            cluster.command.survivors.filter { process in
                let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
                return line.range(of: Data("distillery.environment\0--class".utf8)) != nil
                    && line.range(of: Data("\0launch\0".utf8)) == nil
            }
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
              command: \(Python.command)
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
