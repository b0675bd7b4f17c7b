package import Experience

/// The rollouts of a lifetime that no update has learnt from yet, as its learner is asked about them
/// (`SourceLearner.rolloutsOfNextUpdate`).
///
/// In lockstep a learner is asked when a round is whole, that is when one rollout has come of every actor that had not
/// ended before; they stand in the order of the rounds, and of the actors within a round, however many processes carry
/// the actors. Asynchronously it is asked whenever some have come, and they stand in the order in which they came.
package struct WaitingRollouts: Hashable, Sendable {
    /// What there is to know of a rollout before it is learnt from.
    package struct Rollout: Hashable, Sendable {
        package let actor: Int
        /// Transitions; 0 where the stream ended between two rollouts.
        package let rows: Int
        /// The actor's stream ends with it.
        package let isLast: Bool

        package init(actor: Int, rows: Int, isLast: Bool = false) {
            self.actor = actor
            self.rows = rows
            self.isLast = isLast
        }
    }

    /// The oldest first.
    package var rollouts: [Rollout]
    /// As many as one of each actor: in lockstep of those that had not ended when the round began, of an elastic
    /// lifetime of those that are there now, otherwise of all that the lifetime began with.
    package var roundSize: Int
    /// Every stream has ended, so that nothing more will come.
    package var isOver: Bool

    package init(_ rollouts: [Rollout] = [], roundSize: Int = 1, isOver: Bool = false) {
        self.rollouts = rollouts
        self.roundSize = roundSize
        self.isOver = isOver
    }

    package var count: Int { rollouts.count }
    /// How many an update takes that learns from whole rounds: all, once they are as many as one of each actor, and the
    /// rest at the end.
    package var ofWholeRound: Int { count >= roundSize || isOver ? count : 0 }
    /// Transitions of all of them.
    package var rows: Int { rollouts.reduce(0) { $0 + $1.rows } }
}

/// The rollouts of one lifetime on their way into updates: asks the learner what it wants, hands that over, and bounds
/// what is left.
///
/// A learner that wants less than comes does not make the lifetime stand still: of what is left after it was asked, the
/// oldest beyond `LifetimeNeeds.waitingRollouts` of each actor are given up, and so is all that is left when every
/// stream has ended. Actors go on under the parameters that there are. Owned by what runs the lifetime, on its thread.
package struct RolloutQueue {
    /// What came of asking.
    package struct Outcome {
        /// One for each update that was made.
        package var updates: [UpdateReport] = []
        /// Transitions that were given up.
        package var unwantedRows = 0
    }

    /// In the order of `waiting.rollouts`; each has one at least.
    package private(set) var batches: [RolloutBatch] = []
    private var waiting = WaitingRollouts()
    private let layout: RolloutLayout
    private let limitOfActor: Int

    package init(_ layout: RolloutLayout, needs: LifetimeNeeds) {
        self.layout = layout
        limitOfActor = needs.waitingRollouts
    }

    package var isEmpty: Bool { batches.isEmpty }

    /// These come after all that wait. They must have been checked: their headers are believed.
    package mutating func append(_ batch: RolloutBatch) {
        guard !batch.headers.isEmpty else { return }
        batches.append(batch)
        for header in batch.headers {
            waiting.rollouts.append(.init(actor: header.actor, rows: header.length, isLast: header.isLast))
        }
    }

    /// Makes as many updates as the learner wants from what waits. Throws what `update` throws.
    ///
    /// - Parameters:
    ///   - actors: those of which rollouts may wait.
    ///   - roundSize: see `WaitingRollouts.roundSize`.
    ///   - isOver: nothing more will come; then nothing is left afterwards.
    package mutating func learn(
        with learner: any SourceLearner, actors: Int, roundSize: Int, isOver: Bool
    ) throws -> Outcome {
        var outcome = Outcome()
        waiting.roundSize = roundSize
        waiting.isOver = isOver
        while waiting.count > 0 {
            let wanted = learner.rolloutsOfNextUpdate(waiting)
            guard wanted > 0 else { break }
            outcome.updates.append(try learner.update(takeFirst(min(wanted, waiting.count))))
        }
        let surplus = waiting.count - (isOver ? 0 : limitOfActor * actors)
        if surplus > 0 { outcome.unwantedRows = takeFirst(surplus).reduce(0) { $0 + $1.rowCount } }
        return outcome
    }

    /// Removes the oldest `count`; a batch that has more is divided, without copying a row.
    private mutating func takeFirst(_ count: Int) -> [RolloutBatch] {
        waiting.rollouts.removeFirst(count)
        var missing = count
        var whole = 0
        while whole < batches.count, batches[whole].headers.count <= missing {
            missing -= batches[whole].headers.count
            whole += 1
        }
        var taken = Array(batches[..<whole])
        batches.removeFirst(whole)
        if missing > 0 {
            taken.append(batches[0].rollouts(0..<missing, layout))
            batches[0] = batches[0].rollouts(missing..<batches[0].headers.count, layout)
        }
        return taken
    }
}
