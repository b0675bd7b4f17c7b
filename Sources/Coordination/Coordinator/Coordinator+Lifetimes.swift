import Environments
import Experience
import Experiments
import Histories
import Logging
import Nodes
import Wire

/// Collecting. A lifetime goes queued, running (its learner and all its actors leased), ending (the
/// learner has ended it, carriers complete their streams), finished; then its streams wait for their seals.
///
/// A lifetime is leased whole: when a learner has room and actor processes have room for all its actors. Its
/// attempt counts the leases of it, and each part of its actors gets an incarnation made from the attempt.
extension Coordinator {
    /// Every train task's lifetimes, one repetition after the other, then the held-out tasks' for comparison. The
    /// queue's last element is the next to be leased, hence the reversal; an interrupted lifetime is appended and so
    /// comes first. Throws what the journal throws.
    func queueLifetimes(_ finished: Progress) throws {
        let collect = context.experiment.collect
        let train = context.experiment.trainTasks(of: context.distribution)
        let test = context.experiment.testTasks(of: context.distribution)
        for (tasks, repetitions) in [(train, collect.lifetimes), (test, collect.testLifetimes)] {
            for repetition in 0..<repetitions {
                for task in tasks { try queue(try context.task(task), repetition: repetition, finished) }
            }
        }
        queue.reverse()
    }

    /// Queues a lifetime, or notes that an earlier start has finished it. A lifetime that an earlier start had begun
    /// keeps its number of attempts, so that its incarnations go on above those that were given out.
    private func queue(_ task: Task, repetition: Int, _ finished: Progress) throws {
        let identifier = LifetimeIdentifier(task: task.id, repetition: repetition)
        var lifetime = LeasedLifetime(identifier, task: task, actors: context.experiment.collect.actors)
        lifetime.attempt = finished.attempts[identifier] ?? 0
        lifetime.actors = max(lifetime.actors, finished.actors[identifier] ?? 0)
        if finished.lifetimes.contains(identifier) {
            lifetime.state = .finished
            learnerStates.retire(identifier)
            // The earlier start may have ended before its streams did.
            seals.recall(finished.sealed[identifier] ?? [], of: identifier)
            awaitSeals(of: lifetime)
            if !seals.awaited(of: identifier).isEmpty {
                // Earlier versions kept all in the run's folder, and may have left nothing of it there.
                pins.pin(identifier, to: keeper(of: identifier) ?? RecorderLinks.own)
            }
        } else {
            queue.append(identifier)
            if lifetime.attempt > 0, let keeper = keeper(of: identifier) { pins.pin(identifier, to: keeper) }
            try journal.lifetimeQueued(identifier, task: task, actors: lifetime.actors)
        }
        lifetimes[identifier] = lifetime
    }

    // MARK: - Leasing

    /// Gives actors without a process to others, then leases lifetimes from the queue while there is room. Nothing
    /// is leased while its recorder is away. Order matters: actors without a process come before new lifetimes, so that a run
    /// does not begin what it cannot carry on.
    func scheduleLifetimes(now: UInt64, outbox: inout Outbox) throws {
        guard isRecording else { return }
        if context.experiment.collect.elastic { shrinkLifetimes(now: now, outbox: &outbox) }
        adoptOrphanedParts(now: now, outbox: &outbox)
        queueRested(now: now)
        if context.experiment.collect.elastic { try growLifetimes(now: now, outbox: &outbox) }
        while let learner = lifetimes.freeLearner, let next = queue.lastIndex(where: { canBeRecorded($0) }),
            var lifetime = lifetimes[queue[next]]
        {
            let identifier = lifetime.identifier
            let ranges = ranges(of: lifetime)
            let count = ranges.reduce(0) { $0 + $1.count }
            guard count > 0, let places = lifetimes.places(for: count) else { return }
            // Its learner is told how large the state is that it goes on from: not one that is about to be replaced.
            guard !learnerCheckpoints.isUnderWay(identifier), try pin(identifier) else { return }
            queue.remove(at: next)
            discardPolicy(of: identifier)
            lifetime.begin(ranges, at: places)
            lifetime.actors = max(lifetime.actors, ranges.map(\.upperBound).max() ?? 0)
            lifetime.learner = learner
            lifetime.leasedAt = now
            lifetimes[identifier] = lifetime
            try journal.lifetimeStarted(
                identifier, attempt: lifetime.attempt, learner: learner, actors: lifetime.actors)
            commands.send(
                .learnLifetime(
                    LearnLifetime(
                        lifetime: identifier, attempt: lifetime.attempt, actors: count,
                        stateBytes: learnerCheckpoints.size(of: identifier))),
                to: .peer(learner), now: now, outbox: &outbox)
            for part in lifetime.parts { carry(part, of: lifetime, now: now, outbox: &outbox) }
        }
    }

