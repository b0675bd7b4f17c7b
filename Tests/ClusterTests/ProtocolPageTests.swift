import Cluster
import Foundation
import Testing
import Wire

@Suite("The protocol's page") struct ProtocolPageTests {
    /// What the code has, by its name, as the page writes it.
    private static let constants: [String: String] = [
        "Coordinator.heartbeatIntervalMilliseconds": text(
            seconds: Double(Coordinator.heartbeatIntervalMilliseconds) / 1000),
        "Coordinator.silenceLimitMilliseconds": text(seconds: Double(Coordinator.silenceLimitMilliseconds) / 1000),
        "Membership.helloIntervalMilliseconds": text(seconds: Double(Membership.helloIntervalMilliseconds) / 1000),
        "Membership.welcomeLimitMilliseconds": text(seconds: Double(Membership.welcomeLimitMilliseconds) / 1000),
        "Membership.coordinatorSilenceLimitMilliseconds": text(
            seconds: Double(Membership.coordinatorSilenceLimitMilliseconds) / 1000),
        "Membership.noticeableWaitMilliseconds": text(seconds: Double(Membership.noticeableWaitMilliseconds) / 1000),
        "ReliableSender.resendIntervalMilliseconds": text(
            seconds: Double(ReliableSender.resendIntervalMilliseconds) / 1000),
        "ReliableSender.longestResendIntervalMilliseconds": text(
            seconds: Double(ReliableSender.longestResendIntervalMilliseconds) / 1000),
        "CoordinatorProcess.farewellMilliseconds": text(
            seconds: Double(CoordinatorProcess.farewellMilliseconds) / 1000),
        "RecorderDialogue.requestIntervalMilliseconds": text(
            seconds: Double(RecorderDialogue.requestIntervalMilliseconds) / 1000),
        "RecorderDialogue.silenceMilliseconds": text(seconds: Double(RecorderDialogue.silenceMilliseconds) / 1000),
        "RecorderDialogue.longestBackoff": "\(RecorderDialogue.longestBackoff)",
        "RecorderDialogue.fruitlessLimit": "\(RecorderDialogue.fruitlessLimit)",
        "RecorderDialogue.resendIntervalMilliseconds": text(
            seconds: Double(RecorderDialogue.resendIntervalMilliseconds) / 1000),
        "RecorderDialogue.longestResendBackoff": "\(RecorderDialogue.longestResendBackoff)",
        "UnacknowledgedRollouts.window": "\(UnacknowledgedRollouts.window)",
        "UnacknowledgedRollouts.windowBytes": text(bytes: UInt64(UnacknowledgedRollouts.windowBytes)),
        "ActorRole.joinIntervalMilliseconds": text(seconds: Double(ActorRole.joinIntervalMilliseconds) / 1000),
        "ActorRole.requestIntervalMilliseconds": text(seconds: Double(ActorRole.requestIntervalMilliseconds) / 1000),
        "ActorRole.longestRequestIntervalMilliseconds": text(
            seconds: Double(ActorRole.longestRequestIntervalMilliseconds) / 1000),
        "ActorRole.refusedJoinLimit": "\(ActorRole.refusedJoinLimit)",
        "ActorRole.learnerSilenceMilliseconds": text(seconds: Double(ActorRole.learnerSilenceMilliseconds) / 1000),
        "ActorRole.handOverMilliseconds": text(seconds: Double(ActorRole.handOverMilliseconds) / 1000),
        "ActorRole.maximumUnansweredRollouts": "\(ActorRole.maximumUnansweredRollouts)",
        "Coordinator.firstRestNanoseconds": text(seconds: Double(Coordinator.firstRestNanoseconds) / 1e9),
        "Coordinator.longestRestNanoseconds": text(seconds: Double(Coordinator.longestRestNanoseconds) / 1e9),
        "Coordinator.refusalLimit": "\(Coordinator.refusalLimit)",
        "Coordinator.refusalMemoryNanoseconds": text(seconds: Double(Coordinator.refusalMemoryNanoseconds) / 1e9),
        "StateDownload.requestIntervalNanoseconds": text(
            seconds: Double(StateDownload.requestIntervalNanoseconds) / 1e9),
        "CheckpointUpload.resendIntervalMilliseconds": text(
            seconds: Double(CheckpointUpload.resendIntervalMilliseconds) / 1000),
        "CheckpointUpload.refusalWaitMilliseconds": text(
            seconds: Double(CheckpointUpload.refusalWaitMilliseconds) / 1000),
        "CheckpointUpload.refusalWaitLimitMilliseconds": text(
            seconds: Double(CheckpointUpload.refusalWaitLimitMilliseconds) / 1000),
        "CheckpointUpload.refusalLimit": "\(CheckpointUpload.refusalLimit)",
        "DistillerRole.refusedReportMilliseconds": text(
            seconds: Double(DistillerRole.refusedReportMilliseconds) / 1000),
        "EvaluatorRole.checkpointRefusalMilliseconds": text(
            seconds: Double(EvaluatorRole.checkpointRefusalMilliseconds) / 1000),
        "WireProtocol.checkpointPieceBytes": text(bytes: UInt64(WireProtocol.checkpointPieceBytes)),
        "CheckpointStore.fileLimitBytes": text(bytes: UInt64(CheckpointStore.fileLimitBytes)),
        "LearnerCheckpointStore.sizeLimitBytes": text(bytes: UInt64(LearnerCheckpointStore.sizeLimitBytes)),
    ]

    private static func text(seconds: Double) -> String {
        seconds == seconds.rounded() ? "\(Int(seconds)) s" : "\(seconds) s"
    }

    private static func text(bytes: UInt64) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        var (value, unit) = (bytes, 0)
        while value >= 1024, value % 1024 == 0 { (value, unit) = (value / 1024, unit + 1) }
        return "\(value) \(units[unit])"
    }

    @Test("says of each time and bound what the code has, and leaves none of these out") func constants() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: root.appendingPathComponent("docs/protocol.md"), encoding: .utf8)
        let table = page.components(separatedBy: "## Times and bounds").last ?? ""
        var told: Set<String> = []
        for row in table.split(separator: "\n") where row.hasPrefix("|") && row.contains("`") {
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            try #require(cells.count == 3, "\(row)")
            for name in cells[2].matches(of: /`([A-Za-z.]+)`/).map({ String($0.1) }) {
                #expect(Self.constants[name] == cells[1], "\(name), \(cells[0])")
                told.insert(name)
            }
        }
        #expect(told == Set(Self.constants.keys))
    }
}
