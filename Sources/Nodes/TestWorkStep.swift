import Foundation
import Glibc
package import Wire

/// A step of work of a chosen length, for tests with real processes: what would take that long by itself takes a
/// machine of its own.
///
/// `DISTILLERY_TEST_WORK_STEP=ROLE:SECONDS:HOW:FILE`; HOW is `moving` (the step tells of progress) or `still`. The
/// first process of that role that makes FILE does it, once, when it first has messages of other nodes to work on; a
/// distiller, which has none, at its lease.
package final class TestWorkStep: @unchecked Sendable {
    /// Name of the environment variable that asks for such a step.
    package static let variable = "DISTILLERY_TEST_WORK_STEP"
    private static let turnMicroseconds: UInt32 = 100_000

    private let role: RoleName
    private let seconds: Double
    private let isMoving: Bool
    private let file: String
    /// The role's thread alone looks at it.
    private var isOver = false

    /// Nil where the environment asks for nothing of this role.
    package init?(role: RoleName, environment: [String: String] = ProcessInfo.processInfo.environment) {
        let words = environment[Self.variable]?.split(separator: ":", maxSplits: 3).map(String.init) ?? []
        guard words.count == 4, words[0] == role.rawValue, let seconds = Double(words[1]) else { return nil }
        self.role = role
        self.seconds = seconds
        isMoving = words[2] == "moving"
        file = words[3]
    }

    /// Whether what has just come is what the step is to stand in for.
    func isDue(_ delivery: RoleMailbox.Delivery) -> Bool {
        guard role == .distiller else { return !delivery.parcels.isEmpty }
        return delivery.events.contains {
            if case .message(let envelope) = $0, case .distil = envelope.message { true } else { false }
        }
    }

    /// Takes the step, if this process is the one that makes the file.
    func work(_ progress: WorkProgress) {
        guard !isOver else { return }
        isOver = true
        let descriptor = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return }
        close(descriptor)
        progress.begin("takes a step for a test")
        defer { progress.end() }
        let turns = Int(seconds * 1e6 / Double(Self.turnMicroseconds))
        for turn in 0..<turns {
            if isMoving { progress.note("takes a step for a test", done: turn, of: turns) }
            usleep(Self.turnMicroseconds)
        }
        if isMoving { progress.finish() }
    }
}
