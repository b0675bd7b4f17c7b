import Coordination
import Foundation
import TestSupport
import Testing
import Wire

extension EndToEnd {
    @Suite("Remote evaluation workers", .serialized) struct EvaluationTests {
        @Test(
            "workers die and join while an evaluation runs, the coordinator too, and the result is that of one worker")
        func workers() throws {
            let scratch = try Scratch()
            let run = scratch("run")
            let text = experiment(trainTasks: 2, testTasks: 8, episodes: 60)
                .replacingOccurrences(
                    of: "evaluate: {episodes: 10, seeds: 2, train_tasks: 2}",
                    with: "evaluate: {episodes: 3000, seeds: 2, train_tasks: 2, control: false}")
            let command = try RunningCommand(["run", try scratch.write("e.yaml", text), "--out", run], in: scratch)
            try killDuringEvaluation(run, command, scratch)
            #expect(command.wait() == 0, "\(command.standardError.suffix(3000))")
            #expect(command.survivors.isEmpty)

            let checkpoints = try FileManager.default.contentsOfDirectory(atPath: run + "/checkpoints/distiller")
            let checkpoint = try #require(checkpoints.filter { !$0.hasPrefix(".") }.max())
            let alone = scratch("alone")
            try EndToEndTests.run(
                [
                    "evaluate", run + "/checkpoints/distiller/" + checkpoint, "--episodes", "3000", "--seeds", "2",
                    "--workers", "1", "--out", alone,
                ], in: scratch)
            let results = try [run, alone].map { try summary($0 + "/evaluations/\(checkpoint)-test/summary.csv") }
            #expect(results[0].count == 1 + 8 * 2 * 3000)
            #expect(results[0] == results[1])
        }

        /// An evaluator dies, another joins by hand with nothing but the coordinator's address, the coordinator dies.
        private func killDuringEvaluation(_ run: String, _ command: RunningCommand, _ scratch: Scratch) throws {
            let evaluator = try #require(try busyEvaluator(run, command, scratch), "\(command.standardError)")
            kill(Int32(evaluator.process), SIGKILL)
            let endpoint = try String(contentsOfFile: run + "/coordinator.endpoint", encoding: .utf8).dropLast()
            let helper = try RunningCommand(["evaluator", "--coordinator", String(endpoint)], in: scratch)
            let joined = try eventually {
                try status(of: run, in: scratch)?.nodes.contains {
                    $0.name.hasPrefix("evaluator") && $0.process != evaluator.process
                }
                    ?? false
            }
            #expect(joined)
            let coordinator = try #require(command.process(of: .coordinator))
            kill(coordinator, SIGKILL)
            #expect(helper.wait() == 0, "\(helper.standardError.suffix(2000))")
        }

        private func busyEvaluator(
            _ run: String, _ command: RunningCommand, _ scratch: Scratch
        ) throws -> ClusterStatus.Node? {
            var found: ClusterStatus.Node?
            _ = try eventually {
                guard command.isRunning else { return true }
                found = try status(of: run, in: scratch)?.nodes.first {
                    $0.role == .evaluator && ($0.numbers["evaluation_steps"] ?? 0) > 0
                }
                return found != nil
            }
            return found
        }

        /// Lines in no particular order: jobs end in any.
        private func summary(_ path: String) throws -> [String] {
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init).sorted()
        }
    }
}
