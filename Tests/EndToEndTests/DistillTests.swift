import Coordination
import Foundation
import Testing

extension EndToEnd {
    @Suite("Training without a cluster", .serialized) struct DistillTests {
        private let scratch: Scratch
        private let file: String
        private let store: CheckpointStore
        private var arguments: [String] { ["distill", file, "--histories", scratch("run"), "--out", scratch("out")] }

        /// Streams that were collected, and training that needs no second.
        init() throws {
            scratch = try Scratch()
            let text = experiment(actors: 2, processes: 1, learners: 1, trainTasks: 2, testTasks: 1, episodes: 20)
                .replacingOccurrences(of: "maximum_seconds: 4", with: "steps: 40, checkpoint_every: 10")
            file = try scratch.write("small.yaml", text)
            store = CheckpointStore(folder: URL(filePath: scratch("out")))
            try run(["launch", file, "--out", scratch("run")], in: scratch)
        }

        @Test("the command that launch ends with distils what it has collected") func launched() throws {
            let launch = try run(
                ["launch", file, "--out", scratch("first"), "--set", "distil.training.steps=11"], in: scratch)
            let said = try #require(launch.standardOutput.split(separator: "\n").last, "nothing was said")
            let words = said.split(separator: " ").map(String.init)
            try #require(words.prefix(4) == ["To", "distil", "them:", "distillery"], "\(said)")
            try run(words.dropFirst(4).dropLast() + [scratch("second")], in: scratch)
            #expect(FileManager.default.fileExists(atPath: scratch("second/checkpoints/distiller/step-00000011")))
        }

        @Test("keeps the newest checkpoints; resumed with other settings it is refused, or says which are others")
        func settings() throws {
            try run(arguments + ["--set", "distil.training.keep_checkpoints=2"], in: scratch)
            let kept = ["step-00000030", "step-00000040"]
            #expect(store.names == kept)

            let learningRate = ["--resume", "--set", "distil.training.peak_learning_rate=0.5"]
            for more in [[], ["--set", "distil.training.steps=60"]] {
                let refused = try run(arguments + learningRate + more, in: scratch, expecting: 1)
                for word in ["distil.training.peak_learning_rate: ", " before, 0.5 now", "These may change: ", kept[1]]
                {
                    #expect(refused.standardError.contains(word), "\(refused.standardError)")
                }
                #expect(refused.standardOutput.isEmpty)
            }
            #expect(store.names == kept)

            let more = ["--resume", "--set", "distil.training.steps=60"]
            let resumed = try run(arguments + more, in: scratch)
            let said = "goes on with another setting: distil.training.steps: 40 before, 60 now"
            #expect(resumed.standardError.contains(said), "\(resumed.standardError)")
            #expect(
                store.names == kept + ["step-00000050", "step-00000060"], "all are kept where nothing else is said")
            #expect(resumed.standardOutput.contains("step-00000060"))
        }

        @Test(
            "what is prepared is a checkpoint that training goes on from as if it had begun, and says what is to be done"
        )
        func prepared() throws {
            let log = scratch("log.jsonl")
            try run(arguments + ["--log", log, "--set", "distil.training.steps=10"], in: scratch)
            let begun = try #require(store.latest)
            let prepare = ["prepare", file, "--out", scratch("prepared"), "--set", "distil.training.steps=10"]
            let said = try run(prepare, in: scratch).standardOutput
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(said.utf8)) as? [String: Any], "\(said)")
            #expect(document["checkpoint"] as? String == scratch("prepared/step-00000000"))
            #expect(document["finished"] as? Bool == false && document["tasks"] is NSNull)
            #expect((document["may_change_on_resume"] as? [String])?.contains("distil.training.steps") == true)
            let config = try Data(contentsOf: URL(filePath: scratch("prepared/step-00000000/config.json")))
            let configuration = try #require(document["configuration"] as? NSDictionary)
            #expect(try configuration == JSONSerialization.jsonObject(with: config) as? NSDictionary)

            let elsewhere = ["distill", file, "--histories", scratch("run"), "--out", scratch("prepared"), "--resume"]
            try run(elsewhere + ["--set", "distil.training.steps=10"], in: scratch)
            let models = try ["out", "prepared"].map {
                try Data(contentsOf: URL(filePath: scratch("\($0)/\(begun)/model.safetensors")))
            }
            #expect(models[0] == models[1], "the trainings are not the same")

            try run(prepare, in: scratch, expecting: 1)
            let again = try run(prepare + ["--resume"], in: scratch)
            #expect(again.standardOutput.contains("\"finished\": true"), "\(again.standardOutput)")
            let refused = try run(
                prepare + ["--resume", "--set", "distil.training.seed=5"], in: scratch, expecting: 1)
            #expect(refused.standardError.contains("distil.training.seed: 0 before, 5 now"), "\(refused.standardError)")
        }

        @Test("of two commands on one folder of checkpoints the second is refused, and changes nothing")
        func twoAtOnce() throws {
            let endless = ["--set", "distil.training.steps=1000000", "--set", "distil.training.keep_checkpoints=1"]
            let first = try RunningCommand(arguments + endless, in: scratch)
            #expect(eventually { !first.isRunning || store.latest != nil })
            for more in [["--resume"], []] {
                let second = try run(arguments + endless + more, in: scratch, expecting: 1)
                #expect(
                    second.standardError.contains("another distill command writes \(scratch("out")): stop it first"),
                    "\(second.standardError)")
                #expect(second.standardOutput.isEmpty)
            }
            #expect(first.isRunning)
            first.interrupt()
            #expect(first.wait() == 130, "\(first.standardError.suffix(2000))")
            let last = try #require(store.latest)
            #expect(first.standardOutput.contains(last) && store.names == [last])
            #expect(store.strangers.isEmpty)
            // The lock went with its process.
            let done = try run(arguments + ["--resume", "--set", "distil.training.steps=40"], in: scratch)
            #expect(done.standardOutput.contains(last), "\(done.standardError)")
        }
    }
}
