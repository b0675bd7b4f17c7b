import Foundation
import Testing

extension EndToEnd {
    @Suite("Standard input, output and error that are closed or full", .serialized) struct StandardStreamTests {
        /// Runs a command line of the shell's; `$0` is the program. Gives its exit code.
        private func shell(_ line: String, in scratch: Scratch) throws -> (code: Int32?, errors: String) {
            let command = try RunningCommand(
                ["-c", line, distillery.path], in: scratch, executable: URL(filePath: "/bin/sh"))
            return (command.wait(), command.standardError)
        }

        @Test(
            "results that cannot be written are a failure, in one sentence",
            arguments: ["environments --json", "environments", "--help", "run --help", "--version", "keys list keys"])
        func full(words: String) throws {
            let scratch = try Scratch()
            try run(["keys", "generate", scratch("keys")], in: scratch)
            for output in [">/dev/full", ">&-"] {
                let (code, errors) = try shell("\"$0\" \(words) \(output)", in: scratch)
                #expect(code == 1, "\(words) \(output)")
                #expect(errors.hasPrefix("Error: cannot write the results to standard output"), "\(errors)")
                #expect(errors.split(separator: "\n").count == 1, "\(errors)")
            }
        }

        @Test("a file that is made gets no number that is printed to")
        func closed() throws {
            let scratch = try Scratch()
            let (code, _) = try shell("\"$0\" keys generate keys >&- 2>&- <&-", in: scratch)
            #expect(code == 1)
            let key = try String(contentsOfFile: scratch("keys/node.key"), encoding: .utf8)
            #expect(key.hasPrefix("distillery node key 1\n") && !key.contains(scratch.path), "\(key)")
            try run(["keys", "list", scratch("keys")], in: scratch)
        }

        @Test("a reader that has seen enough ends the command without a word")
        func head() throws {
            let scratch = try Scratch()
            let (code, errors) = try shell("\"$0\" environments | head -1 >line", in: scratch)
            #expect(code == 0)
            #expect(errors.isEmpty, "\(errors)")
        }

        @Test(
            "an empty argument is wrong usage, not this folder",
            arguments: [["keys", "generate", ""], ["report", ""]])
        func emptyArgument(words: [String]) throws {
            let scratch = try Scratch()
            let refused = try run(words, in: scratch, expecting: 2)
            #expect(refused.standardError.contains("is empty; is a variable not set?"), "\(refused.standardError)")
            #expect(!FileManager.default.fileExists(atPath: scratch("coordinator.key")))
        }

        @Test("a file, and a folder that is no run, are not indexed, and nothing is made in it")
        func index() throws {
            let scratch = try Scratch()
            let file = try scratch.write("notes.txt", "")
            for path in [file, scratch.path, scratch("none")] {
                let refused = try run(["histories", "index", path], in: scratch, expecting: 1)
                #expect(refused.standardError.contains("is not the folder of a run"), "\(refused.standardError)")
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
            #expect(!left.contains { $0.hasSuffix(".lock") || $0.hasSuffix(".sqlite") }, "\(left)")
        }
    }
}
