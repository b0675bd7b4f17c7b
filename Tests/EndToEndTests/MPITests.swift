import Coordination
import Foundation
import Glibc
import MessagePassing
import Testing

/// The executable that was built with MPI, as scripts/test builds it, or where DISTILLERY_MPI says.
private let distilleryWithMPI = URL(
    filePath: ProcessInfo.processInfo.environment["DISTILLERY_MPI"]
        ?? URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: ".build/mpi/release/distillery").path)

private let mpirun = URL(filePath: "/usr/bin/mpirun")

/// Why nothing can be tried; nil where it can.
private let lack: String? = {
    for needed in [mpirun, distilleryWithMPI] where !FileManager.default.isExecutableFile(atPath: needed.path) {
        return "there is no \(needed.path): scripts/test installs OpenMPI and builds it"
    }
    return nil
}()

extension EndToEnd {
    @Suite("Training by MPI", .serialized) struct MPITests {
        private let scratch: Scratch
        private let file: String
        private let streams: String

        init() throws {
            scratch = try Scratch()
            let text = experiment(actors: 2, processes: 1, learners: 1, trainTasks: 2, testTasks: 1, episodes: 20)
                .replacingOccurrences(of: "maximum_seconds: 4", with: "steps: 20, checkpoint_every: 10")
            file = try scratch.write("small.yaml", text)
            streams = scratch("run/histories")
        }

        private func collect() throws { try EndToEndTests.run(["launch", file, "--out", scratch("run")], in: scratch) }

        private func distil(_ out: String, _ more: [String] = []) -> [String] {
            ["distill", file, "--histories", streams, "--out", scratch(out), "--log", scratch(out + ".jsonl")] + more
        }

        /// Options of mpirun: more ranks than processors, as root too, and long enough between SIGTERM and SIGKILL. It
        /// sleeps as long before each of the two, and says nothing meanwhile.
        private static func ranks(_ count: Int) -> [String] {
            [
                "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "--mca", "odls_base_sigkill_timeout",
                "5",
                "-n", "\(count)", distilleryWithMPI.path,
            ]
        }

        /// By so many ranks; without mpirun for nil.
        private func run(_ ranks: Int?, _ arguments: [String], expecting code: Int32 = 0) throws -> RunningCommand {
            guard let ranks else {
                return try EndToEndTests.run(arguments, in: scratch, executable: distilleryWithMPI, expecting: code)
            }
            return try EndToEndTests.run(
                Self.ranks(ranks) + arguments, in: scratch, executable: mpirun, expecting: code)
        }

        private struct Step: Decodable {
            var step: Int
            var loss: Double
        }

        private func steps(_ out: String) throws -> [Step] {
            try String(contentsOfFile: scratch(out + ".jsonl"), encoding: .utf8).split(separator: "\n").map {
                try JSONDecoder().decode(Step.self, from: Data($0.utf8))
            }
        }

        private func expectSame(_ found: [Step], _ expected: some Collection<Step>, _ what: String) {
            #expect(found.map(\.step) == expected.map(\.step), "\(what)")
            for (one, other) in zip(found, expected) {
                #expect(abs(one.loss - other.loss) < 1e-5, "\(what), step \(one.step): \(one.loss), not \(other.loss)")
            }
        }

        @Test(
            "any number of ranks has the losses of one process, also when it goes on from a checkpoint of other ranks",
            .enabled(if: lack == nil, Comment(rawValue: lack ?? "")))
        func losses() throws {
            try collect()
            try EndToEndTests.run(distil("default"), in: scratch)
            let alone = try steps("default")
            #expect(alone.count == 20)
            for ranks in [nil, 1, 2, 3] {
                let out = "of-\(ranks ?? 0)"
                let said = try run(ranks, distil(out))
                expectSame(try steps(out), alone, "\(ranks ?? 0) ranks")
                #expect(said.standardOutput == scratch(out) + "/step-00000020\n", "rank 0 alone speaks")
            }
            for (before, after) in [(2, nil), (2, 3), (3, 2), (0, 2)] {
                let out = "from-\(before)-by-\(after ?? 0)"
                try FileManager.default.createDirectory(atPath: scratch(out), withIntermediateDirectories: true)
                try FileManager.default.copyItem(
                    atPath: scratch("of-\(before)/step-00000010"), toPath: scratch(out + "/step-00000010"))
                _ = try run(after, distil(out, ["--resume"]))
                expectSame(try steps(out), alone.suffix(10), out)
            }
        }

        private func endless(_ out: String) throws -> RunningCommand {
            let command = try RunningCommand(
                Self.ranks(2) + distil(out, ["--set", "distil.training.steps=1000000"]), in: scratch, executable: mpirun
            )
            let store = CheckpointStore(folder: URL(filePath: scratch(out)))
            #expect(eventually { !command.isRunning || store.latest != nil })
            #expect(command.isRunning, "\(command.standardError.suffix(2000))")
            return command
        }

        /// The process of a rank, as its environment says.
        private func process(ofRank rank: Int, _ command: RunningCommand) throws -> Int32 {
            try #require(
                command.survivors.first { process in
                    let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ") ?? Data()
                    return environment.split(separator: 0).contains(Data("OMPI_COMM_WORLD_RANK=\(rank)".utf8))
                })
        }

