import ArgumentParser
import Foundation
import Processes

/// A path that nothing has yet, for what a command removes at its end.
func temporaryPath(_ name: String) -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\(UUID().uuidString)").path
}

/// Gives `body` a folder to work in: `out` where the user has named one, otherwise a temporary one, which is removed at
/// the end. Where `body` fails it stays: the logs that the error names are in it.
func inFolder<Result>(_ out: String?, temporary name: String, _ body: (String) throws -> Result) throws -> Result {
    if let out { return try body(out) }
    let folder = temporaryPath(name)
    do {
        let result = try body(folder)
        try? FileManager.default.removeItem(atPath: folder)
        return result
    } catch let code as ExitCode where Signal.allCases.contains(where: { $0.exitCode == code.rawValue }) {
        try? FileManager.default.removeItem(atPath: folder)
        throw code
    } catch {
        if FileManager.default.fileExists(atPath: folder) { printError("its files and logs are kept in \(folder)") }
        throw error
    }
}
