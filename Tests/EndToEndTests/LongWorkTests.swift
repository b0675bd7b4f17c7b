import Coordination
import Foundation
import Nodes
import Testing
import Wire

extension EndToEnd {
    @Suite("Long work", .serialized) struct LongWorkTests {
        /// Longer than the coordinator waits for a silent node.
        static let seconds =
            ProcessInfo.processInfo.environment["DISTILLERY_LONG_WORK_SECONDS"].flatMap(Int.init) ?? 12

        @Test(
            "a step of a role's work that takes long is shown, and nobody takes the node for dead",
            arguments: [
                (RoleName.learner, "still", 300), (.recorder, "moving", 5), (.actor, "still", 300),
                (.distiller, "moving", 5), (.evaluator, "still", 300),
            ])
        func longStep(_ role: RoleName, _ how: String, _ limit: Int) throws {
            let scratch = try Scratch()
            let folder = scratch("run")
            let yaml = experiment(learners: 1, trainTasks: 2, testTasks: 1, more: "  work_limit_seconds: \(limit)")
            let command = try RunningCommand(
                ["run", scratch.write("small.yaml", yaml), "--out", folder], in: scratch,
                environment: [
                    TestWorkStep.variable: "\(role.rawValue):\(Self.seconds):\(how):\(scratch("was-taken"))"
                ])
            var longest = 0.0
            var worker = ""
            let isSeen = try eventually {
                for node in try status(of: folder, in: scratch)?.nodes ?? [] {
                    guard let work = node.work, work.what == "takes a step for a test" else { continue }
                    worker = node.name
                    longest = max(longest, work.seconds)
                    #expect(node.silentMilliseconds < 3000 && node.role == role, "\(node)")
                    #expect(how == "still" ? work.total == 0 : work.total > 0 && work.stillSeconds < 5, "\(work)")
                }
                return longest > 7 || !command.isRunning
            }
            #expect(isSeen && longest > 7, "\(longest) \(command.standardError.suffix(2000))")
            #expect(command.wait() == 0, "\(command.standardError.suffix(2000))")
            let log = try String(contentsOfFile: folder + "/logs/coordinator-0.log", encoding: .utf8)
            let itsLines = log.split(separator: "\n").filter { $0.contains(worker) && $0.contains(" left") }
            // Of its own last word and its supervisor's, either may come first.
            #expect(itsLines.count == 1, "\(itsLines)")
            #expect(itsLines.allSatisfy { $0.contains("left by itself") || $0.contains("its process has ended") })
            #expect(!command.standardError.contains("a process failed"), "\(command.standardError)")
            #expect(!log.contains("silent for") && !log.contains("no progress"), "\(log)")
            #expect(!FileManager.default.fileExists(atPath: folder + "/logs/coordinator-1.log"))
        }

        @Test("a role that makes no progress for its limit is replaced, by name, and the run goes on to its end")
        func hungStep() throws {
            let scratch = try Scratch()
            let folder = scratch("run")
            let yaml = experiment(learners: 1, trainTasks: 2, testTasks: 1, more: "  work_limit_seconds: 6")
            let command = try RunningCommand(
                ["launch", scratch.write("small.yaml", yaml), "--out", folder], in: scratch,
                environment: [TestWorkStep.variable: "learner:600:still:\(scratch("was-taken"))"])
            var hung = ""
            var loss: ClusterStatus.Loss?
            let isReplaced = try eventually {
                let status = try status(of: folder, in: scratch)
                hung = status?.nodes.first { $0.work?.stillSeconds ?? 0 > 2 }?.name ?? hung
                loss = status?.givenUp?.first ?? loss
                return loss != nil || !command.isRunning
            }
            #expect(isReplaced && !hung.isEmpty, "\(command.standardError.suffix(2000))")
            #expect(loss?.node == hung, "\(String(describing: loss)) \(hung)")
            #expect(loss?.reason.contains("no progress for") == true, "\(String(describing: loss))")
            #expect(command.wait() == 0, "\(command.standardError.suffix(2000))")
            let log = try String(contentsOfFile: folder + "/logs/coordinator-0.log", encoding: .utf8)
            #expect(log.split(separator: "\n").contains { $0.contains(hung) && $0.contains("no progress for") })
            try checkStreams(folder, scratch)
        }
    }
}
