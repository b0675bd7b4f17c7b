import Coordination
import Foundation
import Testing
import Wire

extension EndToEnd {
    @Suite("Processes that stand still", .serialized) struct StopTests {
        @Test("a supervisor that is stopped for longer than its limit kills no coordinator, and the run ends well")
        func stopAndGoOn() throws {
            let scratch = try Scratch()
            let folder = scratch("run")
            let path = try scratch.write("small.yaml", experiment(episodes: 3000))
            let command = try RunningCommand(["launch", path, "--out", folder], in: scratch)
            #expect(try eventually { try status(of: folder, in: scratch)?.environmentSteps ?? 0 > 1000 })
            let coordinator = try #require(command.process(of: .coordinator))
            command.signalAlone(SIGSTOP)
            // More than the 15 s that a coordinator may be silent.
            sleep(18)
            command.signalAlone(SIGCONT)
            sleep(3)
            // A run that is about to end has none any more, and no other follows.
            let found = command.process(of: .coordinator)
            #expect(found == coordinator || found == nil && eventually { !command.isRunning })
            #expect(command.wait() == 0, "\(command.standardError.suffix(2000))")
            #expect(!command.standardError.contains("the coordinator is silent"), "\(command.standardError)")
            #expect(!FileManager.default.fileExists(atPath: folder + "/logs/coordinator-1.log"))
        }
    }
}
