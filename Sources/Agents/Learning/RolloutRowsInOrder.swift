import Experience

/// The rows of some batches of rollouts, ordered by actor and sequence, with their lambda-returns.
///
/// The order, and with it every sum over rows, depends on the rollouts alone and not on how batches divide them.
///
/// The row at which a rollout is cut in mid-episode is learnt from with the rollout that continues the episode, as the
/// row before its first one: in the same update or, by way of `waiting`, in a later one.
///
/// An update calls `arrange`, `computeReturns` with the values of the network, and `keepCutRows`. The buffers grow to
/// the largest update and are then used again.
final class RolloutRowsInOrder {
    /// Nil where no row needs one: what is seen of the rows is another's business then.
    private let slots: ObservationSlots?
    /// Cut rows of earlier updates, newest of each actor.
    let waiting: CutRows
    /// Rows of the rollouts, and those of `waiting` that the rollouts continue.
    private(set) var count = 0
    /// Rows of the rollouts alone.
    private(set) var arrivedCount = 0
    /// Rows that are learnt from: all but those at which rollouts are cut and that no other rollout continues.
    private(set) var learntCount = 0
    /// Cut rows that are never learnt from: the next rollout of their actor does not continue the episode.
    private(set) var abandonedCount = 0
    /// (count): the row of `heads` that belongs to each row.
    let slotOfRow = GrowingBuffer<Int>()
    /// (count): a_t of each row.
    let actionOfRow = GrowingBuffer<Int32>()
    /// (count): G - V, 0 where nothing is learnt.
    let advantages = GrowingBuffer<Float>()
    /// (count): whether the row is learnt from.
    let learns = GrowingBuffer<Bool>()

    /// (count): r_t of each row.
    let rewards = GrowingBuffer<Float>()
    /// (count): what follows each row.
    let endings = GrowingBuffer<Ending>()
    /// (count, observation bytes), as they are stored.
    let observations = GrowingBuffer<UInt8>()
    /// (finals, observation bytes), as they are stored, in the order of the rows that they follow.
    let finalObservations = GrowingBuffer<UInt8>()
    private let slotOfFinal = GrowingBuffer<Int>()
    private var finalCount = 0
    /// The rollouts in order.
    private(set) var segments: [Segment] = []
    /// Place in `segments` of each rollout, in the order in which they came.
    private let segmentOfArrival = GrowingBuffer<Int>()
    private let layout: RolloutLayout
    private let view: (any ObservationView)?
    /// (count, observation bytes), as `view` sees them; empty without one.
    private let seen = GrowingBuffer<UInt8>()
    private let actions: Int
    /// Whether values of final observations continue the returns of truncated episodes.
    private let keepsFinalObservations: Bool

    /// - Parameters:
    ///   - layout: of the rollouts that come
    ///   - slots: where equal observations meet; nil checks stored observations alone
    ///   - view: makes what `slots` hold of the rollouts' observations; nil where these are the same
    init(
        slots: ObservationSlots?, layout: RolloutLayout, view: (any ObservationView)?, actions: Int,
        keepsFinalObservations: Bool
    ) {
        self.slots = slots
        self.layout = layout
        self.view = view
        waiting = CutRows(observationBytes: layout.width(of: .observations))
        self.actions = actions
        self.keepsFinalObservations = keepsFinalObservations
    }

    /// What follows a row: its episode goes on, or ended there in one of two ways. Termination wins where both flags
    /// are set.
    enum Ending: UInt8, BitwiseCopyable {
        case nothing, terminated, truncated
    }

    /// One rollout: where it comes from and where its rows go.
    struct Segment {
        /// Position among all rollouts of all batches as they came.
        let arrival: Int
        let actor: Int
        let incarnation: UInt64
        let sequence: UInt64
        let firstEpisode: UInt64
        let length: Int
        let finals: Int
        /// Nothing follows in this stream.
        let isLast: Bool
        /// Place of its first row among all rows; `firstFinal` likewise among the final observations.
        var firstRow = 0
        var firstFinal = 0
        /// The row before `firstRow` belongs to the episode that this rollout continues.
        var continuesRow = false

        func precedes(_ other: Segment) -> Bool {
            (actor, incarnation, sequence) < (other.actor, other.incarnation, other.sequence)
        }
    }

    /// Bytes of a stored observation.
    var observationBytes: Int { waiting.observationBytes }

