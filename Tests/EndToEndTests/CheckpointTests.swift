import Coordination
import Foundation
import Testing
import Wire

extension EndToEnd {
    @Suite("The last checkpoint of a run", .serialized) struct LastCheckpointTests {
        @Test("whose distiller dies before its last word is the end of training, at once and at --resume")
        func lastWord() throws {
            let scratch = try Scratch()
            let run = scratch("run")
            let file = try scratch.write(
                "e.yaml", experiment(learners: 1, trainTasks: 2, testTasks: 1, episodes: 60))
            let arguments = ["run", file, "--out", run, "--set", "distil.training.checkpoint_every=1000000"]
            let command = try RunningCommand(arguments, in: scratch)
            let store = CheckpointStore(folder: URL(filePath: run + "/checkpoints/distiller"))
            var coordinator: Int32?
            while command.isRunning, store.latest == nil {
                coordinator = coordinator ?? command.process(of: .coordinator)
                usleep(500)
            }
            let stopped = try #require(coordinator)
            kill(stopped, SIGSTOP)
            if let distiller = command.process(of: .distiller) { kill(distiller, SIGKILL) }
            kill(stopped, SIGCONT)
            #expect(command.wait() == 0, "\(command.standardError.suffix(3000))")
            #expect(FileManager.default.fileExists(atPath: run + "/report.html"))

            // Without a catalogue nobody has written down that training is over.
            for name in try FileManager.default.contentsOfDirectory(atPath: run) where name.hasPrefix("catalog.sqlite")
            {
                try FileManager.default.removeItem(atPath: run + "/" + name)
            }
            try EndToEndTests.run(["histories", "index", run], in: scratch)
            let before = store.names
            try EndToEndTests.run(arguments + ["--resume"], in: scratch)
            #expect(store.names == before)
        }

        @Test("is evaluated wherever it lies and however it is called, though few tasks were trained on")
        func evaluatedAlone() throws {
            let scratch = try Scratch()
            let run = scratch("run")
            let file = try scratch.write(
                "e.yaml",
                experiment(learners: 1, trainTasks: 3, testTasks: 6, episodes: 30)
                    .replacingOccurrences(of: "train_tasks: 2", with: "train_tasks: 1"))
            try EndToEndTests.run(["run", file, "--out", run], in: scratch)
            let store = CheckpointStore(folder: URL(filePath: run + "/checkpoints/distiller"))
            let checkpoint = store.folder.appendingPathComponent(try #require(store.latest)).path
            let copy = scratch("best model")
            try FileManager.default.copyItem(atPath: checkpoint, toPath: copy)
            let files = FileManager.default
            try files.createSymbolicLink(atPath: scratch("latest"), withDestinationPath: "best model")
            try files.createDirectory(atPath: scratch("snapshot"), withIntermediateDirectories: true)
            for name in ["model.safetensors", "config.json"] {
                try files.createSymbolicLink(
                    atPath: scratch("snapshot/" + name), withDestinationPath: "../best model/" + name)
            }
            for path in [copy, scratch("latest"), scratch("snapshot"), run, copy + "/model.safetensors"] {
                let found = try EndToEndTests.run(
                    ["evaluate", path, "--episodes", "1", "--seeds", "1", "--no-control"], in: scratch)
                #expect(found.standardOutput.contains("6 test tasks"), "\(path): \(found.standardOutput)")
            }
            // Its run says seed, temperature and slide, unless it cannot be read.
            try "name: [".write(toFile: run + "/experiment.yaml", atomically: true, encoding: .utf8)
            let alone = try EndToEndTests.run(
                ["evaluate", checkpoint, "--episodes", "1", "--seeds", "1", "--temperature", "0", "--slide", "2"],
                in: scratch)
            #expect(alone.standardError.contains("slide are the defaults"), "\(alone.standardError)")
            let refused = try EndToEndTests.run(
                ["evaluate", copy, "--episodes", "1", "--temperature", "101"], in: scratch, expecting: 1)
            #expect(refused.standardError.contains("temperature"), "\(refused.standardError)")
        }
    }
}
