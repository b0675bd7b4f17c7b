import Experience
import Experiments
import Nodes
import Quantities
import Transport
import Wire

/// What actors ask their learners, and what they do where a learner refuses or is silent.
extension ActorRole {
    /// A learner in the middle of a long step says that it is there, and that it has what it was sent.
    func noteSign(of sender: Address, now: UInt64) {
        for part in parts.values where sender == .endpoint(part.carry.learnerEndpoint) { part.lastLearnerSign = now }
    }

    /// Throws `ClusterError`, which ends the process, where a learner that owes an answer has been silent for too
    /// long. Other processes, which may reach the learner, get these actors then; the coordinator hears from both
    /// of us, and cannot see that we do not reach each other.
    func checkLearner(_ part: ActorPart, now: UInt64) throws {
        guard part.needsLearner, part.phase == .joining || !part.unanswered.isEmpty,
            now >= part.lastLearnerSign + Self.learnerSilenceMilliseconds * nanosecondsPerMillisecond
        else { return }
        throw ClusterError(
            "no word from the learner at \(part.carry.learnerEndpoint) for "
                + "\(Self.learnerSilenceMilliseconds / 1000) s (actors \(NumberText.range(part.carry.actors)) of "
                + "\(part.carry.lifetime)); does this host reach it?")
    }

    /// Asks again for what the learner owes the part, when the time has come: whether it may join, or the answers
    /// to its unanswered batches, of which the first are sent again. Waits begin at 0.1 s for a join and 1 s for
    /// answers, and double up to 2 s.
    func askLearner(_ part: ActorPart, now: UInt64, outbox: inout Outbox) {
        let isJoining = part.phase == .joining
        let first = isJoining ? Self.joinIntervalMilliseconds : Self.requestIntervalMilliseconds
        let doubled = first << UInt64(min(part.vainLearnerRequests, 16))
        let interval = min(doubled, Self.longestRequestIntervalMilliseconds)
        guard now >= part.lastLearnerRequest + interval * nanosecondsPerMillisecond else { return }
        guard isJoining || (!part.unanswered.isEmpty && part.needsLearner) else { return }
        part.vainLearnerRequests += 1
        if isJoining { return join(part, now: now, outbox: &outbox) }
        part.lastLearnerRequest = now
        for bytes in part.unanswered.probe() { outbox.send(bytes, to: [.endpoint(part.carry.learnerEndpoint)]) }
    }

    /// Asks the learner whether the actors may join, and shows the ticket for them. The learner answers with
    /// parameters, with a sign that it is there, or with a refusal that bears the question's number.
    func join(_ part: ActorPart, now: UInt64, outbox: inout Outbox) {
        part.lastLearnerRequest = now
        guard part.needsLearner else { return }
        let carry = part.carry
        questions += 1
        part.joinQuestion = questions
        outbox.send(
            .joinLifetime(
                JoinLifetime(
                    lifetime: carry.lifetime, attempt: carry.attempt, actors: carry.actors,
                    incarnation: carry.incarnation, ticket: carry.learnerTicket)), to: .endpoint(carry.learnerEndpoint),
            request: questions)
    }

    /// The learner does not take these actors from here, and the coordinator may not know: a process that stood still
    /// may have taken up a lease that others have by now. The part is given up after six refusals in a row; a newer
    /// lease, with other tickets, begins the count anew.
    func noteRefusedJoin(
        _ reason: String, _ question: UInt64, from sender: Address, now: UInt64, outbox: inout Outbox
    ) {
        guard question != 0,
            let part = parts.values.first(where: {
                $0.phase == .joining && $0.joinQuestion == question && .endpoint($0.carry.learnerEndpoint) == sender
            })
        else { return }
        part.joinQuestion = 0
        part.refusedJoins += 1
        part.lastLearnerSign = now
        guard part.refusedJoins >= Self.refusedJoinLimit else { return }
        giveUp(part, above: part.carry.incarnation, reason: reason, now: now, outbox: &outbox)
    }

    /// A learner's answer: newer parameters, the batch that it has, the episode limit. Throws `WireError` for one
    /// that cannot be meant for this part; it is refused then, and the process goes on.
    func take(_ answer: RolloutAnswer, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        guard let part = parts[Key(lifetime: answer.lifetime, firstActor: answer.firstActor)],
            part.carry.attempt == answer.attempt
        else { return }
        // The learner of one lifetime has no say in another.
        guard sender == .endpoint(part.carry.learnerEndpoint) else {
            refusedMessages += 1
            return
        }
        // Answers may overtake each other; versions never fall within an incarnation.
        if !answer.parameters.isEmpty, part.phase == .joining || answer.version > part.version {
            try part.load(answer.parameters, version: answer.version)
        }
        // A learner whose answers we cannot use does not count as alive.
        part.lastLearnerSign = now
        part.vainLearnerRequests = 0
        part.episodeLimit = min(part.episodeLimit, answer.episodeLimit)
        guard part.phase == .joining else {
            guard part.unanswered.answer(answer.batch, version: answer.version, now: now) else { return }
            part.waitsForLearnerSince = now
            let rest = part.unanswered.takeRest()
            if !rest.isEmpty { part.lastLearnerRequest = now }
            for bytes in rest { outbox.send(bytes, to: [sender]) }
            return
        }
        guard !answer.parameters.isEmpty else { return }
        part.waitsForLearnerSince = now
        guard answer.places.count == (isLockstep ? part.carry.actors.count : 0) else {
            throw WireError("\(answer.places.count) places for \(part.carry.actors.count) actors")
        }
        part.places = answer.places
        // A lockstep learner's checkpoint goes out when everything before it is on disk: a recorder that has less has
        // lost it.
        for (actor, place) in zip(part.carry.recorded, answer.places) {
            part.recorder?.know(actor: actor, isDurableTo: place.nextSequence)
        }
        guard part.carry.recordsAny else { return try start(part, [], now: now, outbox: &outbox) }
        part.phase = .opening
        open(part, now: now, outbox: &outbox)
    }
}
