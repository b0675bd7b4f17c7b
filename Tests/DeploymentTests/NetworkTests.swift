import Foundation
import TestSupport
import Testing

/// Three hosts of this machine's own, 20 ms from each other: what deploy/network/drill does.
@Suite("Several hosts") struct NetworkTests {
    /// Why this machine cannot do the drill; nil where it can.
    private static let lack: String? = {
        let answer = try? ProgramOutput(of: drillFile, [distillery, "--check"])
        return answer?.code == 0 ? nil : answer?.text ?? "the drill needs Debian's Python"
    }()

    private static let drillFile = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("deploy/network/drill").path

    /// The built executable: beside the test bundle, or where DISTILLERY says.
    private static let distillery: String = {
        if let path = ProcessInfo.processInfo.environment["DISTILLERY"] { return path }
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("distillery").path
    }()

    /// What a delay costs is a measurement (`throughput`), and no test.
    @Test(
        "with keys, delays, stalls and other clocks a run outlives a partition, and nothing is lost or twice",
        .enabled(if: lack == nil, Comment(rawValue: lack ?? "")),
        arguments: ["clocks", "keys", "partition", "lockstep"])
    func drill(scenario: String) throws {
        let found = try ProgramOutput(of: Self.drillFile, [Self.distillery, scenario])
        #expect(found.code == 0, "\(found.text)")
    }
}
