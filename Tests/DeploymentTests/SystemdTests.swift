import Foundation
import TestSupport
import Testing

/// The units of deploy/systemd, read by systemd's own tools in a folder that looks like a system with them installed.
@Suite(
    "Units for systemd",
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-analyze"), "systemd is not installed"))
struct SystemdTests {
    private static let units = [
        "coordinator", "recorder", "learner@1", "actor@1", "distiller", "evaluator@1",
    ].map { "distillery-\($0).service" }

    /// A root folder with our units, those of the system that they refer to, and a program where they start it.
    private func withRoot<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let files = FileManager.default
        let root = files.temporaryDirectory.appendingPathComponent("distillery-units-\(UUID())")
        defer { try? files.removeItem(at: root) }
        let folder = root.appendingPathComponent("lib/systemd/system")
        try files.createDirectory(at: folder.deletingLastPathComponent(), withIntermediateDirectories: true)
        try files.copyItem(atPath: "/lib/systemd/system", toPath: folder.path)
        for name in try files.contentsOfDirectory(atPath: Self.deployed.path)
        where name.hasSuffix(".service") || name.hasSuffix(".d") {
            try files.copyItem(at: Self.deployed.appendingPathComponent(name), to: folder.appendingPathComponent(name))
        }
        for (path, source) in [
            ("usr/bin/distillery", "/bin/true"),
            ("etc/default/distillery", Self.deployed.appendingPathComponent("distillery.default").path),
        ] {
            let place = root.appendingPathComponent(path)
            try files.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try files.copyItem(atPath: source, toPath: place.path)
        }
        return try body(root)
    }

    private static let deployed = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("deploy/systemd")

    private func analyse(_ arguments: [String]) throws -> ProgramOutput {
        try ProgramOutput(of: "/usr/bin/systemd-analyze", arguments)
    }

    @Test("are all that there are") func all() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.deployed.path)
            .filter { $0.hasSuffix(".service") }
        #expect(Set(names) == Set(Self.units.map { $0.replacingOccurrences(of: "@1", with: "@") }))
    }

    @Test("are understood without a word of complaint", arguments: units) func verify(unit: String) throws {
        try withRoot { root in
            let found = try analyse(["verify", "--root=\(root.path)", unit])
            #expect(found.code == 0 && !found.text.contains("distillery"), "\(found.text)")
        }
    }

    @Test("give a role hardly more of the machine than it needs", arguments: units) func security(unit: String) throws {
        try withRoot { root in
            // Tenths; systemd calls 2.0 and less OK.
            let found = try analyse([
                "security", "--root=\(root.path)", "--offline=yes", "--threshold=15", "--no-pager", unit,
            ])
            #expect(found.code == 0, "\(found.text.suffix(300))")
        }
    }
}
