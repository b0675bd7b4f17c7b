package import Environments
package import Experience
package import Histories

/// The learning histories that a model is taught with, in memory, end to end in flat arrays. N rows of all streams; a
/// row is one transition. Streams follow one another in the order in which they were appended, and episodes in the
/// order in which they were lived.
///
/// Only whole episodes: what was cut by a dead carrier is left out when a stream is appended. A Dark Room transition
/// takes 7 bytes (2 of observation, 1 of action, 4 of reward), so the 65 million of 65 lifetimes with 100 actors and
/// 500 episodes of 20 steps take 455 MB.
package struct StreamArrays: Sendable {
    /// Of the environment that all streams are of.
    package let environment: EnvironmentDescription
    /// (N, stored bytes), as streams store them.
    package private(set) var observations: [UInt8] = []
    /// (N, action bytes)
    package private(set) var actions: [UInt8] = []
    /// (N)
    package private(set) var rewards: [Float] = []
    /// First row of every episode.
    package private(set) var episodeStarts: [Int] = []
    /// Rows of every episode.
    package private(set) var episodeLengths: [Int] = []
    /// Number of the first episode of every stream, and one more: the number of all episodes.
    package private(set) var streamEpisodes: [Int] = [0]
    /// What is seen of every stream's observations; empty where streams store what is seen.
    private var views: [any ObservationView] = []

    package init(environment: EnvironmentDescription) { self.environment = environment }

    /// What is seen of the observations of stream number `stream`; nil where that is what is stored.
    @inline(__always)
    package func view(of stream: Int) -> (any ObservationView)? { views.isEmpty ? nil : views[stream] }

    /// N, transitions of all streams.
    package var rowCount: Int { rewards.count }
    package var streamCount: Int { streamEpisodes.count - 1 }
    package var episodeCount: Int { episodeStarts.count }

    /// Appends one stream: its columns and the row ranges of its whole episodes, in order and without overlap.
    /// Rows outside every episode are dropped. `view`: of the stream's task, where there is one. Throws
    /// `StreamArraysError` when the columns do not fit each other.
    package mutating func append(
        observations newObservations: some RandomAccessCollection<UInt8>,
        actions newActions: some RandomAccessCollection<UInt8>, rewards newRewards: some RandomAccessCollection<Float>,
        episodes: [Range<Int>], view: (any ObservationView)? = nil
    ) throws {
        guard environment.hasView == (view != nil) else {
            throw StreamArraysError("a stream of \(environment.name) does not say how its observations are seen")
        }
        let rows = newRewards.count
        let observationBytes = environment.stored.space.byteCount
        let actionBytes = environment.actionSpace.byteCount
        guard newObservations.count == rows * observationBytes, newActions.count == rows * actionBytes else {
            throw StreamArraysError(
                "a stream of \(rows) rewards has \(newObservations.count) bytes of observations and "
                    + "\(newActions.count) of actions, expected \(rows * observationBytes) and \(rows * actionBytes)")
        }
        var end = 0
        for episode in episodes {
            guard episode.lowerBound >= end, episode.upperBound <= rows, !episode.isEmpty else {
                throw StreamArraysError("an episode of rows \(episode) does not fit a stream of \(rows) rows")
            }
            end = episode.upperBound
        }
        for episode in episodes {
            episodeStarts.append(rowCount)
            episodeLengths.append(episode.count)
            observations.append(contentsOf: slice(newObservations, episode, observationBytes))
            actions.append(contentsOf: slice(newActions, episode, actionBytes))
            rewards.append(contentsOf: slice(newRewards, episode, 1))
        }
        streamEpisodes.append(episodeCount)
        if let view { views.append(view) }
    }

    /// The part of a column of `width` elements a row that belongs to `rows`.
    private func slice<Column: RandomAccessCollection>(_ column: Column, _ rows: Range<Int>, _ width: Int)
        -> Column.SubSequence
    {
        let first = column.index(column.startIndex, offsetBy: rows.lowerBound * width)
        return column[first..<column.index(first, offsetBy: rows.count * width)]
    }
}

extension StreamArrays {
    /// Appends the finished episodes of a stream that was read; `view` as above. Throws `StreamArraysError` where it is
    /// of another environment.
    package mutating func append(_ stream: StreamContents, view: (any ObservationView)?) throws {
        let found = stream.metadata.environment
        guard found == environment else {
            throw StreamArraysError(
                "\(stream.path) is of \(found.name) \(found.json), the streams before it of \(environment.name) "
                    + "\(environment.json); a model is taught with one environment")
        }
        try append(
            observations: stream.rows[.observations], actions: stream.rows[.actions], rewards: stream.rows.rewards,
            episodes: stream.episodes.filter(\.isFinished).map(\.rows), view: view)
    }
}

/// Histories that cannot be learnt from, in words for people: columns that do not fit, other spaces or another
/// environment, or nothing that counts.
package struct StreamArraysError: Error, CustomStringConvertible, Sendable {
    package let description: String
    init(_ description: String) { self.description = description }
}
