package import Coordination
import Wire

/// Environment steps of every actor process over time, as its heartbeats told them. Heartbeats come once a second and
/// at different moments, so counts between two of them are interpolated. Times are seconds of the drill's own clock.
package struct StepHistory: Sendable {
    /// A count that stays the same for so long was told again by a heartbeat: the process stood still.
    private static let standstillSeconds = 0.9

    /// Environment steps that a process had counted at a moment.
    private struct Point {
        let seconds: Double
        let steps: Double
    }

    /// What was told of each process, by its node's name and in the order of time.
    private var processes: [String: [Point]] = [:]

    package init() {}

    /// Takes note of what process `name` had counted at a moment; later moments come later.
    package mutating func add(_ name: String, steps: Double, at seconds: Double) {
        if let last = processes[name]?.last {
            guard seconds > last.seconds else { return }
            if steps == last.steps, seconds < last.seconds + Self.standstillSeconds { return }
        }
        processes[name, default: []].append(Point(seconds: seconds, steps: steps))
    }

    /// Takes note of what the heartbeats of a status that came at `seconds` have told, each at its own moment. A node
    /// that has been silent for 800 ms told its count 0.8 s before the status came.
    package mutating func add(_ status: ClusterStatus, at seconds: Double) {
        for node in status.nodes where node.role == .actor {
            add(
                node.name, steps: node.numbers["environment_steps"] ?? 0,
                at: seconds - Double(node.silentMilliseconds) * 1e-3)
        }
    }

    /// Steps of all processes that ever were, as far as they have said.
    package var total: Double { processes.values.reduce(0) { $0 + ($1.last?.steps ?? 0) } }

    /// Steps a second of all processes together in `window`; between two heartbeats a process is as fast as on average.
    /// With 0 steps at 0 s and 1,000 at 2 s the rate in 0.5 s to 1.5 s is 500. Outside of what a process has told it
    /// stands still.
    package func rate(in window: Range<Double>) -> Double {
        let steps = processes.values.reduce(0) {
            $0 + Self.steps(of: $1, until: window.upperBound) - Self.steps(of: $1, until: window.lowerBound)
        }
        return steps / (window.upperBound - window.lowerBound)
    }

    /// The rates in all windows of `width` seconds inside `seconds`, one every `stride` seconds. A window's `seconds`
    /// count from the beginning of `seconds`. None fits where `width` is longer than that: the list is empty.
    package func rates(in seconds: Range<Double>, width: Double, stride: Double) -> [Settling.Window] {
        let count = Int((seconds.upperBound - seconds.lowerBound - width) / stride + 1e-9)
        guard count >= 0 else { return [] }
        return (0...count).map { index in
            let start = seconds.lowerBound + Double(index) * stride
            return Settling.Window(
                seconds: start - seconds.lowerBound, rate: rate(in: start..<(start + width)))
        }
    }

    /// Steps counted by a moment: interpolated between two heartbeats, level before the first and behind the last.
    private static func steps(of points: [Point], until seconds: Double) -> Double {
        guard let first = points.first, seconds > first.seconds else { return points.first?.steps ?? 0 }
        var low = 0
        var high = points.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if points[middle].seconds <= seconds { low = middle } else { high = middle }
        }
        guard high < points.count else { return points[low].steps }
        let (before, after) = (points[low], points[high])
        let share = (seconds - before.seconds) / (after.seconds - before.seconds)
        return before.steps + share * (after.steps - before.steps)
    }
}
