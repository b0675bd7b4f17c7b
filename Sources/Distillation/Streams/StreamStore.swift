package import Environments
package import Experience

/// The learning histories that models are taught with, in memory: streams of one environment, in the order of their
/// names, which may grow, come and go while training goes on.
///
/// It belongs to the trainer's thread, on which `HistoriesReading` hands over what is new between two steps. Samplers
/// notice by `version`. Nothing is copied when a stream grows. The 65 million Dark Room transitions of 65 lifetimes with
/// 100 actors and 500 episodes of 20 steps take 455 MB.
package final class StreamStore {
    /// Of the environment that all streams are of.
    package let environment: EnvironmentDescription
    package private(set) var streams: [StoredStream] = []
    /// The same by lifetime, in no order.
    private var streamsOfLifetime: [LifetimeIdentifier: [StoredStream]] = [:]
    /// Another number whenever there are other whole episodes, other streams, or a stream was sealed.
    package private(set) var version = 0

    package init(environment: EnvironmentDescription) { self.environment = environment }

    /// Transitions of whole episodes, of all streams.
    package var rowCount: Int { streams.reduce(0) { $0 + $1.rowCount } }
    /// The same of those that count.
    package func rowCount(of selection: StreamSelection) -> Int {
        selection.chosen(from: streams).reduce(0) { $0 + $1.rowCount }
    }
    package var streamCount: Int { streams.count }
    /// What the columns take, room for rows to come among it.
    package private(set) var byteCount = 0

    /// How many streams of a lifetime stand before a name, without a look at those of other lifetimes.
    func streamCount(of lifetime: LifetimeIdentifier, before name: String) -> Int {
        streamsOfLifetime[lifetime, default: []].count { $0.name < name }
    }

    package var episodeCount: Int { streams.reduce(0) { $0 + $1.episodeCount } }

    /// Puts a stream in the place of its name, behind others of the same name.
    func insert(_ stream: StoredStream) {
        streams.insert(stream, at: place { $0 <= stream.name })
        streamsOfLifetime[stream.lifetime, default: []].append(stream)
        noteChange()
    }

    func remove(_ stream: StoredStream) {
        var place = place { $0 < stream.name }
        while place < streams.count, streams[place] !== stream { place += 1 }
        guard place < streams.count else { return }
        streams.remove(at: place)
        streamsOfLifetime[stream.lifetime]?.removeAll { $0 === stream }
        byteCount -= stream.measuredBytes
        stream.measuredBytes = 0
        noteChange()
    }

    func removeAll() {
        streams = []
        streamsOfLifetime = [:]
        byteCount = 0
        noteChange()
    }

    /// The first stream for whose name `isBefore` does not hold, which holds for the names before it.
    private func place(_ isBefore: (String) -> Bool) -> Int {
        var (low, high) = (0, streams.count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(streams[middle].name) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// A stream has grown, or was made to fit.
    func measure(_ stream: StoredStream) {
        byteCount += stream.byteCount - stream.measuredBytes
        stream.measuredBytes = stream.byteCount
    }

    /// A stream has other whole episodes than before, or was sealed.
    func noteChange() { version += 1 }

    /// Appends one made stream: its columns and the row ranges of its whole episodes, in order and without overlap.
    /// Rows outside every episode are dropped. `view`: of the stream's task, where there is one. Throws
    /// `HistoriesError` when the columns do not fit each other.
    package func append(
        observations: [UInt8], actions: [UInt8], rewards: [Float], episodes: [Range<Int>],
        lifetime: LifetimeIdentifier = LifetimeIdentifier(task: 0, repetition: 0), view: (any ObservationView)? = nil
    ) throws {
        guard environment.hasView == (view != nil) else {
            throw HistoriesError("a stream of \(environment.name) does not say how its observations are seen")
        }
        let rows = rewards.count
        let observationBytes = environment.stored.space.byteCount
        let actionBytes = environment.actionSpace.byteCount
        guard observations.count == rows * observationBytes, actions.count == rows * actionBytes else {
            throw HistoriesError(
                "a stream of \(rows) rewards has \(observations.count) bytes of observations and "
                    + "\(actions.count) of actions, expected \(rows * observationBytes) and \(rows * actionBytes)")
        }
        var end = 0
        for episode in episodes {
            guard episode.lowerBound >= end, episode.upperBound <= rows, !episode.isEmpty else {
                throw HistoriesError("an episode of rows \(episode) does not fit a stream of \(rows) rows")
            }
            end = episode.upperBound
        }
        let stream = StoredStream(name: "", lifetime: lifetime, environment: environment, view: view)
        let rewardBytes = rewards.withUnsafeBytes { Array($0) }
        for episode in episodes {
            stream.append(episode, observations: observations, actions: actions, rewards: rewardBytes)
            stream.endEpisode()
        }
        stream.seal()
        insert(stream)
        measure(stream)
    }
}

/// Histories that cannot be learnt from, in words for people: columns that do not fit, other spaces or another
/// environment, or nothing that counts.
package struct HistoriesError: Error, CustomStringConvertible, Sendable {
    package let description: String
    init(_ description: String) { self.description = description }
}
