/// How a stream learns, by the returns of its whole episodes: how much and how steadily it improves, and from when on it
/// is at the expert. It grows with the stream, and belongs to the sampler's thread.
///
/// Single returns are mostly noise, so that means over a twentieth of the life are compared. Learning history filtering
/// (arXiv 2505.15143) judges by improvement and stability too; the two definitions are ours.
final class EpisodeReturns {
    /// Pieces of a life whose mean returns are compared; as many as there are episodes where those are fewer.
    private static let pieces = 20
    /// Of a life's largest rise, what has to be made for the stream to be at the expert.
    private static let expertRise = 0.9

    /// (E + 1): sum of the returns of the episodes before each, undiscounted.
    private var sums = GrowingColumn<Double>()
    /// Where the expert begins, and how many episodes there were when it was looked for.
    private var expert: (first: Int?, episodes: Int)?

    init() { sums.append(0) }

    /// Costs what is new.
    func extend(to stream: StoredStream) {
        let (starts, rewards) = (stream.starts.start, stream.rewards.start)
        for episode in (sums.count - 1)..<stream.episodeCount {
            var sum = sums.start[episode]
            for row in starts[episode]..<starts[episode + 1] { sum += Double(rewards[row]) }
            sums.append(sum)
        }
    }

    private var count: Int { sums.count - 1 }

    /// Precondition: `episodes` is not empty.
    private func mean(_ episodes: Range<Int>) -> Double {
        (sums.start[episodes.upperBound] - sums.start[episodes.lowerBound]) / Double(episodes.count)
    }

    /// The mean return of the life's last piece above that of its first, times its steadiness: that rise of all that the
    /// mean goes up and down from piece to piece. 0 where it does not rise; the rise itself where it never falls.
    var steadyRise: Double {
        let pieces = min(Self.pieces, count)
        guard pieces > 1 else { return 0 }
        func piece(_ number: Int) -> Double { mean((number * count / pieces)..<((number + 1) * count / pieces)) }
        var (before, moved) = (piece(0), 0.0)
        let first = before
        for number in 1..<pieces {
            let now = piece(number)
            moved += abs(now - before)
            before = now
        }
        let rise = before - first
        return rise > 0 ? rise * (rise / moved) : 0
    }

    /// How many episodes, from the first on, have at most this share at the expert; all without a share, and where the
    /// stream is never at the expert. At least 1 where there is one.
    func episodes(withExpertShare share: Double?) -> Int {
        guard let share, let first = expertBegin else { return count }
        return max(1, Int(min(Double(count), (Double(first) / (1 - share)).rounded(.down))))
    }

    /// The first episode at which the mean return over a piece's length has made most of the largest rise above that of
    /// the life's beginning; nil where it never rises. Looked for once for each number of episodes.
    private var expertBegin: Int? {
        if let expert, expert.episodes == count { return expert.first }
        let length = max(1, count / Self.pieces)
        let places = 0..<max(0, count - length + 1)
        func mean(_ place: Int) -> Double { self.mean(place..<(place + length)) }
        var first: Int?
        if let best = places.map(mean).max(), best > mean(0) {
            let enough = mean(0) + Self.expertRise * (best - mean(0))
            first = places.first { mean($0) >= enough }
        }
        expert = (first, count)
        return first
    }
}
