import Collecting
import Coordination
import Distilling
import Foundation
import Nodes
import Testing
import Wire

@Suite("The protocol's page") struct ProtocolPageTests {
    /// What the code has, by its name, as the page writes it.
    private static let constants: [String: String] = [
        "Coordinator.heartbeatIntervalMilliseconds": text(milliseconds: Coordinator.heartbeatIntervalMilliseconds),
        "Coordinator.silenceLimitMilliseconds": text(milliseconds: Coordinator.silenceLimitMilliseconds),
        "Membership.helloIntervalMilliseconds": text(milliseconds: Membership.helloIntervalMilliseconds),
        "Membership.welcomeLimitMilliseconds": text(milliseconds: Membership.welcomeLimitMilliseconds),
        "Membership.coordinatorSilenceLimitMilliseconds": text(
            milliseconds: Membership.coordinatorSilenceLimitMilliseconds),
        "Membership.noticeableWaitMilliseconds": text(milliseconds: Membership.noticeableWaitMilliseconds),
        "ReliableSender.resendIntervalMilliseconds": text(milliseconds: ReliableSender.resendIntervalMilliseconds),
        "ReliableSender.longestResendIntervalMilliseconds": text(
            milliseconds: ReliableSender.longestResendIntervalMilliseconds),
        "CoordinatorProcess.farewellMilliseconds": text(milliseconds: CoordinatorProcess.farewellMilliseconds),
        "RecorderDialogue.requestIntervalMilliseconds": text(
            milliseconds: RecorderDialogue.requestIntervalMilliseconds),
        "RecorderDialogue.silenceMilliseconds": text(milliseconds: RecorderDialogue.silenceMilliseconds),
        "RecorderDialogue.longestBackoff": "\(RecorderDialogue.longestBackoff)",
        "RecorderDialogue.longestSilenceMilliseconds": text(
            milliseconds: RecorderDialogue.longestSilenceMilliseconds),
        "RecorderDialogue.fruitlessLimit": "\(RecorderDialogue.fruitlessLimit)",
        "RecorderDialogue.resendIntervalMilliseconds": text(milliseconds: RecorderDialogue.resendIntervalMilliseconds),
        "RecorderDialogue.longestResendBackoff": "\(RecorderDialogue.longestResendBackoff)",
        "UnacknowledgedRollouts.window": "\(UnacknowledgedRollouts.window)",
        "UnacknowledgedRollouts.windowBytes": text(bytes: UInt64(UnacknowledgedRollouts.windowBytes)),
        "ActorRole.joinIntervalMilliseconds": text(milliseconds: ActorRole.joinIntervalMilliseconds),
        "ActorRole.requestIntervalMilliseconds": text(milliseconds: ActorRole.requestIntervalMilliseconds),
        "ActorRole.longestRequestIntervalMilliseconds": text(
            milliseconds: ActorRole.longestRequestIntervalMilliseconds),
        "ActorRole.refusedJoinLimit": "\(ActorRole.refusedJoinLimit)",
        "ActorRole.learnerSilenceMilliseconds": text(milliseconds: ActorRole.learnerSilenceMilliseconds),
        "ActorRole.handOverMilliseconds": text(milliseconds: ActorRole.handOverMilliseconds),
        "ActorRole.steadyEnvironmentMilliseconds": text(milliseconds: ActorRole.steadyEnvironmentMilliseconds),
        "UnansweredRollouts.fewest": "\(UnansweredRollouts.fewest)",
        "UnansweredRollouts.most": "\(UnansweredRollouts.most)",
        "UnansweredRollouts.shortestDelayNanoseconds": text(
            milliseconds: UnansweredRollouts.shortestDelayNanoseconds / 1_000_000),
        "ActorRole.unansweredBytes": text(bytes: UInt64(ActorRole.unansweredBytes)),
        "Coordinator.firstRestNanoseconds": text(milliseconds: Coordinator.firstRestNanoseconds / 1_000_000),
        "Coordinator.longestRestNanoseconds": text(milliseconds: Coordinator.longestRestNanoseconds / 1_000_000),
        "Coordinator.refusalLimit": "\(Coordinator.refusalLimit)",
        "Coordinator.refusalMemoryNanoseconds": text(milliseconds: Coordinator.refusalMemoryNanoseconds / 1_000_000),
        "Coordinator.lossLimit": "\(Coordinator.lossLimit)",
        "Coordinator.failureNoticeNanoseconds": text(milliseconds: Coordinator.failureNoticeNanoseconds / 1_000_000),
        "StateDownload.requestIntervalNanoseconds": text(
            milliseconds: StateDownload.requestIntervalNanoseconds / 1_000_000),
        "CheckpointUpload.resendIntervalMilliseconds": text(milliseconds: CheckpointUpload.resendIntervalMilliseconds),
        "CheckpointUpload.refusalWaitMilliseconds": text(milliseconds: CheckpointUpload.refusalWaitMilliseconds),
        "CheckpointUpload.refusalWaitLimitMilliseconds": text(
            milliseconds: CheckpointUpload.refusalWaitLimitMilliseconds),
        "CheckpointUpload.refusalLimit": "\(CheckpointUpload.refusalLimit)",
        "DistillerRole.refusedReportMilliseconds": text(milliseconds: DistillerRole.refusedReportMilliseconds),
        "EvaluatorRole.checkpointRefusalMilliseconds": text(milliseconds: EvaluatorRole.checkpointRefusalMilliseconds),
        "WireProtocol.checkpointPieceBytes": text(bytes: UInt64(WireProtocol.checkpointPieceBytes)),
        "CheckpointStore.fileLimitBytes": text(bytes: UInt64(CheckpointStore.fileLimitBytes)),
        "LearnerCheckpointStore.sizeLimitBytes": text(bytes: UInt64(LearnerCheckpointStore.sizeLimitBytes)),
    ]

    private static func text(milliseconds: some BinaryInteger) -> String {
        let seconds = Double(milliseconds) / 1000
        return seconds == seconds.rounded() ? "\(Int(seconds)) s" : "\(seconds) s"
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
