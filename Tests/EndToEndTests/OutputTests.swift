import Foundation
import Histories
import Testing

extension EndToEnd {
    /// What a command writes where its user says.
    @Suite("Outputs destroy nothing", .serialized) struct OutputTests {
        private let scratch: Scratch
        private let checkpoint: String

        init() throws {
            scratch = try Scratch()
            let file = try scratch.write(
                "small.yaml",
                experiment(actors: 2, processes: 1, learners: 1, trainTasks: 8, testTasks: 1, episodes: 20))
            try run(["launch", file, "--out", scratch("run")], in: scratch)
            let made = try run(
                [
                    "distill", file, "--histories", scratch("run"), "--out", scratch("run/checkpoints/distiller"),
                    "--set",
                    "distil.training.maximum_seconds=1",
                ], in: scratch)
            checkpoint = made.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        private func predict(_ stream: String, _ out: String, _ more: [String] = [], expecting code: Int32) throws
            -> String
        {
            try run(
                ["predict", checkpoint, "--stream", stream, "--out", out] + more, in: scratch, expecting: code
            ).standardError
        }

        @Test("predict writes over no stream, by whatever name, and over nothing else unless it is told to")
        func predictions() throws {
            let recorded = try #require(try StreamFolder(path: scratch("run")).files.first)
            let stream = scratch("a.h5")
            try FileManager.default.copyItem(atPath: recorded, toPath: stream)
            try FileManager.default.createSymbolicLink(atPath: scratch("link.h5"), withDestinationPath: stream)
            try FileManager.default.linkItem(atPath: stream, toPath: scratch("hard.h5"))
            let before = try Data(contentsOf: URL(filePath: stream))
            for name in ["a.h5", "link.h5", "hard.h5"] {
                for more in [[], ["--force"]] {
                    let said = try predict(stream, scratch(name), more, expecting: 1)
                    #expect(said.contains("is the same file as \(stream)"), "\(said)")
                }
            }
            // Another stream, a model and a text are not what `predict` writes.
            let text = try scratch.write("notes.h5", "my notes")
            for path in [recorded, checkpoint + "/model.safetensors", text, scratch.path] {
                let content = FileManager.default.contents(atPath: path)
                #expect(try predict(stream, path, expecting: 1).contains(path))
                #expect(try predict(stream, path, ["--force"], expecting: 1).contains(path))
                #expect(FileManager.default.contents(atPath: path) == content)
            }
            #expect(try Data(contentsOf: URL(filePath: stream)) == before)
            try run(["histories", "verify", stream], in: scratch)

            _ = try predict(stream, scratch("logits.h5"), expecting: 0)
            let refused = try predict(stream, scratch("logits.h5"), expecting: 1)
            #expect(refused.contains("exists") && refused.contains("--force"), "\(refused)")
            _ = try predict(stream, scratch("logits.h5"), ["--force"], expecting: 0)
            #expect(try predict(stream, "-", expecting: 1).contains("standard output"))
            #expect(try predict(stream, scratch("no/folder.h5"), expecting: 1).contains(scratch("no")))
            let below = try predict(stream, text + "/logits.h5", expecting: 1)
            #expect(below.contains("there is no folder \(text)"), "\(below)")
            let left = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
            #expect(!left.contains { $0.hasSuffix(".partial") }, "\(left)")
        }

        private func show(_ stream: String, _ out: String, _ more: [String] = [], expecting code: Int32) throws
            -> RunningCommand
        {
            try run(["histories", "show", stream, "--frames", out] + more, in: scratch, expecting: code)
        }

        private func beginning(_ name: String) -> String {
            let bytes = FileManager.default.contents(atPath: scratch(name)) ?? Data()
            return String(decoding: bytes.prefix(4).filter { 32..<127 ~= $0 }, as: UTF8.self)
        }

        @Test("an episode is drawn as a PNG or a GIF, over nothing else unless it is told to") func pictures() throws {
            let files = try StreamFolder(path: scratch("run")).files
            let stream = try #require(files.first)
            #expect(files.count > 1)
            #expect(try show(stream, scratch("a.png"), expecting: 0).standardOutput.contains("episodes"))
            #expect(
                try show(stream, scratch("b.GIF"), ["--episode", "0"], expecting: 0).standardError.contains("episode 0")
            )
            #expect(beginning("a.png") == "PNG" && beginning("b.GIF") == "GIF8")
            _ = try scratch.write("notes.png", "my notes")
            for (path, more, word) in [
                (scratch("a.png"), [], "--force"), (scratch("notes.png"), ["--force"], "no file of the format PNG"),
                (scratch("c.jpg"), [], ".png or .gif"), ("-", [], "standard output"), (stream, [], ".png or .gif"),
                (scratch("no/a.png"), [], "there is no folder"),
                (scratch("c.png"), ["--episode", "999999"], "has no episode 999999: expected 0 to"),
            ] {
                let said = try show(stream, path, more, expecting: 1).standardError
                #expect(said.contains(word), "\(path): \(said)")
            }
            #expect(try show(scratch("run"), scratch("c.png"), expecting: 1).standardError.contains("shows one stream"))
            _ = try show(stream, scratch("a.png"), ["--force"], expecting: 0)
            try run(["histories", "show", stream, "--episode", "1"], in: scratch, expecting: 2)

            let environment = ["environments", "show", "watermaze", "--steps", "3", "--json", "--out"]
            let shown = try run(environment + [scratch("pool.png")], in: scratch)
            #expect(beginning("pool.png") == "PNG" && shown.standardOutput.hasPrefix("{"))
            #expect(
                try run(environment + [scratch("pool.txt")], in: scratch, expecting: 1).standardError.contains(".gif"))
            let bandit = ["environments", "show", "adversarial-bandit", "--steps", "3", "--out", scratch("bandit.png")]
            let said = try run(bandit, in: scratch, expecting: 1).standardError
            #expect(said.contains("adversarial-bandit cannot be drawn"), "\(said)")
            #expect(!FileManager.default.fileExists(atPath: scratch("bandit.png")))
        }

        @Test("the folder of an evaluation that fails stays, with the log that its message names")
        func failedEvaluation() throws {
            let held = try #require(HeldPort())
            let said = try run(
                ["evaluate", checkpoint, "--bind", held.endpoint], in: scratch, expecting: 1
            ).standardError
            withExtendedLifetime(held) {}
            let kept = try #require(said.firstMatch(of: /its files and logs are kept in (.+)/), "\(said)")
            let folder = String(kept.1)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            #expect(said.contains("\(folder)/logs/coordinator-0.log"), "\(said)")
            #expect(said.contains("in use"), "\(said)")
            #expect(FileManager.default.fileExists(atPath: folder + "/logs/coordinator-0.log"))
        }
    }
}
