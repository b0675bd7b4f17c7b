import Foundation

/// The interpreter with the Python package and all its extras, as ./scripts/test-python makes it, or the one that
/// DISTILLERY_PYTHON names.
enum PythonEnvironment {
    static let packages = root.appending(path: "scripts/python").path
    static let python =
        ProcessInfo.processInfo.environment["DISTILLERY_PYTHON"].map { URL(filePath: $0) }
        ?? root.appending(path: ".build/python/bin/python")

    /// Of this repository.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Of the environment, as `python3 -m venv FOLDER` makes it.
    static let folder = python.deletingLastPathComponent().deletingLastPathComponent().path

    /// A program that was installed with it.
    static func program(_ name: String) -> URL { python.deletingLastPathComponent().appending(path: name) }

    /// Whether it is there and has this module.
    static func has(_ module: String) -> Bool {
        guard FileManager.default.isExecutableFile(atPath: python.path) else { return false }
        let process = Process()
        process.executableURL = python
        process.arguments = ["-c", "import \(module)"]
        process.environment = ProcessInfo.processInfo.environment.merging(["PYTHONPATH": packages]) { $1 }
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