    /// Leases a part to its process, or tells it of other endpoints. The tickets are made here, for this holder
    /// alone.
    func carry(_ part: LeasedLifetime.Part, of lifetime: LeasedLifetime, now: UInt64, outbox: inout Outbox) {
        // Where its recorder is away, it is told when that has come back.
        guard let node = part.node, let recorder = recorder(of: lifetime.identifier) else { return }
        // The learner of a lifetime that is ending may be gone: its actors only wait for their recorder.
        let learner = lifetime.learner.flatMap { nodes[$0] }
        guard learner != nil || lifetime.state == .ending else { return }
        var carry = CarryActors(
            lifetime: lifetime.identifier, actors: part.actors, incarnation: part.incarnation,
            attempt: lifetime.attempt, learnerEndpoint: learner?.hello.endpoint ?? "",
            recorderEndpoint: recorder.hello.endpoint, recordedActors: context.experiment.recordedActors,
            retireFrom: part.retireFrom)
        func ticket(_ server: ConnectedNode?, _ actors: Range<Int>) -> [UInt8] {
            server?.tickets?.ticket(
                of: carry.lifetime, actors: actors, incarnation: carry.incarnation, holder: node) ?? []
        }
        carry.learnerTicket = ticket(learner, carry.actors)
        carry.recorderTicket = ticket(recorder, carry.recorded)
        commands.send(.carryActors(carry), to: .peer(node), now: now, outbox: &outbox)
    }

    // MARK: - Ends

    /// A learner reports that its lifetime has ended. Its carriers may still have streams to complete: the lifetime is
    /// `ending` until they have reported, too.
    func finish(_ finished: LifetimeFinished, now: UInt64, outbox: inout Outbox) throws -> Reception {
        guard var lifetime = lifetimes[finished.lifetime] else {
            return .refused("\(finished.lifetime) is no lifetime of this run")
        }
        guard lifetime.attempt == finished.attempt, lifetime.state != .queued else {
            return .over("attempt \(finished.attempt) at \(finished.lifetime) is over")
        }
        // Its end was taken before; only the acknowledgement was lost.
        guard lifetime.state == .running else { return .taken }
        guard hasPolicy(of: finished.lifetime) else {
            takeUpAgain(finished.lifetime, now: now, outbox: &outbox)
            return .over("\(finished.lifetime): what it has learnt is not there; it is taken up again")
        }
        movement.note(now: now)
        lifetime.state = .ending
        lifetime.numbers = finished.numbers
        lifetimes[finished.lifetime] = lifetime
        try complete(finished.lifetime, now: now, outbox: &outbox)
        return .taken
    }

    /// An actor process reports that all streams of a part are on disk and learnt from.
    func finish(_ finished: CarryingFinished, now: UInt64, outbox: inout Outbox) throws -> Reception {
        guard var lifetime = lifetimes[finished.lifetime] else {
            return .refused("\(finished.lifetime) is no lifetime of this run")
        }
        guard
            let index = lifetime.parts.firstIndex(where: {
                $0.actors.lowerBound == finished.firstActor && $0.incarnation == finished.incarnation
            })
        else {
            return .over(
                "incarnation \(finished.incarnation) from actor \(finished.firstActor) of \(finished.lifetime) is over")
        }
        if !lifetime.parts[index].isFinished { movement.note(now: now) }
        lifetime.parts[index].isFinished = true
        lifetimes[finished.lifetime] = lifetime
        try complete(finished.lifetime, now: now, outbox: &outbox)
        return .taken
    }

