import FoundationEssentials
import Glibc
import Histories
import Quantities

/// Plain progress on standard error, every two seconds from the second on.
struct HistoriesProgress {
    private let verb: String
    private let total: Int
    private let start = ContinuousClock.now
    private var lastPrint = ContinuousClock.now
    private var done = 0
    private(set) var rows = 0

    init(_ verb: String, of total: Int) {
        self.verb = verb
        self.total = total
    }

    var seconds: Double { (ContinuousClock.now - start) / .seconds(1) }

    /// `3.2 million transitions a second`
    var rate: String {
        let rate = Double(rows) / max(seconds, 1e-9) / 1e6
        return "\(NumberText.short(rate)) million transitions a second"
    }

    mutating func advance(rows: Int) {
        done += 1
        self.rows += rows
        let now = ContinuousClock.now
        guard now - lastPrint >= .seconds(2) else { return }
        lastPrint = now
        printError("\(verb) \(done) of \(total) streams, \(self.rows) transitions, \(Int(seconds)) s")
    }
}

func printError(_ line: String) {
    let text = Array((line + "\n").utf8)
    _ = write(STDERR_FILENO, text, text.count)
}

/// One JSON document on standard output; keys as in `task_id`.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

extension StreamSummary {
    /// One line of `list`.
    var line: String {
        "\(path)  \(environment) task \(taskId) \(taskJson) \(split)  \(sourceAlgorithm)  actor \(actor)  "
            + "\(rows) transitions  \(finishedEpisodes) episodes  \(isSealed ? "sealed" : "growing")  \(fileBytes) bytes"
    }
}

extension StreamDetails {
    /// Several lines of `show`.
    var text: String {
        let versions = summary.policyVersions.map(String.init).joined(separator: " to ")
        return """
            \(summary.path)
              environment      \(summary.environment) \(summary.environmentJson)
              task             \(summary.taskId) \(summary.taskJson), \(summary.split), repetition \(summary.repetition)
              source           \(summary.sourceAlgorithm) \(summary.sourceJson)
              actor            \(summary.actor), seed \(summary.seed)
              written          \(summary.created) by version \(summary.softwareVersion), \
            \(summary.isSealed ? "sealed" : "growing"), \(summary.fileBytes) bytes
              transitions      \(summary.rows) in \(summary.rollouts) rollouts, policy versions \(versions), \
            \(summary.incarnations) incarnations
              episodes         \(episodeReturns.count) finished, \(cutEpisodes) cut
              return           \(curve)
            """
    }

    /// Mean return over ten equal parts of the stream's life, and what the numbers are.
    private var curve: String {
        let parts = min(10, episodeReturns.count)
        guard parts > 0 else { return "none yet" }
        let what = parts < 10 ? "of each episode" : "mean of each tenth of the episodes"
        return means(parts).joined(separator: " ") + " (\(what))"
    }

    private func means(_ parts: Int) -> [String] {
        (0..<parts).map { part in
            let slice = episodeReturns[
                (part * episodeReturns.count / parts)..<((part + 1) * episodeReturns.count / parts)]
            return NumberText.short(slice.reduce(0, +) / Double(slice.count))
        }
    }
}

extension StreamVerification {
    /// What `verify` prints: nothing for a sound stream without gaps.
    var lines: [String] {
        problems.map { "\(path): \($0)" }
            + gaps.map {
                "\(path): gap before rollout \($0.sequence): incarnation \($0.incarnations[0]) to \($0.incarnations[1]), "
                    + "policy version \($0.policyVersions[0]) to \($0.policyVersions[1]), "
                    + "episode \($0.episodes[0]) to \($0.episodes[1]), \($0.cutsEpisode ? "an" : "no") episode was cut"
            }
    }
}

extension StreamFolder {
    /// Says on standard error which streams are left out.
    func warnOfQuarantined() {
        if let reason = reasonElsewhere { printError("left out: \(reason)") }
        for path in quarantined {
            printError("left out: \(path): \(StreamVerification(quarantined: path).problems.joined())")
        }
    }
}

extension StreamReplay {
    var line: String? { (difference ?? problem).map { "\(path): \($0)" } }
}
