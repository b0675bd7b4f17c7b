import Foundation
import Testing

/// The manifests of deploy/kubernetes, by the script beside them, which renders and validates them.
@Suite("Manifests for Kubernetes") struct KubernetesTests {
    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("deploy/kubernetes/check")
    /// The script's exit code where this machine lacks what it needs, of which a network is one.
    private static let skipped: Int32 = 3

    @Test("are what Kubernetes understands, and keep their promises") func check() throws {
        let process = Process()
        process.executableURL = Self.script
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        if process.terminationStatus == Self.skipped { return print(text) }
        #expect(process.terminationStatus == 0, "\(text)")
    }
}
