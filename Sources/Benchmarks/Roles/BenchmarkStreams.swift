package import Distillation
package import Environments
import Experience
import Settings

/// Made-up learning histories of a Dark Room, in memory, for timing what reads them: random cells, actions and rewards,
/// in which nothing can be learnt. The same arguments give the same data.
package enum BenchmarkStreams {
    /// Steps of an episode, as in the paper's Dark Room.
    private static let horizon = 20
    /// A Dark Room of 9 x 9 cells with five actions; only its spaces and its horizon matter to what is timed.
    package static let environment = EnvironmentDescription(
        name: DarkRoomTasks.name, observationSpace: .multiDiscrete(counts: [9, 9]),
        actionSpace: .discrete(count: 5), horizon: horizon, json: DarkRoomSettings().json)

    /// `streams` streams of `episodes` episodes of 20 rows. Rewards are 1 for a quarter of the rows. Throws what
    /// `StreamStore.append` throws.
    package static func make(streams: Int, episodes: Int) throws -> StreamStore {
        let data = StreamStore(environment: environment)
        let rows = episodes * horizon
        for stream in 0..<streams {
            let generator = Philox(key0: UInt32(truncatingIfNeeded: stream), key1: 0)
            let words = (0..<rows).map { generator.block(UInt32(truncatingIfNeeded: $0), 0, 0, 0) }
            try data.append(
                observations: words.flatMap { [UInt8($0.x % 9), UInt8($0.y % 9)] },
                actions: words.map { UInt8($0.z % 5) }, rewards: words.map { $0.w % 4 == 0 ? 1 : 0 },
                episodes: (0..<episodes).map {
                    ($0 * horizon)..<(($0 + 1) * horizon)
                })
        }
        return data
    }
}

extension StreamStore {
    /// What the columns take, in megabytes (1e6 bytes).
    var megabytes: Double {
        let rowBytes = environment.stored.space.byteCount + environment.actionSpace.byteCount + 4
        return Double(rowCount * rowBytes) / 1e6
    }
}
