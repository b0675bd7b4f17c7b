package import Environments
import Experience

extension StreamContents {
    /// One of `episodes` step by step, for people to look at. Of one that did not end at a flag the last step is left
    /// out, since what was to be seen after it is not in the stream.
    ///
    /// Throws `damaged` for observations outside their space, which nothing may draw.
    package func lived(_ episode: Episode) throws(StreamError) -> LivedEpisode {
        let environment = metadata.environment
        let (stored, action) = (environment.stored.space, environment.actionSpace)
        func elements(_ column: RolloutColumn, _ space: Space, _ range: Range<Int>) throws(StreamError) -> [[UInt8]] {
            let width = space.byteCount
            let bytes = rows[column][(range.lowerBound * width)..<(range.upperBound * width)]
            if let outside = bytes.withUnsafeBytes({ space.firstOutside($0) }) {
                throw .damaged(
                    path: path, problem: "row \(range.lowerBound + outside) of \(column) is outside its space")
            }
            return range.indices.map { Array(bytes[($0 * width)..<(($0 + 1) * width)]) }
        }
        let observations = try elements(.observations, stored, episode.rows)
        let actions = try elements(.actions, action, episode.rows)
        let (terminations, truncations) = (rows[.terminations], rows[.truncations])
        var steps = zip(episode.rows, zip(observations, actions)).map { row, given in
            LivedEpisode.Step(
                observation: given.0, action: given.1, reward: rows.rewards[row], isTerminated: terminations[row] != 0,
                isTruncated: truncations[row] != 0)
        }
        if let final = episode.final {
            let last = try elements(.finalObservations, stored, final..<(final + 1))
            return LivedEpisode(steps: steps, finalObservation: last[0])
        }
        let last = steps.removeLast()
        return LivedEpisode(steps: steps, finalObservation: last.observation)
    }
}
