import Coordination
import Foundation
import Glibc
import Quantities
import Wire

/// One line on a terminal that is written over; plain lines at intervals in a pipe. What a run lacks is told in lines of
/// its own, which stay.
struct ProgressLine {
    private static let pipeIntervalSeconds = 10.0
    /// A run that lacks something for less is in order.
    private static let noticeableWaitSeconds = 3.0
    /// What lasts is told again after so long, then after twice as long, and so on.
    private static let waitIntervalSeconds = 10.0
    private static let longestWaitIntervalSeconds = 320.0
    /// Lacks that are in order, or over: streams are sealed at every end of a collection, and a refusal is named in `status` for
    /// minutes afterwards.
    private static let untold = Set([Lack.Kind.seals, .refusals].map(\.rawValue))

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lastWritten = -Double.infinity
    private var lastPhase = ""
    private var toldKind = ""
    private var nextTelling = -Double.infinity
    private var waitInterval = Self.waitIntervalSeconds

    mutating func show(_ status: ClusterStatus) {
        let wait = status.waits.first {
            guard let kind = $0.kind else { return false }
            return !Self.untold.contains(kind) && $0.seconds >= Self.noticeableWaitSeconds
        }
        if let wait { tell(wait) }
        show(status.progressText, phase: status.phase.rawValue)
    }

    private mutating func tell(_ wait: ClusterStatus.Wait) {
        let now = ProcessInfo.processInfo.systemUptime
        if wait.kind != toldKind || now > nextTelling + waitInterval {
            (toldKind, waitInterval) = (wait.kind ?? "", Self.waitIntervalSeconds)
        } else if now < nextTelling {
            return
        }
        nextTelling = now + waitInterval
        waitInterval = min(2 * waitInterval, Self.longestWaitIntervalSeconds)
        let whom = wait.whom.isEmpty ? "" : "\(wait.whom): "
        write((isTerminal ? "\r\u{1B}[K" : "") + "waits for \(whom)\(wait.why), \(NumberText.duration(wait.seconds))\n")
    }

    /// Shows `text`; a line of its own when `phase` has changed.
    mutating func show(_ text: String, phase: String) {
        let now = ProcessInfo.processInfo.systemUptime
        if isTerminal {
            if !lastPhase.isEmpty, phase != lastPhase { write("\n") }
            write("\r\u{1B}[K\(text)")
        } else if phase != lastPhase || now - lastWritten >= Self.pipeIntervalSeconds {
            write(text + "\n")
            lastWritten = now
        }
        lastPhase = phase
    }

    /// The last line stays.
    mutating func finish() {
        if isTerminal, !lastPhase.isEmpty { write("\n") }
        lastPhase = ""
    }

    /// Where standard error goes to a full disk the run goes on without.
    private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}

extension ClusterStatus {
    /// The run in one line.
    var progressText: String {
        switch phase {
        case .collecting:
            let share = Double(lifetimes.finished) / Double(max(1, lifetimes.total))
            let left = share > 0.01 ? ", \(NumberText.duration(secondsOfPhase * (1 - share) / share)) left" : ""
            return "collect: \(lifetimes.finished)/\(lifetimes.total) lifetimes, "
                + "\(Int(environmentSteps)) transitions, \(Int(environmentStepsPerSecond)) a second\(left)"
        case .distilling:
            let text =
                distillation["loss"] == nil
                ? readingText(distillation) : distillationText(step: Int(distillationStep), distillation)
            let items = (plan ?? []).filter { $0.kind == .distillation }
            guard items.count > 1 else { return text }
            return "\(items.count { $0.state == .finished })/\(items.count) distillations; " + text
        case .evaluating:
            let share = Double(jobs.finished) / Double(max(1, jobs.total))
            let left = share > 0 ? ", \(NumberText.duration(secondsOfPhase * (1 - share) / share)) left" : ""
            return "evaluate: \(jobs.finished)/\(jobs.total) jobs\(left)"
        case .finished: return "finished after \(NumberText.duration(seconds))"
        }
    }
}

/// The streams on their way into a distiller's memory; `numbers` as `DistillationLoading` gives them.
func readingText(_ numbers: [String: Double]) -> String {
    guard let read = numbers["streams_read"], let found = numbers["streams_found"] else {
        return "distil: waiting for a distiller to read the streams"
    }
    return "distil: reading the streams, \(Int(read)) of \(Int(found))"
}

/// The training of a transformer in one line; `numbers` as `DistillationRun` gives them.
func distillationText(step: Int, _ numbers: [String: Double]) -> String {
    if numbers["waiting"] == 1 {
        return "distil: step \(step), waits for streams; there are \(Int(numbers["transitions"] ?? 0)) transitions"
    }
    let floor = numbers["loss_floor"].map { " (the sources' own entropy: \(NumberText.fixed($0, decimals: 3)))" } ?? ""
    return "distil: step \(step), loss \(NumberText.fixed(numbers["loss"] ?? 0, decimals: 3))\(floor), "
        + "\(Int(numbers["tokens_per_second"] ?? 0)) tokens a second, \(NumberText.duration(numbers["seconds_left"] ?? 0)) left"
}
