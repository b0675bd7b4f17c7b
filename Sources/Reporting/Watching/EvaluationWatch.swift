import Experience
import Histories

/// The returns of evaluations that are being played, read from their growing streams: the mean by episode of each
/// evaluation of a run.
///
/// A call of `advance` costs what is new, up to a slice, and no file is open between two calls. One thread.
package final class EvaluationWatch {
    /// A slice: files that are looked at, and transitions that are read of one of them.
    package static let filesPerSlice = 64
    static let transitionsPerFile = 1 << 16

    /// What one evaluation has come to so far.
    package struct Curve: Sendable, Equatable {
        /// The folder of its streams: `step-00020000-test`.
        package let evaluation: String
        /// Mean return by episode, over the lives that have come so far.
        package let returns: [Double]
        /// Lives that have an episode.
        package let lives: Int
    }

    /// A stream, and what was read of it.
    private struct Life {
        var stamp: FileStamp?
        var tail = StreamTail()
        var returns: [Float] = []
        /// Rewards of the episode that is being played.
        var current: Float = 0
        var incarnation: UInt64?
        var isComplete = false
    }

    private let folder: String
    private var listings = FolderListings()
    /// By evaluation and path.
    private var lives: [String: [String: Life]] = [:]
    /// Paths of the scan at hand that were not looked at yet.
    private var queue: [(evaluation: String, path: String)] = []

    /// `folder`: the run's.
    package init(folder: String) { self.folder = folder }

    /// Reads a slice of what is new. What cannot be read, or not yet, is left for a later call: a picture of work that goes
    /// on is no place for an error.
    package func advance() {
        if queue.isEmpty { queue = scan() }
        for (evaluation, path) in queue.suffix(Self.filesPerSlice) {
            read(path, into: &lives[evaluation, default: [:]][path, default: Life()])
        }
        queue.removeLast(min(Self.filesPerSlice, queue.count))
    }

    /// In the order of the evaluations' names.
    package var curves: [Curve] {
        lives.sorted { $0.key < $1.key }.compactMap { evaluation, lives in
            let played = lives.values.filter { !$0.returns.isEmpty }
            let longest = played.map(\.returns.count).max() ?? 0
            guard longest > 0 else { return nil }
            var (sums, counts) = (Array(repeating: 0.0, count: longest), Array(repeating: 0, count: longest))
            for life in played {
                for (episode, value) in life.returns.enumerated() {
                    sums[episode] += Double(value)
                    counts[episode] += 1
                }
            }
            return Curve(
                evaluation: evaluation, returns: zip(sums, counts).map { $0 / Double($1) }, lives: played.count)
        }
    }

    /// Streams that may hold what was not read yet, in reverse order, so that the first is the last of the queue.
    private func scan() -> [(evaluation: String, path: String)] {
        guard let files = try? StreamFolder(path: folder + "/evaluations", listings: &listings).files else { return [] }
        return files.reversed().compactMap { path in
            let parts = path.split(separator: "/")
            guard parts.count >= 3 else { return nil }
            let evaluation = String(parts[parts.count - 3])
            let known = lives[evaluation]?[path]
            return known?.isComplete == true ? nil : (evaluation, path)
        }
    }

    private func read(_ path: String, into life: inout Life) {
        let stamp = FileStamp(path: path)
        if let earlier = life.stamp, stamp?.provesUnchanged(since: earlier) ?? false { return }
        guard
            let finding = try? life.tail.read(
                path: path, rowLimit: Self.transitionsPerFile, accepts: { $0.isOfEvaluation })
        else { return }
        switch finding {
        case .refused: life.isComplete = true
        case .replaced: life = Life()
        case .piece(let piece):
            take(piece, &life)
            life.isComplete = piece.metadata.isComplete && piece.isLast
            life.stamp = piece.isLast ? stamp : nil
        }
    }

    /// Adds up rewards. An episode that was cut, as by the death of its evaluator, has no return.
    private func take(_ piece: StreamTail.Piece, _ life: inout Life) {
        let (terminations, truncations) = (piece.rows[.terminations], piece.rows[.truncations])
        for rollout in piece.rollouts {
            if life.incarnation != rollout.incarnation { life.current = 0 }
            life.incarnation = rollout.incarnation
            for row in Int(rollout.firstStep)..<Int(rollout.endStep) {
                let place = row - piece.rows.range.lowerBound
                life.current += piece.rows.rewards[place]
                guard terminations[place] | truncations[place] != 0 else { continue }
                life.returns.append(life.current)
                life.current = 0
            }
        }
    }
}
