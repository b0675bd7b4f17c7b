/// Rows at which rollouts were cut in mid-episode, the newest of each actor, ascending by actor.
///
/// What such a row's action led to is the first observation of its actor's next rollout. Until that comes, the row
/// waits here. Allocates nothing once there is room for every actor. They are replaced as a whole: `beginReplacing`,
/// `add` each, `endReplacing`; until the last the old ones stand.
final class CutRows {
    /// A transition without its observation, and what the rollout that continues its episode must be.
    struct Row: BitwiseCopyable {
        let actor: Int
        let incarnation: UInt64
        /// Sequence number of the rollout that continues the episode.
        let sequence: UInt64
        /// Number of the episode over the whole stream.
        let episode: UInt64
        let action: Int32
        let reward: Float
    }

    let observationBytes: Int
    private(set) var count = 0
    private var rows = GrowingBuffer<Row>()
    /// (rows, observation bytes)
    private var observations = GrowingBuffer<UInt8>()
    /// What `add` fills until `endReplacing` puts it in the place of `rows` and `observations`.
    private var nextCount = 0
    private var nextRows = GrowingBuffer<Row>()
    private var nextObservations = GrowingBuffer<UInt8>()

    init(observationBytes: Int) { self.observationBytes = observationBytes }

    subscript(place: Int) -> Row { rows.base[place] }

    /// The bytes of an observation.
    func observation(_ place: Int) -> UnsafePointer<UInt8> {
        UnsafePointer(observations.base + place * observationBytes)
    }

    /// An actor's row. `place` is where the search begins, and then where the row is, so that actors that are asked for
    /// in ascending order cost one pass.
    func row(of actor: Int, from place: inout Int) -> Row? {
        while place < count, rows.base[place].actor < actor { place += 1 }
        return place < count && rows.base[place].actor == actor ? rows.base[place] : nil
    }

    /// Begins the rows that will stand in the place of these: at most `most`, ascending by actor.
    func beginReplacing(most: Int) {
        nextCount = 0
        nextRows.reserve(most)
        nextObservations.reserve(most * observationBytes)
    }

    /// Adds a row behind those that were added; copies the observation. There must be room: `beginReplacing` says how
    /// much.
    func add(_ row: Row, observation: UnsafePointer<UInt8>) {
        nextRows.base[nextCount] = row
        (nextObservations.base + nextCount * observationBytes).update(from: observation, count: observationBytes)
        nextCount += 1
    }

    /// From here on the added rows are the rows.
    func endReplacing() {
        swap(&rows, &nextRows)
        swap(&observations, &nextObservations)
        count = nextCount
    }
}

extension RolloutRowsInOrder.Segment {
    /// Whether this rollout begins where the row was cut.
    func continues(_ row: CutRows.Row) -> Bool {
        length > 0 && incarnation == row.incarnation && sequence == row.sequence && firstEpisode == row.episode
    }
}

extension RolloutRowsInOrder {
    /// The row at which a rollout is cut in mid-episode, if it is.
    func cutRow(of segment: Segment) -> CutRows.Row? {
        let last = segment.firstRow + segment.length - 1
        guard segment.length > 0, endings.base[last] == .nothing else { return nil }
        return CutRows.Row(
            actor: segment.actor, incarnation: segment.incarnation, sequence: segment.sequence &+ 1,
            episode: segment.firstEpisode &+ UInt64(segment.finals), action: actionOfRow.base[last],
            reward: rewards.base[last])
    }

    /// Ends an update: the rows at which its rollouts are cut wait for the next one, with those of the actors that did
    /// not take part in it.
    func keepCutRows() {
        waiting.beginReplacing(most: waiting.count + segments.count)
        var place = 0
        for index in segments.indices {
            let segment = segments[index]
            while place < waiting.count, waiting[place].actor < segment.actor {
                waiting.add(waiting[place], observation: waiting.observation(place))
                place += 1
            }
            guard index + 1 == segments.count || segments[index + 1].actor != segment.actor else { continue }
            if place < waiting.count, waiting[place].actor == segment.actor { place += 1 }
            guard !segment.isLast, let cut = cutRow(of: segment) else { continue }
            let last = segment.firstRow + segment.length - 1
            waiting.add(cut, observation: observations.base + last * waiting.observationBytes)
        }
        while place < waiting.count {
            waiting.add(waiting[place], observation: waiting.observation(place))
            place += 1
        }
        waiting.endReplacing()
    }
}
