import Foundation
import Testing

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

extension EndToEnd {
    /// Blocks that begin with "```sh tested" are run in their order, as somebody who copies them does: by one shell, which
    /// ends at the first command that fails, in a folder that has `deploy` and `scripts`.
    @Suite("Commands of the pages", .serialized) struct PageTests {
        private func commands(of page: String) throws -> String {
            let text = try String(contentsOf: root.appending(path: page), encoding: .utf8)
            let blocks = text.components(separatedBy: "```sh tested\n").dropFirst().compactMap {
                $0.components(separatedBy: "\n```").first
            }
            return blocks.joined(separator: "\n")
        }

        /// `changes`: what stands otherwise in the test, such as a port that is free.
        private func run(_ page: String, _ changes: [String: String] = [:]) throws -> (Scratch, RunningCommand) {
            let scratch = try Scratch()
            for name in ["deploy", "scripts"] {
                try FileManager.default.createSymbolicLink(
                    at: URL(filePath: scratch(name)), withDestinationURL: root.appending(path: name))
            }
            var text = try commands(of: page)
            for (written, actual) in changes {
                #expect(text.contains(written), "\(page) has no \(written)")
                text = text.replacingOccurrences(of: written, with: actual)
            }
            let script = try scratch.write("commands.sh", "set -euo pipefail\n" + text + "\n")
            let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
            let command = try RunningCommand(
                [script], in: scratch, executable: URL(filePath: "/bin/bash"),
                environment: ["PATH": distillery.deletingLastPathComponent().path + ":" + path])
            let code = command.wait(seconds: 2 * RunningCommand.patienceSeconds)
            #expect(code == 0, "\(page): \(command.standardError.suffix(3000))")
            return (scratch, command)
        }

        @Test("a cluster: keys, a first machine, others that join, what came of it") func cluster() throws {
            // Free again when nothing holds it any more.
            let endpoint = try #require(HeldPort()?.endpoint)
            let (scratch, command) = try run("docs/start-on-a-cluster.md", ["tcp://127.0.0.1:5555": endpoint])
            #expect(command.standardOutput.contains("runs/first/report.html"))
            #expect(FileManager.default.fileExists(atPath: scratch("runs/first/report.html")))
            #expect(command.survivors.isEmpty, "processes that did not end")
        }

        @Test(
            "an environment of one's own",
            .enabled(
                if: PythonEnvironment.has("distillery.environment"), "./scripts/test-python makes Python's environment")
        )
        func ownEnvironment() throws {
            // The package is installed already, with Gymnasium.
            let (scratch, command) = try run(
                "docs/environments-python.md",
                [
                    "python3 -m venv environments": "ln -s '\(PythonEnvironment.folder)' environments",
                    "environments/bin/pip install './scripts/python[environment]'": "true",
                    "PYTHONPATH=.": "PYTHONPATH=.:\(PythonEnvironment.packages)",
                ])
            #expect(
                command.standardOutput.contains("26 streams (26 sealed), "), "\(command.standardOutput.suffix(2000))")
            #expect(FileManager.default.fileExists(atPath: scratch("runs/corridor/report.html")))
            #expect(command.survivors.isEmpty, "processes that did not end")
        }
    }
}
