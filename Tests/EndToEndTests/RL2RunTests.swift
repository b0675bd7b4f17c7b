import Foundation
import Testing

extension EndToEnd {
    @Suite("A run of RL2", .serialized) struct RL2RunTests {
        private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()

        @Test("collects trials, plays what it has learnt on held-out goals, reports it, and can be evaluated again")
        func wholeRun() throws {
            let scratch = try Scratch()
            let folder = scratch("run")
            let experiment = Self.root.appending(path: "deploy/experiments/rl2-dark-room.yaml").path
            let command = try run(["run", experiment, "--size", "small", "--out", folder], in: scratch)
            #expect(command.survivors.isEmpty)
            try run(["histories", "verify", folder], in: scratch)
            try run(["histories", "replay", folder], in: scratch)
            let evaluations = try FileManager.default.contentsOfDirectory(atPath: folder + "/evaluations")
            #expect(Set(evaluations) == ["rl2-test", "rl2-in-a-row", "rl2-drawn", "random-test"])
            #expect(!FileManager.default.fileExists(atPath: folder + "/checkpoints/distiller"))
            let returns = try lines(folder + "/report/held-out-returns.csv")
            #expect(returns.count { $0.hasPrefix("rl2,") } == 10, "\(returns)")
            let claims = try String(contentsOfFile: folder + "/report/claims.json", encoding: .utf8)
            #expect(claims.contains("rl2@in-a-row") && !claims.contains("problem"), "\(claims)")

            let evaluation = try run(
                ["evaluate", folder, "--episodes", "20", "--seeds", "2", "--json", "--out", scratch("again")],
                in: scratch)
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(evaluation.standardOutput.utf8)) as? [String: Any])
            let curve = try #require(document["in_context"] as? [String: Any])
            #expect((curve["mean_returns"] as? [Double])?.count == 20 && document["tasks"] as? Int == 16)
            try run(["histories", "replay", scratch("again")], in: scratch)

            // The lines of the run itself, as of another one.
            try run(["report", folder, "--beside", folder, "--out", scratch("beside")], in: scratch)
            let beside = try lines(scratch("beside/report/held-out-returns.csv"))
            #expect(beside.contains { $0.hasPrefix("rl2 (rl2-dark-room-small),,") }, "\(beside)")
        }

        private func lines(_ path: String) throws -> [String] {
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        }
    }
}
