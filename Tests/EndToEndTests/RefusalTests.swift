import Experiments
import Foundation
import Glibc
import Histories
import Testing

extension EndToEnd {
    @Suite("Bad input is refused in a clear sentence", .serialized) struct RefusalTests {
        let scratch: Scratch

        init() throws { scratch = try Scratch() }

        /// Runs a command that must fail, and that names on standard error what is wrong.
        private func refuse(_ arguments: [String], code: Int32 = 1, naming words: [String]) throws {
            let command = try run(arguments, in: scratch, expecting: code)
            for word in words {
                #expect(command.standardError.contains(word), "\(word) is missing in: \(command.standardError)")
            }
            #expect(!command.standardError.contains("Fatal error"))
            #expect(command.standardOutput.isEmpty)
            #expect(command.survivors.isEmpty)
        }

        @Test("an experiment that is not there") func missingExperiment() throws {
            try refuse(["run", scratch("none.yaml")], naming: [scratch("none.yaml")])
        }

        @Test("an unknown key, with file and line") func unknownKey() throws {
            let path = try scratch.write("typo.yaml", "name: typo\ncollect:\n  actorss: 3\n")
            try refuse(["run", path], naming: ["typo.yaml:3", "actorss"])
        }

        @Test("a value that cannot be, by --set") func badOverride() throws {
            let path = try scratch.write("small.yaml", experiment())
            try refuse(["run", path, "--set", "collect.actors=0"], naming: ["collect.actors"])
        }

        @Test("wrong usage ends with 2") func usage() throws {
            try refuse(["run"], code: 2, naming: ["xperiment"])
            try refuse(
                ["scale", "actors=many", "--coordinator", "tcp://127.0.0.1:1"], code: 2, naming: ["actors=many"])
        }

        @Test("an environment, a setting or a task that there is not, to be shown") func shownTasks() throws {
            try refuse(["environments", "show", "dark"], naming: ["dark-room", "dark-key-to-door"])
            try refuse(
                ["environments", "show", "dark-room", "--set", "sise=4", "--set", "horizon=0"],
                naming: ["sise", "did you mean 'size'", "horizon"])
            try refuse(["environments", "show", "dark-room", "--task", "81"], naming: ["task 81", "81 tasks"])
            try refuse(["environments", "show", "dark-room", "--policy", "best"], code: 2, naming: ["optimum"])
        }

        @Test("a bench is asked for no more repetitions than it can end, and ends when it is told to")
        func benchmarks() throws {
            try refuse(["bench", "acting", "--repetitions", "\(Int.max)"], code: 2, naming: ["1 to 1000 repetitions"])
            let bench = try RunningCommand(
                ["bench", "acting", "--repetitions", "1000", "--seconds", "0.2"], in: scratch)
            usleep(500_000)
            bench.interrupt()
            #expect(bench.wait() == 130, "\(bench.standardError)")
        }

        @Test("a run that exists") func existingRun() throws {
            let path = try scratch.write("small.yaml", experiment())
            _ = try scratch.write("something", "")
            try refuse(["run", path, "--out", scratch.path], naming: [scratch.path, "--resume"])
        }

        @Test("a run that is resumed with other values, with each key, its old and its new value")
        func otherExperiment() throws {
            let path = try scratch.write("small.yaml", experiment())
            try FileManager.default.createDirectory(atPath: scratch("run"), withIntermediateDirectories: true)
            let recorded = try Experiment(path: path, overrides: ["seed=41", "distil.seeds=3"])
            _ = try scratch.write("run/experiment.yaml", recorded.yaml)
            try refuse(
                ["run", path, "--out", scratch("run"), "--resume", "--set", "seed=42"],
                naming: ["seed is 41, not 42", "distil.seeds is 3, not 1", "--set", "--out"])
            // Evaluations can be added to a run, but not be others than their recorded streams.
            let evaluated = try Experiment(path: path, overrides: ["evaluate.temperature=0.5"])
            _ = try scratch.write("run/experiment.yaml", evaluated.yaml)
            try FileManager.default.createDirectory(
                atPath: scratch("run/evaluations/step-00000001-test"), withIntermediateDirectories: true)
            try refuse(
                ["run", path, "--out", scratch("run"), "--resume"], naming: ["the evaluation test is another"])
        }