        private func goesOn(_ out: String) throws {
            let store = CheckpointStore(folder: URL(filePath: scratch(out)))
            let last = try #require(try steps(out).last).step
            let more = last + 5
            let resumed = try run(
                nil, distil(out, ["--resume", "--set", "distil.training.steps=\(more)"]))
            #expect(resumed.standardOutput.contains(store.latest ?? "nothing"), "\(resumed.standardError)")
            #expect(!resumed.standardError.contains("damaged"))
            #expect(try steps(out).last?.step == more)
        }

        @Test(
            "a rank's death ends all ranks, by its name, and leaves a checkpoint to go on from",
            .enabled(if: lack == nil, Comment(rawValue: lack ?? "")), arguments: [0, 1])
        func death(rank: Int) throws {
            try collect()
            let command = try endless("killed")
            let victim = try process(ofRank: rank, command)
            kill(victim, SIGKILL)
            let code = command.wait(seconds: 60)
            #expect(code != nil && code != 0)
            let said = command.standardError
            #expect(said.contains("Error: rank \(rank) of 2 (host "), "\(said.suffix(3000))")
            #expect(said.contains(", process \(victim)) has died"), "\(said.suffix(3000))")
            #expect(eventually { command.survivors.isEmpty })
            try goesOn("killed")
        }

        @Test(
            "a signal to mpirun or to one rank ends all ranks with a checkpoint of the last step",
            .enabled(if: lack == nil, Comment(rawValue: lack ?? "")))
        func signals() throws {
            try collect()
            for (out, code, send) in [
                ("terminated", 1, { $0.signalAlone(SIGTERM) }), ("interrupted", 1, { $0.interrupt() }),
                ("asked", 140, { $0.signalAlone(SIGUSR2) }), ("one", 130, { kill(try process(ofRank: 1, $0), SIGINT) }),
            ] as [(String, Int32, (RunningCommand) throws -> Void)] {
                let command = try endless(out)
                try send(command)
                #expect(command.wait(seconds: 60) == code, "\(out): \(command.standardError.suffix(2000))")
                #expect(eventually { command.survivors.isEmpty })
                let last = try #require(try steps(out).last).step
                let store = CheckpointStore(folder: URL(filePath: scratch(out)))
                #expect(store.latest.map { $0.hasSuffix("\(last)") } == true, "\(out): \(store.names), \(last)")
                try goesOn(out)
            }
        }

        @Test(
            "a rank with another experiment or other histories is named, and nothing is trained",
            .enabled(if: lack == nil, Comment(rawValue: lack ?? "")))
        func different() throws {
            try collect()
            let ranks = Self.ranks(1)
            let apart = ranks + distil("apart") + [":"] + ranks.suffix(3)
            let settings = try EndToEndTests.run(
                apart + distil("apart", ["--set", "distil.training.label_smoothing=0.3"]), in: scratch,
                executable: mpirun, expecting: 1)
            let said = settings.standardError
            #expect(said.contains("Error: rank 1 of 2 (host "), "\(said)")
            #expect(said.contains("has another experiment than rank 0: \"label_smoothing\": 0.3 instead of"), "\(said)")
            let folder = try StreamFolderCopy.without(1, of: streams, at: scratch("fewer"))
            let histories = try EndToEndTests.run(
                apart + ["distill", file, "--histories", folder, "--out", scratch("apart")], in: scratch,
                executable: mpirun, expecting: 1)
            let words = "has another set of histories than rank 0"
            #expect(histories.standardError.contains(words), "\(histories.standardError)")
            #expect(!FileManager.default.fileExists(atPath: scratch("apart/step-00000010")))
        }

        @Test(
            "without MPI a program that a launcher starts several times refuses, and says how to build it",
            .enabled(if: !isBuiltWithMPI, "this build has MPI; scripts/test-package looks at one without"))
        func refusal() throws {
            for environment in [
                ["OMPI_COMM_WORLD_SIZE": "2"], ["PMI_SIZE": "2"], ["PMIX_RANK": "0", "SLURM_STEP_NUM_TASKS": "2"],
            ] {
                let command = try RunningCommand(distil("refused"), in: scratch, environment: environment)
                #expect(command.wait() == 1)
                for words in ["one of 2 processes", "without MPI", "swift build -c release --traits MPI"] {
                    #expect(command.standardError.contains(words), "\(command.standardError)")
                }
            }
            #expect(!FileManager.default.fileExists(atPath: scratch("refused")))
        }
    }
}

private enum StreamFolderCopy {
    /// A copy of a folder of streams that lacks the first `count` files, which are of a task that is trained on.
    static func without(_ count: Int, of folder: String, at copy: String) throws -> String {
        try FileManager.default.copyItem(atPath: folder, toPath: copy)
        let files =
            FileManager.default.enumerator(atPath: copy)?.compactMap { $0 as? String }
            .filter { $0.hasSuffix(".h5") || $0.hasSuffix(".hdf5") }.sorted() ?? []
        try #require(files.count > count)
        for file in files.prefix(count) { try FileManager.default.removeItem(atPath: copy + "/" + file) }
        return copy
    }
}
