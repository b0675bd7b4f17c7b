import Environments
package import Experience
import Histories

/// One stream in memory, which may still grow: rows end to end in flat columns. A row is one transition.
///
/// Only whole episodes count. The rows of the episode that is open lie behind them, and are dropped when its carrier
/// dies before its end. A Dark Room transition takes 7 bytes (2 of observation, 1 of action, 4 of reward).
package final class StoredStream {
    /// Where it was read from, by which streams are ordered; empty for one that was made.
    package let name: String
    package let lifetime: LifetimeIdentifier
    /// What is seen of its observations; nil where that is what is stored.
    let view: (any ObservationView)?
    /// (N, stored bytes), as streams store them.
    private(set) var observations = GrowingColumn<UInt8>()
    /// (N, action bytes)
    private(set) var actions = GrowingColumn<UInt8>()
    /// (N)
    private(set) var rewards = GrowingColumn<Float>()
    /// (E + 1): first row of every whole episode, and the row behind the last.
    private(set) var starts = GrowingColumn<Int>()
    /// Nothing more will come.
    package private(set) var isSealed = false
    private let observationBytes: Int
    private let actionBytes: Int
    /// Of the carrier of the last rows.
    private var incarnation: UInt64?

    init(
        name: String, lifetime: LifetimeIdentifier, environment: EnvironmentDescription, view: (any ObservationView)?
    ) {
        self.name = name
        self.lifetime = lifetime
        self.view = view
        observationBytes = environment.stored.space.byteCount
        actionBytes = environment.actionSpace.byteCount
        starts.append(0)
    }

    /// Whole episodes.
    package var episodeCount: Int { starts.count - 1 }
    /// Rows of whole episodes.
    package var rowCount: Int { starts.start[starts.count - 1] }

    /// Of all columns, room for rows to come among it.
    var byteCount: Int { observations.byteCount + actions.byteCount + rewards.byteCount + starts.byteCount }
    /// What its store has counted of that.
    var measuredBytes = 0

    /// Appends the rollouts that follow what is here.
    func append(_ piece: StreamTail.Piece) {
        let (flags, more) = (piece.rows[.terminations], piece.rows[.truncations])
        for rollout in piece.rollouts {
            if rollout.incarnation != incarnation { dropOpenEpisode() }
            incarnation = rollout.incarnation
            let first = Int(rollout.firstStep) - piece.rows.range.lowerBound
            let rows = first..<(first + Int(rollout.length))
            let before = rewards.count
            append(
                rows, observations: piece.rows[.observations], actions: piece.rows[.actions],
                rewards: piece.rows[.rewards])
            for row in rows where flags[row] != 0 || more[row] != 0 { starts.append(before + row + 1 - first) }
        }
    }

    /// Appends `rows` of columns as bytes.
    func append(_ rows: Range<Int>, observations: [UInt8], actions: [UInt8], rewards: [UInt8]) {
        observations.withUnsafeBytes { self.observations.append(part(of: $0, rows, observationBytes)) }
        actions.withUnsafeBytes { self.actions.append(part(of: $0, rows, actionBytes)) }
        rewards.withUnsafeBytes { self.rewards.append(part(of: $0, rows, MemoryLayout<Float>.stride)) }
    }

    /// The rows since the last whole episode are one.
    func endEpisode() { starts.append(rewards.count) }

    /// Nothing more will come: an episode that is open is none.
    func seal() {
        dropOpenEpisode()
        isSealed = true
        observations.fit()
        actions.fit()
        rewards.fit()
        starts.fit()
    }

    private func dropOpenEpisode() {
        let kept = rowCount
        observations.cut(to: kept * observationBytes)
        actions.cut(to: kept * actionBytes)
        rewards.cut(to: kept)
    }

    /// Adds the whole episodes, and whose they are.
    func add(to checksum: inout CRC32C) {
        withUnsafeBytes(of: (lifetime.task, lifetime.repetition, rowCount, episodeCount)) { checksum.update($0) }
        checksum.update(UnsafeRawBufferPointer(start: observations.start, count: rowCount * observationBytes))
        checksum.update(UnsafeRawBufferPointer(start: actions.start, count: rowCount * actionBytes))
        checksum.update(UnsafeRawBufferPointer(start: rewards.start, count: rowCount * MemoryLayout<Float>.stride))
        checksum.update(UnsafeRawBufferPointer(start: starts.start, count: starts.count * MemoryLayout<Int>.stride))
    }

    private func part(of column: UnsafeRawBufferPointer, _ rows: Range<Int>, _ width: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: column[(rows.lowerBound * width)..<(rows.upperBound * width)])
    }
}

/// One stream's whole episodes, copied out: for tests, never for training.
package struct StreamCopy: Sendable, Equatable {
    /// (N, stored bytes)
    package let observations: [UInt8]
    /// (N, action bytes)
    package let actions: [UInt8]
    /// (N)
    package let rewards: [Float]
    /// (E + 1): first row of every episode, and the row behind the last.
    package let starts: [Int]
    package let isSealed: Bool
}

extension StoredStream {
    package var copy: StreamCopy {
        StreamCopy(
            observations: Array(UnsafeBufferPointer(start: observations.start, count: rowCount * observationBytes)),
            actions: Array(UnsafeBufferPointer(start: actions.start, count: rowCount * actionBytes)),
            rewards: Array(UnsafeBufferPointer(start: rewards.start, count: rowCount)),
            starts: Array(UnsafeBufferPointer(start: starts.start, count: starts.count)), isSealed: isSealed)
    }
}
