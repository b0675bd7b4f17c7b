import Foundation
import Testing

extension EndToEnd {
    @Suite("Histories in the formats of others") struct ExchangeTests {
        private let scratch: Scratch

        init() throws { scratch = try Scratch() }

        @Test(
            "are written and read back by the Python package, which the command hands over to",
            .enabled(
                if: PythonEnvironment.has("distillery.exchange"), "./scripts/test-python makes Python's environment"))
        func thereAndBack() throws {
            let file = try scratch.write(
                "small.yaml",
                experiment(actors: 2, processes: 1, learners: 1, trainTasks: 2, testTasks: 1, episodes: 20))
            try EndToEndTests.run(["launch", file, "--out", scratch("run")], in: scratch)
            func histories(_ arguments: [String], expecting code: Int32 = 0) throws -> RunningCommand {
                let command = try RunningCommand(
                    ["histories"] + arguments, in: scratch,
                    environment: [
                        "DISTILLERY_PYTHON": PythonEnvironment.python.path, "PYTHONPATH": PythonEnvironment.packages,
                    ])
                let found = command.wait()
                #expect(found == code, "\(arguments): \(command.standardError.suffix(2000))")
                return command
            }
            let data = scratch("data/small-v0")
            let export = try histories(["export", "--format", "minari", scratch("run"), "--out", data, "--json"])
            #expect(export.standardOutput.contains("\"episodes\""), "\(export.standardOutput)")
            _ = try histories(["import", "--format", "minari", data, "--out", scratch("again")])
            let before = try histories(["verify", scratch("run"), "--json"]).standardOutput
            let after = try histories(["verify", scratch("again"), "--json"]).standardOutput
            func counted(_ said: String) -> [Substring] {
                said.matches(of: /"(finished_episodes|rollouts|rows)" : [1-9]\d*/).map(\.output.0)
            }
            #expect(counted(before).count > 3 && counted(before) == counted(after), "\(before) \(after)")
            // The package's own words and exit code.
            let out = ["--out", scratch("x")]
            let wrong = try histories(["export", "--format", "parquet", scratch("nothing")] + out, expecting: 1)
            #expect(wrong.standardError.contains("nothing"), "\(wrong.standardError)")
            _ = try histories(["export", "--format", "csv", scratch("run")] + out, expecting: 2)
        }

        @Test("say what to install where the Python package is missing, and name a Python that is none")
        func missing() throws {
            let bare = scratch("python")
            try Data("#!/bin/sh\nexec python3 -I -S \"$@\"\n".utf8).write(to: URL(filePath: bare))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: bare)
            let command = ["histories", "export", "--format", "parquet", "run", "--out", "x", "--python"]
            let lacking = try EndToEndTests.run(command + [bare], in: scratch, expecting: 1)
            let words = lacking.standardError
            #expect(words.contains("pip install './scripts/python[exchange]'"), "\(words)")
            let none = try EndToEndTests.run(command + [scratch("no-python")], in: scratch, expecting: 1)
            #expect(none.standardError.contains("no-python"), "\(none.standardError)")
        }
    }
}
