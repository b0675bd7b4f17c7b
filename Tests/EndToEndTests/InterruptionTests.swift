import Coordination
import Foundation
import Histories
import Testing

extension EndToEnd {
    @Suite("Interruption", .serialized) struct InterruptionTests {
        @Test("Ctrl-C ends a run with 130 and leaves no process; --resume finishes it") func interruptAndResume() throws
        {
            let scratch = try Scratch()
            let folder = scratch("run")
            let path = try scratch.write("small.yaml", experiment(episodes: 1500))
            let command = try RunningCommand(["run", path, "--out", folder], in: scratch)
            let isCollecting = try eventually {
                guard command.isRunning else { return true }
                guard let status = try status(of: folder, in: scratch) else { return false }
                return status.phase == .collecting && status.environmentSteps > 2000
            }
            #expect(isCollecting && command.isRunning, "\(command.standardError)")
            command.interrupt()
            // Its own limit is ten seconds and three; a busy machine gets twice that.
            #expect(command.wait() == 130, "\(command.standardError.suffix(3000))")
            #expect(eventually { command.survivors.isEmpty })
            #expect(!FileManager.default.fileExists(atPath: folder + "/coordinator.endpoint"))

            let resumed = try run(["run", path, "--out", folder, "--resume"], in: scratch)
            #expect(resumed.survivors.isEmpty)
            try checkStreams(folder, scratch)

            // Nothing is left to do, and that is no failure.
            try run(["run", path, "--out", folder, "--resume"], in: scratch)
        }

        @Test("a run that was killed whole and whose catalogue was made again from its files is resumed and ends")
        func indexAndResume() throws {
            let scratch = try Scratch()
            let folder = scratch("run")
            let path = try scratch.write("small.yaml", experiment(episodes: 2000))
            let command = try RunningCommand(["run", path, "--out", folder], in: scratch)
            let isCollecting = try eventually {
                guard command.isRunning else { return true }
                guard let status = try status(of: folder, in: scratch) else { return false }
                return status.phase == .collecting && status.environmentSteps > 20_000
            }
            #expect(isCollecting && command.isRunning, "\(command.standardError)")
            // The supervisor first: nobody is to be started again.
            command.killAlone()
            for process in command.survivors { kill(process, SIGKILL) }
            #expect(eventually { command.survivors.isEmpty })
            let growing = try StreamFolder(path: folder).files.count { !StreamVerification(path: $0).isSealed }
            #expect(growing > 0, "nothing was interrupted")
            try run(["histories", "index", folder], in: scratch)
            let resumed = try run(["run", path, "--out", folder, "--resume"], in: scratch)
            #expect(resumed.survivors.isEmpty)
            try checkStreams(folder, scratch)
        }
    }
}