    /// Takes over `batches`. Throws `SourceAlgorithmError` for an observation or action outside its space.
    func arrange(_ batches: [RolloutBatch]) throws {
        placeSegments(batches)
        let width = waiting.observationBytes
        slotOfRow.reserve(count)
        actionOfRow.reserve(count)
        advantages.reserve(count)
        learns.reserve(count)
        rewards.reserve(count)
        endings.reserve(count)
        observations.reserve(count * width)
        finalObservations.reserve(finalCount * width)
        slotOfFinal.reserve(finalCount)
        try copyRows(batches)
        placeWaitingRows()
        joinSegments()
        guard let slots else {
            try check(observations, count)
            return try check(finalObservations, keepsFinalObservations ? finalCount : 0)
        }
        slots.clear(rows: count + (keepsFinalObservations ? finalCount : 0))
        try findSlots(of: observations, count, into: slotOfRow, in: slots)
        if keepsFinalObservations { try findSlots(of: finalObservations, finalCount, into: slotOfFinal, in: slots) }
    }

    /// Throws `SourceAlgorithmError` where one of `count` stored observations lies outside its space.
    private func check(_ stored: GrowingBuffer<UInt8>, _ count: Int) throws {
        let bytes = UnsafeRawBufferPointer(start: stored.base, count: count * waiting.observationBytes)
        guard let row = layout.observation.firstOutside(bytes) else { return }
        throw SourceAlgorithmError(
            "row \(row) of an update holds an observation outside its space, which is \(layout.observation)")
    }

    /// Gives each of `count` stored observations its slot.
    private func findSlots(
        of stored: GrowingBuffer<UInt8>, _ count: Int, into found: GrowingBuffer<Int>, in slots: ObservationSlots
    ) throws {
        let width = slots.observation.byteCount
        var observations = stored.base
        if let view {
            seen.reserve(count * width)
            observations = seen.base
            view.see(stored.base, count: count, into: observations)
        }
        for row in 0..<count {
            guard let slot = slots.slot(of: observations + row * width) else {
                throw SourceAlgorithmError(
                    "row \(row) of an update holds an observation outside its space: expected components below "
                        + "\(slots.observation.counts)")
            }
            found.base[row] = slot
        }
    }

    /// Orders the rollouts and gives each its place, with one row before it where it continues one of `waiting`.
    private func placeSegments(_ batches: [RolloutBatch]) {
        segments.removeAll(keepingCapacity: true)
        for rollouts in batches {
            for header in rollouts.headers {
                segments.append(
                    Segment(
                        arrival: segments.count, actor: header.actor, incarnation: header.incarnation,
                        sequence: header.sequence, firstEpisode: header.firstEpisode, length: header.length,
                        finals: header.finishedEpisodes, isLast: header.isLast))
            }
        }
        segments.sort { $0.precedes($1) }
        findContinued()
        segmentOfArrival.reserve(segments.count)
        count = 0
        arrivedCount = 0
        finalCount = 0
        for index in segments.indices {
            segmentOfArrival.base[segments[index].arrival] = index
            if segments[index].continuesRow { count += 1 }
            segments[index].firstRow = count
            segments[index].firstFinal = finalCount
            count += segments[index].length
            arrivedCount += segments[index].length
            finalCount += segments[index].finals
        }
    }

    /// Notes which rollouts continue a row of `waiting`.
    private func findContinued() {
        abandonedCount = 0
        var place = 0
        for index in segments.indices where index == 0 || segments[index].actor != segments[index - 1].actor {
            guard let row = waiting.row(of: segments[index].actor, from: &place) else { continue }
            segments[index].continuesRow = segments[index].continues(row)
            if !segments[index].continuesRow { abandonedCount += 1 }
        }
    }

    /// Puts the rows of `waiting` before the rollouts that continue them.
    private func placeWaitingRows() {
        let width = waiting.observationBytes
        var place = 0
        for segment in segments where segment.continuesRow {
            guard let row = waiting.row(of: segment.actor, from: &place) else { continue }
            let target = segment.firstRow - 1
            (observations.base + target * width).update(from: waiting.observation(place), count: width)
            actionOfRow.base[target] = row.action
            rewards.base[target] = row.reward
            endings.base[target] = .nothing
        }
    }

