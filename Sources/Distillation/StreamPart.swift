/// The part of a stream that windows are drawn from, as it was when the sampler last looked: whole episodes from `first`
/// to below `end`, all of them or the last ones.
struct StreamPart {
    let stream: StoredStream
    /// Only every k-th episode is kept.
    let every: Int
    /// Rows before each kept episode; nil where every episode is kept.
    let thinned: ThinnedEpisodes?
    /// Nil where the settings do not ask how the stream learns.
    let returns: EpisodeReturns?
    let first: Int
    let end: Int
    /// Rows of the first episode that do not belong to the part. Above 0 only where the part is less than one episode.
    let skipped: Int
    let rowCount: Int

    /// `earlier`: the part that the sampler has had of the same stream; its thinning and its returns are carried on.
    /// Precondition: the stream has an episode.
    init(_ stream: StoredStream, _ settings: WindowSettings, after earlier: StreamPart?) {
        self.stream = stream
        returns = settings.needsReturns ? earlier?.returns ?? EpisodeReturns() : nil
        returns?.extend(to: stream)
        end = returns?.episodes(withExpertShare: settings.expertShare) ?? stream.episodeCount
        let every = settings.every(of: end)
        self.every = every
        let known = earlier?.thinned.flatMap { $0.every == every ? $0 : nil }
        thinned = every == 1 ? nil : known ?? ThinnedEpisodes(every: every)
        thinned?.extend(to: stream)
        let starts = stream.starts.start
        let all = starts[end]
        let row = all - max(1, min(all, Int((settings.lastShare * Double(all)).rounded(.up))))
        // The first episode that begins in the part, or where none does, the one that it lies in.
        let whole = (0..<end).partitionPoint { starts[$0] >= row }
        first = min(whole, end - 1)
        skipped = max(0, row - starts[first])
        rowCount = all - starts[first] - skipped
    }

    /// (E + 1): first row of every episode, the stream's end last. Valid until the stream grows.
    var starts: UnsafeMutablePointer<Int> { stream.starts.start }

    /// Rows that one window's thinning leaves, about.
    var shownRows: Int { max(1, rowCount / every) }

    /// (E + k): the rows of the episodes k, 2 k, 3 k ... before each, as if k more followed the last.
    var rowsBeforeKept: UnsafeMutablePointer<Int> { thinned?.rowsBefore.start ?? starts }
}

/// Rows before each episode of a stream of which only every k-th is kept, counted among the episodes that are kept with
/// it. The difference of two of them is the rows of the kept episodes from one to the other. It grows with the stream.
final class ThinnedEpisodes {
    let every: Int
    /// (E + k)
    private(set) var rowsBefore = GrowingColumn<Int>()

    init(every: Int) {
        self.every = every
        for _ in 0..<every { rowsBefore.append(0) }
    }

    func extend(to stream: StoredStream) {
        let starts = stream.starts.start
        for episode in (rowsBefore.count - every)..<stream.episodeCount {
            rowsBefore.append(rowsBefore.start[episode] + starts[episode + 1] - starts[episode])
        }
    }
}

extension Range where Bound == Int {
    /// The first number of the range for which `holds`, which holds from some number on; the upper bound where for none.
    fileprivate func partitionPoint(_ holds: (Int) -> Bool) -> Int {
        var (low, high) = (lowerBound, upperBound)
        while low < high {
            let middle = (low + high) / 2
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
