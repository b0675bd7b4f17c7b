import Coordination
import Environments
import Foundation
import Histories
import Testing

extension EndToEnd {
    /// An executable that adds an environment, a source algorithm and a model to the registries does all that
    /// `distillery` does, with those three alone, though nothing else was changed for them.
    @Suite("An environment, a source algorithm and a model that an executable adds", .serialized) struct ToysTests {
        private static let experiment = """
            name: toys
            environment: {name: corridor, length: 6, horizon: 9}
            tasks: {test: 2, train: 3}
            source: {algorithm: tabular-q, rollout_length: 6, learning_rate: 0.5}
            collect: {actors: 3, test_lifetimes: 1, synchronization: lockstep, end: {episodes_per_actor: 40}}
            cluster: {learners: 1, actor_processes: 2, evaluators: 1}
            distil:
              training: {steps: 200, batch_size: 16, warmup_steps: 20, peak_learning_rate: 0.03, checkpoint_every: 100}
              model: {name: toy, context_length: 20, lags: 3}
            evaluate: {train_tasks: 1, seeds: 2, episodes: 5}
            """

        private let scratch: Scratch
        private let file: String
        private var folder: String { scratch("run") }

        init() throws {
            scratch = try Scratch()
            file = try scratch.write("toys.yaml", Self.experiment)
        }

        @Test("are collected, verified, replayed, distilled, evaluated and reported by processes of that executable")
        func wholeRun() throws {
            let wholeRun = try say(["run", file, "--out", folder])
            #expect(wholeRun.survivors.isEmpty)
            try checkStreams()
            try checkReport()
            try checkCheckpoint(try trainAlone())
            try checkEnvironments()
        }

        @Test("are refused, with what there is instead, by an executable that has not added them")
        func unknown() throws {
            let refused = try run(["run", file, "--out", folder], in: scratch, expecting: 1)
            #expect(refused.standardError.contains("environment"), "\(refused.standardError)")
            #expect(refused.standardError.contains("corridor"), "\(refused.standardError)")
            #expect(!FileManager.default.fileExists(atPath: folder))
        }

        @discardableResult
        private func say(_ arguments: [String]) throws -> RunningCommand {
            try run(arguments, in: scratch, executable: distilleryWithToys)
        }

        /// Three actors of each of the three train tasks and the two test tasks; two seeds of two test tasks, of both
        /// with the context cleared, and of one train task.
        private func checkStreams() throws {
            for (command, part, count) in [
                ("verify", "histories", 15), ("replay", "histories", 15), ("verify", "evaluations", 10),
                ("replay", "evaluations", 10),
            ] {
                let said = try say(["histories", command, "\(folder)/\(part)", "--json"])
                let document = try json(said)
                let streams = try #require(document["streams"] as? [[String: Any]])
                #expect(streams.count == count && document["damaged"] as? Int == 0, "\(said.standardOutput)")
                #expect(try #require(document["transitions"] as? Int) > 100)
            }
            let files = try StreamFolder(path: folder + "/histories").files
            for file in files {
                let metadata = try StreamReader(path: file).metadata
                #expect(metadata.environment.name == "corridor" && metadata.sourceAlgorithm == "tabular-q")
            }
        }

        /// It is made again from the files alone.
        private func checkReport() throws {
            for name in ["report.html", "report"] { try FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
            let said = try say(["report", folder])
            #expect(said.standardOutput.contains("report.html"))
            let page = try String(contentsOfFile: folder + "/report.html", encoding: .utf8)
            for name in ["corridor", "tabular-q"] { #expect(page.contains(name), "the report does not say \(name)") }
            // Knowing nothing of three actions is a loss of ln 3 = 1.1.
            let losses = try String(contentsOfFile: folder + "/report/distiller-loss.csv", encoding: .utf8)
                .split(separator: "\n").dropFirst().compactMap { Double($0.split(separator: ",")[2]) }
            #expect(try #require(losses.last) < 0.6, "the model has not learnt: \(losses)")
        }

        /// The checkpoint of a training without a cluster.
        private func trainAlone() throws -> String {
            let out = scratch("checkpoints")
            try say(["distill", file, "--histories", folder, "--out", out])
            let store = CheckpointStore(folder: URL(filePath: out))
            #expect(store.names == ["step-00000100", "step-00000200"])
            return "\(out)/\(try #require(store.latest))"
        }

        private func checkCheckpoint(_ checkpoint: String) throws {
            let evaluation = try say(
                ["evaluate", checkpoint, "--episodes", "6", "--seeds", "2", "--json", "--out", scratch("evaluation")])
            let curve = try #require(try json(evaluation)["in_context"] as? [String: Any])
            #expect((curve["mean_returns"] as? [Double])?.count == 6, "\(evaluation.standardOutput)")
            try say(["histories", "replay", scratch("evaluation")])
            let stream = try #require(try StreamFolder(path: folder + "/histories").files.first)
            try say(["predict", checkpoint, "--stream", stream, "--out", scratch("logits.h5")])
            #expect(FileManager.default.fileExists(atPath: scratch("logits.h5")))
        }

        private func checkEnvironments() throws {
            let said = try say(["environments", "--json"])
            let all = try JSONSerialization.jsonObject(with: Data(said.standardOutput.utf8)) as? [[String: Any]]
            let corridor = try #require(all?.first { $0["name"] as? String == "corridor" }, "\(said.standardOutput)")
            #expect(corridor["tasks"] as? Int == 7 && corridor["horizon"] as? Int == 12)
            // It draws nothing itself: its tasks are shown by their JSON, its episodes as tables.
            let shown = try say(["environments", "show", "corridor", "--set", "length=4", "--task", "3"])
            #expect(shown.standardOutput.contains(#"{"door":3}"#), "\(shown.standardOutput)")
            #expect(shown.standardOutput.contains("step  observation  action  reward"), "\(shown.standardOutput)")
            let document = try json(
                say(["environments", "show", "corridor", "--task", "0", "--steps", "2", "--json"]))
            #expect((document["steps"] as? [[String: Any]])?.count == 2, "\(document)")
        }

        private func json(_ command: RunningCommand) throws -> [String: Any] {
            try #require(
                try JSONSerialization.jsonObject(with: Data(command.standardOutput.utf8)) as? [String: Any],
                "\(command.standardOutput)")
        }
    }
}
