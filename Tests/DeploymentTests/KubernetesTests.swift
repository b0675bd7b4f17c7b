import Foundation
import TestSupport
import Testing

/// The manifests of deploy/kubernetes, by the script beside them, which renders and validates them.
@Suite("Manifests for Kubernetes") struct KubernetesTests {
    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("deploy/kubernetes/check")
    /// The script's exit code where this machine lacks what it needs, of which a network is one.
    private static let skipped: Int32 = 3

    @Test("are what Kubernetes understands, and keep their promises") func check() throws {
        let found = try ProgramOutput(of: Self.script.path)
        if found.code == Self.skipped { return print(found.text) }
        #expect(found.code == 0, "\(found.text)")
    }
}
