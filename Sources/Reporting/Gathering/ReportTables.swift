import Catalog
import Environments
import Experience
import Experiments
import Foundation
import Quantities

/// The tables of a run's report.
///
/// Counts, durations, checkpoints, nodes and settings; what the figures show stands in numbers in the first one.
struct ReportTables {
    /// The same numbers as the figures', already read.
    let contents: RunContents
    /// What is told of the model in numbers.
    let figures: ReportFigures

    init(_ figures: ReportFigures) {
        contents = figures.contents
        self.figures = figures
    }

    var evaluations: ReportedEvaluations { figures.evaluations }
    var words: ReportWords { figures.words }

    /// In the order of the page; tables without rows are left out.
    ///
    /// Order: results, scores, prompts, counts, durations, run and machine, checkpoints, processes, settings.
    var all: [Report.Table] {
        [results, scores, prompts, promptsByTask, counts, durations, run, checkpoints, nodes, settings].compactMap {
            $0
        }
        .filter { !$0.rows.isEmpty }
    }

    /// Tasks, lifetimes, streams, transitions, bytes and evaluations.
    ///
    /// Streams, transitions and bytes are those of histories; evaluations have rows of their own.
    private var counts: Report.Table {
        let histories = contents.streams.filter { $0.stream.lifetime.collection == .histories }
        let train = contents.tasks.count { $0.split == .train }
        let sealed = histories.count(where: \.isSealed)
        let episodes = contents.evaluations.reduce(0) { $0 + $1.returns.reduce(0) { $0 + $1.count } }
        var rows = [
            ["tasks", "\(train) train, \(contents.tasks.count - train) held out"],
            ["lifetimes", lifetimesText],
            ["streams", "\(NumberText.count(histories.count)), \(NumberText.count(sealed)) sealed"],
            ["transitions recorded", NumberText.count(contents.transitions)],
        ]
        rows += learningRows
        let bytes = histories.compactMap(\.bytes).reduce(0, +)
        if bytes > 0 { rows.append(["histories on disk", NumberText.bytes(bytes)]) }
        rows.append(["evaluation jobs", NumberText.count(max(contents.jobCount, contents.evaluations.count))])
        rows.append(["evaluation \(words.point)s", NumberText.count(episodes)])
        let checkpoints = evaluations.checkpoints
        if !checkpoints.isEmpty {
            rows.append([
                "checkpoint\(checkpoints.count > 1 ? "s" : "") evaluated", checkpoints.joined(separator: ", "),
            ])
        }
        return Report.Table("Counts", rows: rows)
    }

    /// `3 running, 120 finished`.
    ///
    /// Statuses that no lifetime has are left out.
    private var lifetimesText: String {
        WorkStatus.allCases.compactMap { status in
            let count = contents.lifetimes.count { $0.status == status }
            return count > 0 ? "\(NumberText.count(count)) \(status.rawValue)" : nil
        }.joined(separator: ", ")
    }

    /// Which share of the recorded transitions the learners learnt from, and how old the acting policy was by then.
    ///
    /// Policy lag is the number of updates between the policy that acted and the policy that learnt; lifetimes are
    /// weighted by the transitions that they learnt from. Rows without numbers are left out.
    private var learningRows: [[String]] {
        var rows: [[String]] = []
        let transitions = contents.lifetimes.compactMap(\.transitions).reduce(0, +)
        let learnt = contents.lifetimes.compactMap(\.transitionsLearnt).reduce(0, +)
        if transitions > 0, learnt > 0 {
            rows.append(["transitions learnt from", NumberText.percent(Double(learnt) / Double(transitions))])
        }
        // Lifetimes are weighted by the transitions that they learnt from.
        let lags = contents.lifetimes.compactMap { lifetime in
            lifetime.meanPolicyLag.map { (lag: $0, weight: Double(lifetime.transitionsLearnt ?? 1)) }
        }
        let weight = lags.reduce(0) { $0 + $1.weight }
        if weight > 0 {
            let lag = lags.reduce(0) { $0 + $1.lag * $1.weight } / weight
            rows.append(["mean policy lag", "\(NumberText.short(lag, decimals: 3)) updates"])
        }
        return rows
    }

    /// Time of each phase, from the coordinator's notes; nil where there are none.
    ///
    /// A phase lasts until the next one begins, the last until the run's end. Shares are of the whole duration.
    private var durations: Report.Table? {
        let phases = contents.phases
        guard !phases.isEmpty, let total = contents.duration, total > 0 else { return nil }
        var rows: [[String]] = []
        for (index, phase) in phases.enumerated() where phase.name != "finished" {
            let end = index + 1 < phases.count ? phases[index + 1].began : contents.run?.ended ?? phase.began
            let seconds = max(0, end - phase.began)
            rows.append([phase.name, NumberText.duration(seconds), NumberText.percent(seconds / total)])
        }
        rows.append(["all", NumberText.duration(total), ""])
        return Report.Table("Durations", columns: ["phase", "time", "share"], rows: rows)
    }

    /// Dates, failure and version from the catalogue, then the provenance.
    ///
    /// The provenance's nested names are joined by dots, as in `host.cores`.
    private var run: Report.Table {
        var rows: [[String]] = []
        if let run = contents.run {
            rows.append(["started", timestamp(run.started)])
            rows.append(["ended", run.ended.map(timestamp) ?? "not yet"])
            if let failure = run.failure { rows.append(["failed", failure]) }
            rows.append(["distillery", run.softwareVersion])
        }
        return Report.Table("Run and machine", rows: rows + contents.provenance.map { [$0.name, $0.value] })
    }

    /// Folded; without rows where nothing was distilled.
    ///
    /// By training step; the loss has four decimals.
    private var checkpoints: Report.Table {
        Report.Table(
            "Checkpoints of the distiller", columns: ["name", "step", "training", "loss"],
            rows: contents.checkpoints.map {
                [
                    $0.name, NumberText.count($0.step), $0.trainingSeconds.map(NumberText.duration) ?? "–",
                    $0.loss.map { NumberText.fixed($0, decimals: 4) } ?? "–",
                ]
            }, isFolded: true)
    }

    /// By the time at which they joined; folded, because a run may have hundreds. A dash stands for a process that has
    /// not left, or that gave no reason.
    private var nodes: Report.Table {
        Report.Table(
            "Processes", columns: ["name", "role", "host", "process", "joined", "left", "reason"],
            rows: contents.nodes.map {
                [
                    $0.name, $0.role, $0.host, "\($0.process)", timestamp($0.joined), $0.left.map(timestamp) ?? "–",
                    $0.reason ?? "–",
                ]
            }, isFolded: true)
    }

    /// Every setting of the experiment with its value; nil where it cannot be read.
    ///
    /// In the order of the experiment's sections, defaults included.
    private var settings: Report.Table? {
        contents.experiment.map { experiment in
            Report.Table(
                "Settings", columns: ["key", "value"], rows: experiment.settings.map { [$0.key, $0.value] },
                isFolded: true)
        }
    }
}

/// `2026-01-31 12:00:00 UTC`
///
/// In UTC, to the second.
///
/// For a reader in any place: no local time, no locale.
func timestamp(_ seconds: Double) -> String {
    Date(timeIntervalSince1970: seconds).formatted(.iso8601).replacing("T", with: " ").replacing("Z", with: " UTC")
}
