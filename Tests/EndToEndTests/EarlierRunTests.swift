import Foundation
import Histories
import Testing

extension EndToEnd {
    /// Runs that an earlier version recorded: `Earlier/finished`, and `Earlier/interrupted`, whose processes were all killed
    /// while it collected. Settings stood in attributes and configurations under other names then.
    @Suite("A run of an earlier version", .serialized) struct EarlierRunTests {
        private func copy(_ name: String, to scratch: Scratch) throws -> String {
            let folder = scratch("run")
            let earlier = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("Earlier/\(name)")
            try FileManager.default.copyItem(at: earlier, to: URL(fileURLWithPath: folder))
            return folder
        }

        @Test("is verified, replayed, indexed, distilled, evaluated and reported as it was")
        func finished() throws {
            let scratch = try Scratch()
            let folder = try copy("finished", to: scratch)
            try checkStreams(folder, scratch)
            // Before anything has brought its catalogue up to date.
            try run(["report", folder], in: scratch)
            try run(["run", folder + "/experiment.yaml", "--out", folder, "--resume"], in: scratch)
            let shown = try run(
                ["histories", "show", folder + "/histories/task-00000/lifetime-000/actor-0000.h5"], in: scratch)
            #expect(shown.standardOutput.contains("dark-room"), "\(shown.standardOutput)")

            let checkpoint = folder + "/checkpoints/distiller/step-00000020"
            let evaluated = try run(
                ["evaluate", checkpoint, "--episodes", "2", "--seeds", "1", "--json"], in: scratch)
            #expect(evaluated.standardOutput.contains("\"split\""), "\(evaluated.standardOutput)")
            let compared = try run(
                [
                    "evaluate", checkpoint, "--episodes", "2", "--seeds", "1", "--policy", "random", "--policy",
                    "optimum",
                ], in: scratch)
            #expect(compared.standardOutput.contains("policy optimum: mean return"), "\(compared.standardOutput)")
            #expect(compared.standardOutput.contains("100.0 % of the optimum, 100 % of pairs"))
            let resumed = scratch("distilled")
            try FileManager.default.createDirectory(atPath: resumed, withIntermediateDirectories: true)
            try run(
                [
                    "distill", folder + "/experiment.yaml", "--histories", folder + "/histories", "--out", resumed,
                    "--set", "distil.training.steps=4",
                ], in: scratch)
            try run(["report", folder], in: scratch)
            #expect(FileManager.default.fileExists(atPath: folder + "/report.html"))
            try run(["histories", "index", folder], in: scratch)
            try checkStreams(folder, scratch)
        }

        @Test("that was killed is resumed with what it had recorded, and ends")
        func interrupted() throws {
            let scratch = try Scratch()
            let folder = try copy("interrupted", to: scratch)
            let before = try StreamFolder(path: folder).files.count
            #expect(before > 0)
            try run(
                ["run", folder + "/experiment.yaml", "--out", folder, "--resume"], in: scratch)
            try checkStreams(folder, scratch)
            #expect(FileManager.default.fileExists(atPath: folder + "/report.html"))
        }
    }
}