        @Test("a folder or file that does not say where a coordinator listens, whatever command asks for one")
        func coordinatorAddress() throws {
            try FileManager.default.createDirectory(atPath: scratch("run"), withIntermediateDirectories: true)
            for command in [["status"], ["stop"], ["drain", "x"], ["scale", "actors=3"], ["actor"], ["recorder"]] {
                try refuse(command + ["--coordinator", scratch("run")], naming: ["is no run", "tcp://127.0.0.1:5555"])
            }
            let file = try scratch.write("run/experiment.yaml", experiment())
            try refuse(["status", "--coordinator", scratch("run")], naming: ["no coordinator is at work on this run"])
            try refuse(["status", "--coordinator", file], naming: ["does not hold an endpoint"])
            try refuse(["status", "--coordinator", "/dev/zero"], naming: ["does not hold an endpoint"])
            try refuse(["status", "--coordinator", scratch("none")], naming: ["there is no such folder"])
        }

        @Test("a port that is in use") func port() throws {
            let held = try #require(HeldPort())
            let endpoint = held.endpoint
            let path = try scratch.write("port.yaml", experiment(more: "  bind: \(endpoint)"))
            try refuse(["run", path, "--out", scratch("run")], naming: [endpoint, "in use"])
            withExtendedLifetime(held) {}
        }

        @Test("a coordinator that is not there") func noCoordinator() throws {
            try refuse(["status", "--coordinator", "tcp://127.0.0.1:1"], naming: ["tcp://127.0.0.1:1"])
        }

        @Test("a damaged stream is named by verify, an empty folder by distill, a foreign checkpoint by --resume")
        func damagedFiles() throws {
            let path = try scratch.write(
                "small.yaml",
                experiment(actors: 2, processes: 1, learners: 1, trainTasks: 2, testTasks: 1, episodes: 20))
            let folder = scratch("run")
            try run(["launch", path, "--out", folder], in: scratch)
            let out = scratch("checkpoints")
            try run(["distill", path, "--histories", folder, "--out", out], in: scratch)
            // The checkpoint is of a room of 5 x 5; the streams, too.
            let other = try scratch.write(
                "other.yaml",
                try String(contentsOfFile: path, encoding: .utf8).replacingOccurrences(of: "size: 5", with: "size: 6"))
            try refuse(["distill", other, "--histories", folder, "--out", out, "--resume"], naming: ["dark-room"])

            let file = try #require(StreamFolder(path: folder).files.first)
            var bytes = try Data(contentsOf: URL(filePath: file))
            bytes[bytes.count / 2] ^= 0xFF
            bytes.removeLast(64)
            try bytes.write(to: URL(filePath: file))
            let verify = try run(["histories", "verify", folder], in: scratch, expecting: 1)
            #expect((verify.standardOutput + verify.standardError).contains(file))

            try FileManager.default.createDirectory(atPath: scratch("empty"), withIntermediateDirectories: true)
            try refuse(
                ["distill", path, "--histories", scratch("empty"), "--out", scratch("none")], naming: [scratch("empty")]
            )
        }

        @Test("a full disk, before anything starts") func fullDisk() throws {
            let mount = scratch("small-disk")
            try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
            let mounting = try RunningCommand(
                ["-t", "tmpfs", "-o", "size=256k", "tmpfs", mount], in: scratch, executable: URL(filePath: "/bin/mount")
            )
            guard mounting.wait() == 0 else {
                print("skipped: mounting a small disk is not permitted here")
                return
            }
            defer { umount2(mount, Int32(MNT_DETACH)) }
            let path = try scratch.write("small.yaml", experiment())
            let command = try run(["run", path, "--out", mount + "/run"], in: scratch, expecting: 1)
            #expect(command.standardError.contains(mount), "\(command.standardError)")
            #expect(command.survivors.isEmpty)
        }
    }
}