    /// Writes the end of a lifetime down once its learner and all its carriers have reported theirs. Its learner and
    /// carriers are told that their leases are over, and the recorder is ordered to seal what it has not sealed.
    private func complete(_ identifier: LifetimeIdentifier, now: UInt64, outbox: inout Outbox) throws {
        guard var lifetime = lifetimes[identifier], lifetime.isComplete else { return }
        release(lifetime, now: now, outbox: &outbox)
        awaitSeals(of: lifetime)
        orderSeals(of: identifier, now: now, outbox: &outbox)
        try journal.lifetimeEnded(identifier, numbers: lifetime.numbers)
        learnerStates.retire(identifier)
        lifetime.state = .finished
        // Its carriers are not asked for again, and a run may have any number of lifetimes.
        lifetime.parts = []
        if lifetime.task.split == .train {
            distillations.note(sourceEntropy: lifetime.numbers["mean_policy_entropy"])
        }
        lifetime.numbers = [:]
        lifetimes[identifier] = lifetime
        if seals.awaited(of: identifier).isEmpty { pins.close(identifier) }
    }

    // MARK: - Seals

    /// The streams of a lifetime that has ended are waited for until the recorder has called each sealed, or given
    /// it up. Its report may be on its way, or have died with a recorder: sealing is ordered, and reported again.
    private func awaitSeals(of lifetime: LeasedLifetime) {
        seals.expect(0..<min(lifetime.actors, context.experiment.recordedActors), of: lifetime.identifier)
    }

    /// The recorder reports streams whose files are complete.
    func take(_ report: StreamsSealed, from node: ConnectedNode) throws -> Reception {
        guard isOurs(report.lifetime) else { return .refused("\(report.lifetime) is no lifetime of this run") }
        guard isKeeper(node, of: report.lifetime) else { return .refused("\(report.lifetime) is kept by another") }
        guard report.streams.allSatisfy({ $0.actor < WireProtocol.actorLimit }) else {
            return .refused("sealed streams of \(report.lifetime) with actors beyond \(WireProtocol.actorLimit)")
        }
        for stream in report.streams {
            settle(stream.actor, of: report.lifetime)
            // A stream that was cut before its first rollout has no file.
            guard stream.rollouts > 0 else { continue }
            try journal.streamSealed(
                StreamIdentifier(lifetime: report.lifetime, actor: stream.actor), rows: stream.rows,
                rollouts: stream.rollouts)
        }
        return .taken
    }

    /// Whether the lifetime belongs to this run: one of its histories or of its evaluations.
    private func isOurs(_ lifetime: LifetimeIdentifier) -> Bool {
        switch lifetime.collection {
        case .histories: lifetimes[lifetime] != nil
        case .evaluation(let name):
            lifetime.repetition == 0
                && jobs.has(name, task: lifetime.task)
        }
    }

    /// The recorder reports a stream that it has given up: its file counts as complete as it will ever be.
    func take(_ report: StreamQuarantined, from node: ConnectedNode) throws -> Reception {
        let stream = StreamIdentifier(lifetime: report.lifetime, actor: report.actor)
        guard isOurs(report.lifetime), report.actor < WireProtocol.actorLimit else {
            return .refused("\(stream.path) is no stream of this run")
        }
        guard isKeeper(node, of: report.lifetime) else { return .refused("\(report.lifetime) is kept by another") }
        settle(report.actor, of: report.lifetime)
        guard seals.quarantine(stream, reason: report.reason) else { return .taken }
        logger.error(
            "a stream is quarantined", metadata: ["stream": "\(stream.path)", "reason": "\(report.reason)"])
        try journal.streamQuarantined(stream, reason: report.reason)
        return .taken
    }

    /// This stream's file is complete, or given up.
    private func settle(_ actor: Int, of lifetime: LifetimeIdentifier) {
        let state = lifetimes[lifetime]?.state
        seals.settle(actor, of: lifetime, isOpen: state != nil && state != .finished)
        if state == .finished, seals.awaited(of: lifetime).isEmpty { pins.close(lifetime) }
    }

    /// Orders the seal of what has ended: no carrier will come back for it.
    func orderSeals(of identifier: LifetimeIdentifier, now: UInt64, outbox: inout Outbox) {
        let actors = seals.awaited(of: identifier)
        guard !actors.isEmpty, let recorder = recorder(of: identifier) else { return }
        commands.send(
            .sealStreams(SealStreams(lifetime: identifier, actors: actors)), to: .peer(recorder.hello.name),
            now: now, outbox: &outbox)
    }

    /// Takes the lifetime's leases back from all that still hold one. A holder that is gone needs no word; one that
    /// misses this gets it again, as every command.
    private func release(_ lifetime: LeasedLifetime, now: UInt64, outbox: inout Outbox) {
        var holders = Set(lifetime.parts.filter { !$0.isFinished }.compactMap(\.node))
        if let learner = lifetime.learner { holders.insert(learner) }
        for holder in holders.sorted() where nodes[holder] != nil {
            commands.send(
                .releaseLifetime(ReleaseLifetime(lifetime: lifetime.identifier, attempt: lifetime.attempt)),
                to: .peer(holder), now: now, outbox: &outbox)
        }
    }

