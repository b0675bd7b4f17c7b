import Wire

/// What the run itself waits for, where no node is there that could do it; in `status` a wait of `the run`.
package struct Lack {
    /// Of each kind there is one lack at a time; since when it has lasted is kept by kind.
    package enum Kind: String, Hashable {
        case disk, checkpoints, recorder, learner, room, carriers, seals, refusals, environment, distiller, evaluator,
            movement
    }

    /// Who waits, in a status.
    static let run = "the run"

    var kind: Kind
    /// The node that could help, by its name; empty where no single node could.
    var whom = ""
    /// What is missed, in words that follow `waits for`.
    var why: String
}

extension Coordinator {
    /// Keeps since when what is lacking; looks once a second. Ends the run where nothing has moved for too long.
    func noteLacks(now: UInt64) {
        guard lackTimes.mustLook(now: now) else { return }
        lackTimes.update(Set(findLacks(now: now).map(\.kind)), lastMovement: movement.last, now: now)
        endIfStalled(now: now)
    }

    /// What the run lacks now. Where nothing else is known, that nothing has moved for `after` nanoseconds is one.
    func findLacks(now: UInt64, after: UInt64 = Coordinator.noticeableStillnessNanoseconds) -> [Lack] {
        let known =
            [
                room.obstacle.map { Lack(kind: .disk, why: $0) },
                room.unwrittenCheckpoint(now: now).map { Lack(kind: .checkpoints, why: $0) }, refusedNow(now: now),
                failingNow(now: now),
            ]
            .compactMap { $0 }
            + lacksOfPlan(now: now)
        return known.isEmpty ? [lackOfMovement(now: now, after: after)].compactMap { $0 } : known
    }

    /// Each kind of item has its own: lifetimes need a recorder, learners, places for actors and seals; distillations a
    /// distiller; evaluations a recorder and evaluators. A run that is stopping or has failed lacks nothing.
    private func lacksOfPlan(now: UInt64) -> [Lack] {
        guard !isStopping, failure.isEmpty else { return [] }
        return (phase == .collecting ? lacksOfCollecting(now: now) : []) + lacksOfDistilling
            + (phase == .evaluating ? lacksOfEvaluating : [])
    }

    /// What can be trained and is not, where no distiller is there. That some wait for their turn is in order.
    private var lacksOfDistilling: [Lack] {
        guard goal.distils, !hasNodes(.distiller) else { return [] }
        let open = distillations.all.count { $0.lease.isFree && canBegin($0) }
        guard open > 0 else { return [] }
        let what = distillations.all.count > 1 ? " for \(open) distillations" : ""
        return [Lack(kind: .distiller, why: "a distiller\(what); there is none")]
    }

    private var lacksOfEvaluating: [Lack] {
        let open = jobs.unfinished
        guard open > 0 else { return [] }
        var lacks: [Lack] = []
        lacks += lacksOfRecorders()
        if !hasNodes(.evaluator) {
            lacks.append(Lack(kind: .evaluator, why: "an evaluator for \(open) jobs; there is none"))
        }
        return lacks
    }

    private func hasNodes(_ role: RoleName) -> Bool { !nodes.staying(role).isEmpty }

    /// Without a recorder nothing is leased, and so that is the only lack.
    private func lacksOfCollecting(now: UInt64) -> [Lack] {
        guard hasRecorder else { return lacksOfRecorders() }
        return lacksOfRecorders()
            + [lackOfLearners(), lackOfRoom(), lackOfCarriers(now: now), lackOfSeals()].compactMap { $0 }
    }

    /// Lifetimes that were interrupted and find no learner. That others wait for their turn is in order.
    private func lackOfLearners() -> Lack? {
        guard !queue.isEmpty else { return nil }
        guard hasNodes(.learner) else {
            return Lack(kind: .learner, why: "a learner for \(lifetimeText(queue.count)); there is none")
        }
        guard lifetimes.freeLearner == nil else { return nil }
        let interrupted = queue.count { lifetimes[$0]?.attempt ?? 0 > 0 }
        guard interrupted > 0 else { return nil }
        return Lack(kind: .learner, why: "a learner with room for \(lifetimeText(interrupted)) that were interrupted")
    }

    func lifetimeText(_ count: Int) -> String { count == 1 ? "1 lifetime" : "\(count) lifetimes" }

    /// The next lifetime needs room for more actors than there is.
    private func lackOfRoom() -> Lack? {
        guard let first = queue.last(where: { canBeRecorded($0) }), let lifetime = lifetimes[first],
            lifetimes.freeLearner != nil
        else { return nil }
        let wanted = ranges(of: lifetime).reduce(0) { $0 + $1.count }
        let free = lifetimes.freePlaces.reduce(0) { $0 + $1.free }
        guard wanted > 0 else { return Lack(kind: .room, why: "`scale`: no actors are wanted now") }
        guard free < wanted else { return nil }
        return Lack(
            kind: .room, why: "actor processes with room for \(wanted) actors of \(first); there is room for \(free)")
    }

    /// Actors whose process has gone and for which there is no other.
    private func lackOfCarriers(now: UInt64) -> Lack? {
        var actors = 0
        var example = ""
        for lifetime in lifetimes.orphaned.compactMap({ lifetimes[$0] }) {
            let orphans = lifetime.parts.filter { $0.node == nil && !$0.isFinished && now >= $0.restsUntil }.reduce(0) {
                $0 + $1.actors.count
            }
            guard orphans > 0 else { continue }
            actors += orphans
            example = max(example, "\(lifetime.identifier)")
        }
        guard actors > 0 else { return nil }
        return Lack(kind: .carriers, why: "an actor process for \(actors) actors whose process has gone, of \(example)")
    }

    /// All lifetimes have ended and the recorder still has streams to seal.
    private func lackOfSeals() -> Lack? {
        guard !seals.areComplete, queue.isEmpty, lifetimes.areAllFinished else { return nil }
        let why = "\(seals.awaitedStreams) streams to be sealed"
        let keeper = seals.awaitedLifetimes.first.flatMap { recorder(of: $0) }
        return Lack(kind: .seals, whom: keeper?.hello.name ?? "", why: why)
    }
}
