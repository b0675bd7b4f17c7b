import Foundation

/// The Python that has the package `distillery`, for commands that hand something over to it.
enum PythonProgram {
    private static let environmentName = "DISTILLERY_PYTHON"

    /// A path or a name on PATH: `given`, or what DISTILLERY_PYTHON says, or `python3`.
    static func name(_ given: String?) -> String {
        let environment = ProcessInfo.processInfo.environment[environmentName] ?? ""
        return given ?? (environment.isEmpty ? "python3" : environment)
    }
}
