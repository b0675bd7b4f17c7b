import Coordination
import Distillation
import Foundation
import Testing
import Wire

extension EndToEnd {
    @Suite("A distiller with PyTorch", .serialized) struct PyTorchDistillerTests {
        /// Many more than PyTorch makes while the tests look at it, and few for the Swift engine.
        private static let steps = 10_000
        private static let pytorch = ["--engine", "pytorch", "--python", PythonEnvironment.python.path]
        private static let packages = ["PYTHONPATH": PythonEnvironment.packages]
        private let scratch: Scratch
        private let file: String
        private let folder: String
        private let store: CheckpointStore

        init() throws {
            scratch = try Scratch()
            let text = experiment(actors: 4, processes: 2, learners: 1, trainTasks: 2, testTasks: 1, episodes: 40)
                .replacingOccurrences(of: "maximum_seconds: 4", with: "steps: \(Self.steps), checkpoint_every: 100")
            file = try scratch.write("small.yaml", text)
            folder = scratch("run")
            store = CheckpointStore(folder: URL(filePath: folder + "/checkpoints/distiller"))
        }

        /// Where the newest checkpoint stands; 0 where there is none.
        private var stored: Int { store.latest.flatMap(Checkpoint.step) ?? 0 }

        private func begin(_ more: [String], environment: [String: String] = [:]) throws -> RunningCommand {
            try RunningCommand(["run", file, "--out", folder] + more, in: scratch, environment: environment)
        }

        /// What trains with PyTorch for the run.
        private func trainers(_ command: RunningCommand) -> [Int32] {
            command.survivors.filter { process in
                let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
                return line.range(of: Data("\0distillery.distil\0".utf8)) != nil
            }
        }

        private func log(_ name: String) -> String {
            (try? String(contentsOfFile: "\(folder)/logs/\(name).log", encoding: .utf8)) ?? ""
        }

        /// Waits for a checkpoint behind `step`, and gives the process that trains then.
        private func advance(_ command: RunningCommand, behind step: Int) throws -> Int32 {
            var trainer: Int32?
            _ = eventually {
                trainer = trainers(command).first
                return !command.isRunning || stored > step && trainer != nil
            }
            try #require(command.isRunning && stored > step, "\(stored); \(command.standardError.suffix(2000))")
            return try #require(trainer)
        }

        @Test(
            "takes a run to its end, with an evaluated model",
            .enabled(
                if: PythonEnvironment.has("distillery.distil"),
                "Python with PyTorch is missing: ./scripts/test-python makes it"))
        func wholeRun() throws {
            let command = try begin(
                Self.pytorch + ["--set", "distil.training.steps=150"], environment: Self.packages)
            #expect(command.wait() == 0, "\(command.standardError.suffix(3000))")
            #expect(command.survivors.isEmpty)
            #expect(store.names == ["step-00000100", "step-00000150"])
            #expect(log("distiller-0").contains("PyTorch has trained"), "\(log("distiller-0"))")
            #expect(FileManager.default.fileExists(atPath: folder + "/report.html"))
            #expect(try !FileManager.default.contentsOfDirectory(atPath: folder + "/evaluations").isEmpty)
        }

        @Test(
            "goes on from the last checkpoint though its process and then its node are killed, and the Swift engine after it",
            .enabled(
                if: PythonEnvironment.has("distillery.distil"),
                "Python with PyTorch is missing: ./scripts/test-python makes it"))
        func killed() throws {
            let command = try begin(Self.pytorch, environment: Self.packages)
            let first = try advance(command, behind: 0)
            let node = try #require(command.process(of: .distiller))
            kill(first, SIGKILL)
            #expect(eventually { !trainers(command).contains(first) })
            let second = try advance(command, behind: stored)
            #expect(command.process(of: .distiller) == node, "the node outlives its process")
            #expect(log("distiller-0").contains("was ended by SIGKILL"), "\(log("distiller-0"))")
            let killedAt = stored
            kill(node, SIGKILL)
            #expect(eventually { !trainers(command).contains(second) }, "the process dies with its node")
            _ = try advance(command, behind: stored)
            #expect(startedFrom(log("distiller-0")).count == 2 && startedFrom(log("distiller-1")).count == 1)
            #expect(startedFrom(log("distiller-1")).allSatisfy { $0 >= killedAt }, "\(log("distiller-1"))")
            command.interrupt()
            #expect(command.wait() == 130, "\(command.standardError.suffix(2000))")
            #expect(eventually { command.survivors.isEmpty })
            let byPyTorch = stored
            try #require(byPyTorch < Self.steps)

            let resumed = try run(["run", file, "--out", folder, "--resume"], in: scratch)
            #expect(resumed.survivors.isEmpty)
            let last = store.folder.appendingPathComponent(try #require(store.latest))
            #expect(try Checkpoint(folder: last).configuration().step == Self.steps)
            #expect(log("distiller-0").contains("step=\(byPyTorch) "), "Swift goes on from \(byPyTorch)")
        }

        /// The steps that PyTorch was started from, by a distiller's log.
        private func startedFrom(_ log: String) -> [Int] {
            log.components(separatedBy: "from=step ").dropFirst().compactMap { Int($0.prefix { $0.isNumber }) }
        }

        @Test("that lacks PyTorch says so in status, and the run ends with its words") func missing() throws {
            let python = try scratch.write("python", "#!/bin/sh\necho \"No module named 'torch'\" >&2\nexit 1\n")
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: python)
            let command = try begin(["--engine", "pytorch", "--python", python])
            var named = false
            _ = try eventually {
                guard command.isRunning else { return true }
                guard !named, FileManager.default.fileExists(atPath: folder + "/coordinator.endpoint") else {
                    return false
                }
                let status = try RunningCommand(["status", "--coordinator", folder], in: scratch)
                named = status.wait() == 0 && status.standardOutput.contains("lacks PyTorch")
                return false
            }
            #expect(command.wait() == 1)
            #expect(named, "status never said it")
            #expect(command.standardError.contains("pip install"), "\(command.standardError.suffix(3000))")
            #expect(log("coordinator-0").contains("lacks PyTorch"))
            #expect(command.survivors.isEmpty)
        }

        @Test("has options that are refused where it is not asked for") func options() throws {
            let command = try run(["run", file, "--out", folder, "--python", "python3"], in: scratch, expecting: 2)
            #expect(command.standardError.contains("--python is for --engine pytorch"), "\(command.standardError)")
        }
    }
}
