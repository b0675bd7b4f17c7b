import Foundation

/// What a program came to that ran to its end.
package struct ProgramOutput: Sendable {
    /// Standard output and standard error together.
    package let text: String
    /// The exit code.
    package let code: Int32

    /// Runs the program at `path` with `input` as its standard input, and waits for its end. Throws where it cannot be
    /// started.
    package init(of path: String, _ arguments: [String] = [], input: String = "") throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let (given, printed) = (Pipe(), Pipe())
        process.standardInput = given
        process.standardOutput = printed
        process.standardError = printed
        try process.run()
        try given.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try given.fileHandleForWriting.close()
        text = String(decoding: printed.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        code = process.terminationStatus
    }
}
