import Foundation
import Testing

extension EndToEnd {
    @Suite("A status that is watched", .serialized) struct WatchedOutputTests {
        @Test("ends with 1, and crashes on nothing, when nobody takes what it says") func watch() throws {
            let scratch = try Scratch()
            let folder = scratch("run")
            let path = try scratch.write("small.yaml", experiment(episodes: 1_000_000))
            let cluster = try RunningCommand(["launch", path, "--out", folder], in: scratch)
            #expect(try eventually { try status(of: folder, in: scratch) != nil })
            let call = "\"$0\" status --watch --coordinator $(cat run/coordinator.endpoint)"
            // SIGPIPE is ignored, as where a service manager starts things.
            for line in [
                "\(call) >&-; echo $? >code", "\(call) >/dev/full; echo $? >code",
                "\(call) --json >/dev/full; echo $? >code",
                "{ \(call); echo $? >code; } | true", "{ \(call) --json; echo $? >code; } | true",
            ] {
                let shell = try RunningCommand(
                    ["-c", "trap '' PIPE; " + line, distillery.path], in: scratch, executable: URL(filePath: "/bin/sh"))
                _ = shell.wait()
                let code = try String(contentsOfFile: scratch("code"), encoding: .utf8)
                #expect(code == "1\n", "\(line): \(code) \(shell.standardError)")
                #expect(shell.standardError.hasPrefix("Error: cannot write"), "\(shell.standardError)")
            }
            cluster.interrupt()
            #expect(cluster.wait() == 130)
        }
    }
}