    // MARK: - Deaths

    /// Actors whose process has gone. Asynchronous: other processes go on with their streams, as a new incarnation.
    /// Lockstep: the lifetime is taken up again, for no actor gets on without the others.
    func replaceActors(of node: String, now: UInt64, outbox: inout Outbox) throws {
        for identifier in lifetimes.held(by: node) {
            guard var lifetime = lifetimes[identifier] else { continue }
            let lost = lifetime.parts.indices.filter {
                lifetime.parts[$0].node == node && !lifetime.parts[$0].isFinished
            }
            guard !lost.isEmpty else { continue }
            if context.experiment.collect.synchronization == .lockstep {
                takeUpAgain(identifier, now: now, outbox: &outbox)
            } else {
                for index in lost { lifetime.parts[index].node = nil }
                lifetimes[identifier] = lifetime
            }
        }
    }

    /// Lifetimes whose learner has gone are taken up again. One that was ending, with all carriers there, needs
    /// none any more.
    func replaceLearner(_ node: String, now: UInt64, outbox: inout Outbox) throws {
        for identifier in lifetimes.held(by: node) {
            guard var lifetime = lifetimes[identifier], lifetime.learner == node else { continue }
            let carriersSuffice = lifetime.parts.allSatisfy { $0.isFinished || ($0.node != nil && !$0.isTakenOver) }
            guard lifetime.state == .ending, carriersSuffice else {
                takeUpAgain(identifier, now: now, outbox: &outbox)
                continue
            }
            // It has had the rollouts of all that joined it: those carriers only have to complete their streams, and
            // the others have made nothing.
            lifetime.learner = nil
            lifetimes[identifier] = lifetime
            for part in lifetime.parts where !part.isFinished {
                carry(part, of: lifetime, now: now, outbox: &outbox)
            }
        }
    }

    /// Back to the head of the queue: the learner that gets the lifetime next goes on from its last checkpoint.
    ///
    /// Lockstep lives again what came after that, which gives the same rollouts; the recorder drops what it has.
    /// Asynchronous streams go on behind what is on disk, as new incarnations.
    func takeUpAgain(_ identifier: LifetimeIdentifier, now: UInt64, outbox: inout Outbox) {
        guard var lifetime = lifetimes[identifier] else { return }
        release(lifetime, now: now, outbox: &outbox)
        lifetime.state = .queued
        lifetime.learner = nil
        // An elastic lifetime goes on with the actors that it has now.
        if !context.experiment.collect.elastic { lifetime.parts = [] }
        lifetimes[identifier] = lifetime
        queue.append(identifier)
        logger.notice("interrupted; it is taken up again", metadata: ["lifetime": "\(identifier)"])
    }

    /// Finds new carriers for actors whose process has gone. A process with room for some of a part's actors takes
    /// those; the rest becomes a part of its own and waits.
    private func adoptOrphanedParts(now: UInt64, outbox: inout Outbox) {
        for identifier in lifetimes.orphaned {
            guard var lifetime = lifetimes[identifier], canBeRecorded(identifier) else { continue }
            guard lifetime.learner != nil else {
                // No learner is left that could give the actors their parameters.
                takeUpAgain(identifier, now: now, outbox: &outbox)
                continue
            }
            while let index = lifetime.parts.firstIndex(where: { $0.node == nil && now >= $0.restsUntil }),
                let place = place(for: lifetime.parts[index])
            {
                lifetime.split(index, at: place.free)
                lifetime.parts[index].node = place.node
                lifetime.parts[index].isTakenOver = true
                lifetime.parts[index].incarnation = lifetime.nextIncarnation()
                lifetimes[identifier] = lifetime
                carry(lifetime.parts[index], of: lifetime, now: now, outbox: &outbox)
            }
        }
    }

    /// A process that can take up at least some of the part's actors. Actors that are to leave take no room, but
    /// need a process that says for them that they have left.
    private func place(for part: LeasedLifetime.Part) -> (node: String, free: Int)? {
        guard part.staying.isEmpty else { return lifetimes.freePlaces.first { _ in true } }
        return nodes.staying(.actor).map(\.hello.name).min().map { ($0, part.actors.count) }
    }
}