    /// Notes which rollouts continue a row of the rollout before them.
    private func joinSegments() {
        for index in segments.indices {
            guard let cut = cutRow(of: segments[index]) else { continue }
            let next = index + 1
            if next < segments.count, segments[next].actor == cut.actor {
                segments[next].continuesRow = segments[next].continues(cut)
                if !segments[next].continuesRow { abandonedCount += 1 }
            } else if segments[index].isLast {
                abandonedCount += 1
            }
        }
    }

    /// Copies every column of every rollout to its place. Throws `SourceAlgorithmError` for an action outside its
    /// space.
    private func copyRows(_ batches: [RolloutBatch]) throws {
        let width = waiting.observationBytes
        var arrival = 0
        for batch in batches {
            try batch.forEachRollout(layout) { header, rows in
                let segment = segments[segmentOfArrival.base[arrival]]
                arrival += 1
                let first = segment.firstRow
                copyBytes(rows[.observations], to: observations.base + first * width)
                copyBytes(rows[.rewards], to: rewards.base + first)
                copyBytes(rows[.finalObservations], to: finalObservations.base + segment.firstFinal * width)
                try copyActions(of: rows, header, to: first)
                let (terminations, truncations) = (rows[.terminations], rows[.truncations])
                for row in 0..<rows.length {
                    endings.base[first + row] =
                        terminations[row] != 0 ? .terminated : truncations[row] != 0 ? .truncated : .nothing
                }
            }
        }
    }

    private func copyActions(of rows: RolloutRows, _ header: RolloutHeader, to first: Int) throws {
        guard let bytes = rows[.actions].baseAddress else { return }
        let width = layout.action.byteCount
        for row in 0..<rows.length {
            let action = layout.action.integer(at: 0, of: bytes + row * width)
            guard action >= 0, action < self.actions else {
                throw SourceAlgorithmError(
                    "row \(row) of rollout \(header.sequence) of actor \(header.actor) has action \(action), "
                        + "expected 0 to \(self.actions - 1)")
            }
            actionOfRow.base[first + row] = Int32(truncatingIfNeeded: action)
        }
    }
}

extension RolloutRowsInOrder {
    /// Fills in `advantages` and `learns` from the values in `heads` (slots, headWidth).
    ///
    /// G_t = r_t + discount * ((1 - lambda) * V(o_{t+1}) + lambda * G_{t+1}), and A_t = G_t - V(o_t). After a
    /// termination both V and G are 0. After a truncation they are 0 too, or both V(final observation) where final
    /// observations are kept. A rollout that is cut in mid-episode does not hold what its last step led to: V of that
    /// row's observation stands for everything that follows the row before, and the row itself is learnt from with the
    /// rollout that continues the episode, whose first observation is o_{t+1}.
    ///
    /// For example with discount 0.99, lambda 0.95, values 0.1, 0.2, 0.5 and no reward and no flag: the last row waits,
    /// G_1 = 0.99 * 0.5 = 0.495 and A_1 = 0.295, G_0 = 0.99 * (0.05 * 0.2 + 0.95 * 0.495) = 0.475 and A_0 = 0.375.
    func computeReturns(heads: UnsafePointer<Float>, headWidth: Int, discount: Float, lambda: Float) {
        let valueColumn = heads + actions
        learntCount = 0
        for segment in segments {
            var nextValue: Float = 0
            var nextReturn: Float = 0
            var final = segment.firstFinal + segment.finals
            let last = segment.firstRow + segment.length - 1
            let first = segment.continuesRow ? segment.firstRow - 1 : segment.firstRow
            for row in stride(from: last, through: first, by: -1) {
                let value = valueColumn[slotOfRow.base[row] * headWidth]
                let ending = endings.base[row]
                if ending == .nothing {
                    if row == last {
                        learns.base[row] = false
                        advantages.base[row] = 0
                        nextValue = value
                        nextReturn = value
                        continue
                    }
                } else {
                    final -= 1
                    nextValue = 0
                    if ending == .truncated, keepsFinalObservations, final >= segment.firstFinal {
                        nextValue = valueColumn[slotOfFinal.base[final] * headWidth]
                    }
                    nextReturn = nextValue
                }
                let target = rewards.base[row] + discount * ((1 - lambda) * nextValue + lambda * nextReturn)
                learns.base[row] = true
                advantages.base[row] = target - value
                learntCount += 1
                nextValue = value
                nextReturn = target
            }
        }
    }
}

private func copyBytes(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
    guard let base = source.baseAddress, source.count > 0 else { return }
    target.copyMemory(from: base, byteCount: source.count)
}
