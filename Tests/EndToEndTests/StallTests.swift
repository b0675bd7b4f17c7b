import Coordination
import Foundation
import Nodes
import Testing

extension EndToEnd {
    @Suite("Stalls", .serialized) struct StallTests {
        @Test(
            "a run whose only worker is to come from elsewhere, and never comes, ends with 1 and says what it lacks",
            arguments: [("distil", "a distiller; there is none"), ("collect", "a recorder; there is none")])
        func nobodyComes(_ goal: String, _ lack: String) throws {
            let scratch = try Scratch()
            let folder = scratch("run")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            _ = try scratch.write("run/experiment.yaml", experiment(more: "  stall_minutes: 0.1"))
            let coordinator = try RunningCommand(["coordinator", folder, "--goal", goal], in: scratch)
            #expect(coordinator.wait() == 1, "\(coordinator.standardError.suffix(2000))")
            let said = coordinator.standardError
            #expect(said.contains("s (cluster.stall_minutes); the run waits for \(lack)"), "\(said)")
        }

        @Test("a run whose evaluators are to come from elsewhere names what it lacks, and ends with that line")
        func noEvaluator() throws {
            let scratch = try Scratch()
            let folder = scratch("run")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            _ = try scratch.write("run/experiment.yaml", experiment(more: "  stall_minutes: 0.4"))
            let goal = ["--goal", "evaluate", "--checkpoint", "step-00000010"]
            let coordinator = try RunningCommand(["coordinator", folder] + goal, in: scratch)
            #expect(eventually { FileManager.default.fileExists(atPath: folder + "/coordinator.endpoint") })
            let recorder = try RunningCommand(["recorder", "--coordinator", folder], in: scratch)
            let lack = "an evaluator for"
            var waits: [String] = []
            let isNamed = try eventually {
                waits = try status(of: folder, in: scratch)?.waits.map { "\($0.why)" } ?? []
                return waits.contains { $0.contains(lack) } || !coordinator.isRunning
            }
            #expect(isNamed && waits.contains { $0.contains(lack) }, "\(waits)")
            #expect(coordinator.wait() == 1, "\(coordinator.standardError.suffix(2000))")
            let said = coordinator.standardError
            #expect(said.contains("s (cluster.stall_minutes); the run waits for \(lack)"), "\(said)")
            #expect(recorder.wait() != nil, "it goes when its run has ended: \(recorder.standardError)")
        }

        @Test("a supervised run in which nothing moves ends with 1, says so, and leaves no process") func supervised()
            throws
        {
            let scratch = try Scratch()
            let folder = scratch("run")
            let yaml = experiment(learners: 1, trainTasks: 2, more: "  stall_minutes: 0.15")
            let command = try RunningCommand(
                ["launch", scratch.write("small.yaml", yaml), "--out", folder], in: scratch,
                environment: [TestWorkStep.variable: "learner:600:still:\(scratch("was-taken"))"])
            #expect(command.wait() == 1, "\(command.standardError.suffix(2000))")
            let said = command.standardError
            #expect(said.contains("nothing has moved for") && said.contains("takes a step for a test"), "\(said)")
            #expect(eventually { command.survivors.isEmpty })
        }
    }
}
