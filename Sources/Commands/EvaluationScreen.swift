import Coordination
import Foundation
import Reporting

/// Draws the curves of an evaluation while they rise: every second on a terminal, now and then in a pipe.
final class EvaluationScreen {
    private static let pipeIntervalSeconds = 10.0
    /// Lines of a chart in a pipe, and at most on a terminal.
    private static let chartRows = 16

    private let watch: EvaluationWatch
    private let screen = Screen(.standardError)
    private var isOpen = false
    private var lastShown = -Double.infinity

    /// `folder`: the run's.
    init(folder: String) { watch = EvaluationWatch(folder: folder) }

    /// Reads what is new and, when it is time, draws it.
    func show(_ status: ClusterStatus) throws {
        watch.advance()
        let now = ProcessInfo.processInfo.systemUptime
        guard screen.isTerminal || now - lastShown >= Self.pipeIntervalSeconds else { return }
        lastShown = now
        if !isOpen { try screen.open() }
        isOpen = true
        try screen.show([status.progressText, ""] + chart)
    }

    /// Draws what there is in the end, and leaves it standing. Called on every way out.
    func close() throws {
        guard isOpen else { return }
        isOpen = false
        // What was played since the last picture.
        for _ in 0..<Self.lastSlices { watch.advance() }
        try screen.show(chart)
        try screen.close()
    }

    /// Enough for some thousands of streams, and no more: the summary that follows reads all of them.
    private static let lastSlices = 64

    private var chart: [String] {
        let size = screen.size
        let series = watch.curves.map { curve in
            TextChart.Series(
                "\(curve.evaluation), \(curve.lives) \(curve.lives == 1 ? "life" : "lives")", curve.returns)
        }
        let lines = TextChart(series, width: size.columns, height: min(Self.chartRows, size.rows - series.count - 4))
            .lines
        return lines.isEmpty ? ["no episode has ended yet"] : lines
    }
}
