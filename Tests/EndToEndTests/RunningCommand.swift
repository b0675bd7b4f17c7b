import Foundation
import Processes
import Testing
import Wire

/// The built executable: beside the test bundle, or where DISTILLERY says.
let distillery: URL = {
    if let path = ProcessInfo.processInfo.environment["DISTILLERY"] { return URL(filePath: path) }
    return besideTests("distillery")
}()

/// The executable that knows the tests' own environment, source algorithm and model, too.
let distilleryWithToys = besideTests("DistilleryWithToys")

private func besideTests(_ name: String) -> URL {
    let bundle = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    return bundle.deletingLastPathComponent().appending(path: name)
}

/// A folder for one test, gone with it.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "distillery-end-to-end-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> String { path + "/" + name }

    /// Writes a file and gives its path.
    func write(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: URL(filePath: self(name)))
        return self(name)
    }
}

/// A command of ours at work, with all processes that it starts marked, so that none can be overlooked.
final class RunningCommand {
    /// Reached only when something is broken; the machine may be slow.
    static let patienceSeconds = 240.0
    private static let markName = "DISTILLERY_TEST_MARK"

    private let process: ChildProcess
    private let output: String
    let errors: String
    private let mark = UUID().uuidString

    /// Standard output and standard error go to files of their own.
    init(
        _ arguments: [String], in scratch: Scratch, executable: URL = distillery,
        environment more: [String: String] = [:]
    ) throws {
        output = scratch("\(mark).out")
        errors = scratch("\(mark).err")
        var environment = ProcessInfo.processInfo.environment.merging(more) { $1 }
        environment[Self.markName] = mark
        environment["HDF5_USE_FILE_LOCKING"] = "FALSE"
        let script = "cd \"$1\"; exec >\"$2\" 2>\"$3\"; shift 3; exec \"$@\""
        process = try ChildProcess(
            executable: "/bin/sh",
            arguments: ["-c", script, "sh", scratch.path, output, errors, executable.path] + arguments,
            log: scratch("shell.log"), environment: environment)
    }

    deinit { for identifier in survivors { kill(identifier, SIGKILL) } }

    var isRunning: Bool { process.exitStatus == nil }
    var standardOutput: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }
    var standardError: String { (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "" }

    func interrupt() { kill(process.identifier, SIGINT) }
    func signalAlone(_ signal: Int32) { kill(process.identifier, signal) }
    /// This process alone, not those that it started.
    func killAlone() { kill(process.identifier, SIGKILL) }

    /// The exit code; nil when it has not ended in time, or was killed.
    func wait(seconds: Double = patienceSeconds) -> Int32? {
        guard case .exited(let code)? = process.wait(milliseconds: Int(1000 * seconds)) else { return nil }
        return code
    }

    /// One of its processes that has this role.
    func process(of role: RoleName) -> Int32? {
        survivors.first { process in
            let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline")?.split(separator: 0) ?? []
            return words.count > 1 && String(decoding: words[1], as: UTF8.self) == role.rawValue
        }
    }

    /// Processes that carry the mark in their environment and are no zombies.
    var survivors: [Int32] {
        let numbers = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        let mark = Data("\(Self.markName)=\(mark)".utf8)
        return numbers.filter { number in
            guard let environment = FileManager.default.contents(atPath: "/proc/\(number)/environ") else {
                return false
            }
            return environment.range(of: mark) != nil
        }
    }
}

/// Runs a command to its end.
@discardableResult
func run(
    _ arguments: [String], in scratch: Scratch, executable: URL = distillery, expecting code: Int32 = 0,
    location: SourceLocation = #_sourceLocation
) throws -> RunningCommand {
    let command = try RunningCommand(arguments, in: scratch, executable: executable)
    let found = command.wait()
    #expect(
        found == code, "\(arguments.joined(separator: " ")): \(command.standardError.suffix(2000))",
        sourceLocation: location)
    return command
}

/// Whether `condition` comes true in time, whatever becomes of the machine's date meanwhile.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    let clock = SuspendingClock()
    let deadline = clock.now.advanced(by: .seconds(RunningCommand.patienceSeconds))
    while clock.now < deadline {
        if try condition() { return true }
        usleep(50_000)
    }
    return try condition()
}
