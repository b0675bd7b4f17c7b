import Agents
import Environments
import Experience
import Experiments
package import Nodes
import Quantities
import Transport
package import Wire

/// Carries actors of one or several lifetimes: steps environments, sends the same bytes of rollouts to learner and
/// recorder, and keeps what the recorder has not yet called durable.
///
/// How fast it goes is decided by three bounds, and each of them makes it wait: the batches of a part
/// that the learner has not answered (`UnansweredRollouts.limit`), the window of what is on its way to the recorder
/// (`UnacknowledgedRollouts.window`), and `cluster.unacknowledged_bytes` for all its parts together. Parts take
/// turns, one batch each.
///
/// A lease is known by its command's number, its attempt and its incarnation. A later command of the same attempt
/// and incarnation only renews endpoints and tickets; a higher incarnation replaces what was carried before.
package final class ActorRole: Role {
    /// Bytes of unanswered batches, beyond the fewest of each part, from which on every part has its fewest alone.
    package static let unansweredBytes = 16 << 20
    /// A learner that owes answers for so long is sent the unanswered batches again.
    package static let requestIntervalMilliseconds: UInt64 = 1000
    /// A learner may hear of its lease after the actors have heard of theirs.
    package static let joinIntervalMilliseconds: UInt64 = 100
    /// Each question to a learner that is not answered doubles the wait before the next, up to this: within
    /// `learnerSilenceMilliseconds` there is time for so many questions that a poor network cannot lose them all.
    package static let longestRequestIntervalMilliseconds: UInt64 = 2000
    /// A part that its learner refuses so often in a row is given back.
    package static let refusedJoinLimit = 6
    /// A learner that waits for others answers what it is sent again, and of one that is in a long update its node says
    /// that it is there; one that does not cannot be reached from here.
    package static let learnerSilenceMilliseconds: UInt64 = 30_000
    /// An environment that has brought rollouts for so long begins a new row of failures when it fails: its start, which may
    /// take long where it is another process, does not count.
    package static let steadyEnvironmentMilliseconds: UInt64 = 3000
    /// How long a process that leaves waits for its streams to come between two episodes and onto the disk.
    package static let handOverMilliseconds: UInt64 = 6000

    package let name = RoleName.actor
    /// Actors that it can carry; 0 lets the coordinator take the experiment's number.
    package let capacity: Int
    /// What a part waits for that holds all of them up.
    package let progress: WorkProgress? = WorkProgress()

    /// Names a part: no two parts of a lifetime begin with the same actor.
    struct Key: Hashable {
        let lifetime: LifetimeIdentifier
        let firstActor: Int
    }

    /// Nil until the coordinator has taken the node in.
    private var context: ExperimentContext?
    /// What this process carries now.
    var parts: [Key: ActorPart] = [:]
    /// The last incarnation of each part: a lease that arrives again after its end is not taken twice. It keeps one
    /// number for each part that this process ever carried.
    private var lastIncarnation: [Key: UInt64] = [:]
    private var released = ReleasedLifetimes()
    /// Parts take turns in this order.
    private var turns: [Key] = []
    private var nextTurn = 0
    /// To the coordinator: ends of parts, refusals of streams.
    var reports = ReliableSender()
    /// When it leaves at the latest; nil while it stays. Nanoseconds of the node's clock.
    private var leavesAt: UInt64?
    private var isDraining: Bool { leavesAt != nil }
    /// Steps that this process has taken since it began, those of parts that were given up among them.
    private var environmentSteps: UInt64 = 0
    var refusedMessages = 0
    /// Parts that were given up because a recorder or a learner refused them.
    var refusedParts = 0
    /// Parts that were given up because their environments could not go on.
    var failedEnvironments = 0
    /// Complaints of recorders and learners.
    private var complaints = 0
    /// Numbers the questions to recorders and learners.
    var questions: UInt64 = 0

    /// Sees every acknowledgement of the recorder that concerns this process; for simulations and drills, which
    /// check that nothing of it is ever missing.
    package var onDurable: ((RolloutsDurable) -> Void)?

    package init(capacity: Int) { self.capacity = capacity }

    package func begin(_ welcome: Welcome, now: UInt64) throws {
        if let context { return try context.check(isStill: welcome.experiment, in: welcome.folder) }
        context = try ExperimentContext(yaml: welcome.experiment, folder: welcome.folder)
    }

    /// Reports that the coordinator has not acknowledged are waited for.
    package var isFinished: Bool { isDraining && parts.isEmpty && reports.isEmpty }

    /// Leaves within `handOverMilliseconds`. Asynchronous actors come to the ends of their episodes first, so that
    /// no episode is cut where that is soon enough; the coordinator then gives the streams to others, who go on
    /// behind what is on disk. In lockstep the parts are dropped at once.
    package func drain(now: UInt64) {
        guard leavesAt == nil else { return }
        leavesAt = now + Self.handOverMilliseconds * nanosecondsPerMillisecond
        // In lockstep no actor gets on without the others.
        if isLockstep { dropParts() }
    }

    /// The coordinator leases these actors to others, at higher incarnations: what is unacknowledged here is not
    /// needed.
    package func forgetLeases(now: UInt64) {
        dropParts()
        reports = ReliableSender()
    }

    /// Lets go of everything that is carried, unacknowledged rollouts included.
    private func dropParts() {
        parts = [:]
        turns = []
        nextTurn = 0
    }

    /// Whether actors wait for one another, by the experiment; false before the welcome.
    var isLockstep: Bool { context?.experiment.collect.synchronization == .lockstep }

    package var numbers: [String: Double] {
        [
            "actors": Double(parts.values.reduce(0) { $0 + $1.actorsAtWork }),
            "environment_steps": Double(environmentSteps),
            "unacknowledged_bytes": Double(unacknowledgedBytes),
            "unacknowledged_limit_bytes": Double(unacknowledgedLimit),
            "unanswered_rollouts": Double(parts.values.reduce(0) { $0 + $1.unanswered.count }),
            "unanswered_limit": Double(parts.values.reduce(0) { $0 + $1.unanswered.limit }),
            "refused_messages": Double(refusedMessages),
            "refused_parts": Double(refusedParts), "failed_environments": Double(failedEnvironments),
            "complaints": Double(complaints),
        ]
    }

    package func waiting(now: UInt64) -> Waiting? {
        let waits = parts.values.compactMap { $0.waiting(now: now) } + [fullness(now: now)]
        return waits.compactMap { $0 }.max { $0.milliseconds < $1.milliseconds }
    }

    /// Nothing is made any more until the recorder has acknowledged some of what there is.
    private func fullness(now: UInt64) -> Waiting? {
        guard isFull,
            let recorder = parts.values.compactMap(\.recorder).max(by: {
                $0.unacknowledgedBytes < $1.unacknowledgedBytes
            })
        else { return nil }
        return Waiting(
            for: recorder.endpoint,
            why: "\(NumberText.bytes(unacknowledgedBytes)) of \(NumberText.bytes(unacknowledgedLimit)) unacknowledged",
            since: recorder.waitsSince, now: now)
    }

    /// Those that have waited longest come first, since a heartbeat has room for 32.
    package func parts(now: UInt64) -> [CarriedPart] {
        let waits = parts.values.map { (part: $0, waiting: $0.waiting(now: now)?.milliseconds ?? 0) }
        let order = waits.sorted {
            ($1.waiting, $0.part.carry.actors.lowerBound) < ($0.waiting, $1.part.carry.actors.lowerBound)
        }
        return order.prefix(Heartbeat.listLimit).map { $0.part.report }
    }

    /// Bytes that all parts together keep for the recorder, of at most `unacknowledgedLimit` before all of them wait.
    private var unacknowledgedBytes: Int { parts.values.reduce(0) { $0 + ($1.recorder?.unacknowledgedBytes ?? 0) } }
    private var unacknowledgedLimit: Int { context?.experiment.cluster.unacknowledgedBytes ?? Int.max }
    /// While it is, no part acts, not even one whose own recorder dialogue has room.
    private var isFull: Bool { unacknowledgedBytes >= unacknowledgedLimit }
    /// While they are, no part has more unanswered batches than the fewest.
    private var areUnansweredCrowded: Bool {
        parts.values.reduce(0) { $0 + $1.unanswered.extraBytes } >= Self.unansweredBytes
    }

    // MARK: - Messages

    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        switch envelope.message {
        case .acknowledgement where sender == .coordinator: reports.acknowledge(envelope.request, by: sender)
        case .acknowledgement: noteSign(of: sender, now: now)
        case .carryActors(let carry) where sender == .coordinator:
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            if !isDraining { try take(carry, command: envelope.request, now: now, outbox: &outbox) }
        case .releaseLifetime(let release) where sender == .coordinator:
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            released.add(release)
            for (key, part) in parts where key.lifetime == release.lifetime && part.carry.attempt <= release.attempt {
                remove(key)
            }
        case .streamsOpened(let opened): try takeUp(opened, from: sender, now: now, outbox: &outbox)
        case .rolloutsDurable(let durable): acknowledge(durable, from: sender, now: now, outbox: &outbox)
        case .rolloutAnswer(let answer):
            do { try take(answer, from: sender, now: now, outbox: &outbox) } catch {
                refusedMessages += 1
                outbox.send(.failure("\(error)"), to: sender)
            }
        case .failure where sender == .coordinator && reports.refuse(envelope.request, by: sender): break
        case .failure(let reason):
            complaints += 1
            for part in parts.values { part.recorder?.refuse(reason, number: envelope.request, from: sender) }
            noteRefusedJoin(reason, envelope.request, from: sender, now: now, outbox: &outbox)
        default: refusedMessages += 1
        }
    }

    /// A part is leased, or a lease is told again with other endpoints and tickets. Leases that come late are
    /// ignored.
    private func take(_ carry: CarryActors, command: UInt64, now: UInt64, outbox: inout Outbox) throws {
        guard let context else { return }
        let key = Key(lifetime: carry.lifetime, firstActor: carry.actors.lowerBound)
        if let part = parts[key], part.carry.attempt == carry.attempt, part.carry.incarnation == carry.incarnation {
            // An older command that is sent again names endpoints that are no more.
            guard command > part.command else { return }
            part.command = command
            part.carry = carry
            part.refusedJoins = 0
            part.retire()
            part.recorder?.expect(carry.recorderTicket)
            guard part.recorder?.endpoint != carry.recorderEndpoint, carry.recordsAny else { return }
            if part.recorder == nil { part.recorder = RecorderDialogue(endpoint: carry.recorderEndpoint) }
            part.recorder?.move(to: carry.recorderEndpoint)
            if part.phase != .joining { open(part, now: now, outbox: &outbox) }
            return
        }
        if let last = lastIncarnation[key], last >= carry.incarnation { return }
        if released.contains(carry.lifetime, attempt: carry.attempt) { return }
        // An order that was long on its way: the lifetime is at a later attempt by now, in which others have these
        // actors.
        if parts.contains(where: { $0.key.lifetime == carry.lifetime && $0.value.carry.attempt > carry.attempt }) {
            return
        }
        for (other, part) in parts
        where other.lifetime == carry.lifetime && part.carry.incarnation < carry.incarnation
            && (part.carry.attempt < carry.attempt || part.carry.actors.overlaps(carry.actors))
        {
            remove(other)
        }
        lastIncarnation[key] = carry.incarnation
        let part = try ActorPart(carry: carry, command: command, context: context)
        part.waitsForLearnerSince = now
        part.lastLearnerSign = now
        parts[key] = part
        if !turns.contains(key) { turns.append(key) }
        join(part, now: now, outbox: &outbox)
    }

    /// The recorder's answer to a question: the part begins to act if it waited for that.
    private func takeUp(_ opened: StreamsOpened, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        guard let part = parts[Key(lifetime: opened.lifetime, firstActor: opened.firstActor)],
            part.recorder?.take(opened, from: sender, now: now, outbox: &outbox) == true
        else { return }
        if part.phase == .opening { try start(part, opened.streams, now: now, outbox: &outbox) }
    }

    /// The recorder's word on how far streams are; a higher incarnation in it means that the part is refused.
    private func acknowledge(_ durable: RolloutsDurable, from sender: Address, now: UInt64, outbox: inout Outbox) {
        for (key, part) in parts
        where key.lifetime == durable.lifetime && part.recorder?.isWith(sender) == true {
            let actors = part.carry.actors
            // Another carries such a stream now, or its file is further than the coordinator knows.
            let refused = durable.streams.filter {
                actors.contains($0.actor) && $0.incarnation > part.carry.incarnation
            }
            if let above = refused.map(\.incarnation).max() {
                giveUp(
                    part, above: max(above, 1) - 1, reason: durable.refusal,
                    cause: refused.contains { $0.state == .diverged } ? .divergence : .refusal, now: now,
                    outbox: &outbox)
                continue
            }
            onDurable?(durable)
            part.recorder?.take(durable, actors: actors, from: sender, now: now, outbox: &outbox)
        }
    }

    // MARK: - Work

    /// Steps the actors of one part for the length of a rollout; true when a part can go on at once. An environment
    /// that fails costs its part alone; other errors are thrown on.
    package func work(now: UInt64, outbox: inout Outbox) throws -> Bool {
        guard let part = nextRunnable() else { return false }
        if part.unanswered.isEmpty {
            part.waitsForLearnerSince = now
            part.lastLearnerSign = now
        }
        do { try sendRollouts(of: part, now: now, outbox: &outbox) } catch let failure as EnvironmentFailure {
            giveUp(part, because: failure, now: now, outbox: &outbox)
        }
        return nextRunnable(peek: true) != nil
    }

    /// Steps the part's actors and sends what comes of it to learner and recorder. Throws `EnvironmentFailure`.
    private func sendRollouts(of part: ActorPart, now: UInt64, outbox: inout Outbox) throws {
        if let (bytes, headers) = try part.nextRollouts(now: now) {
            environmentSteps += headers.reduce(0) { $0 + UInt64($1.length) }
            var receivers = [Address.endpoint(part.carry.learnerEndpoint)]
            if part.recorder?.append(bytes, headers, recordedActors: part.carry.recordedActors, now: now) == true,
                let endpoint = part.recorder?.endpoint
            {
                receivers.append(.endpoint(endpoint))
            }
            outbox.send(bytes, to: receivers)
            part.lastLearnerRequest = now
        }
        if part.everyStreamHasEnded { part.phase = .draining }
    }

    /// The next part, in turn, that none of the bounds holds back. With `peek` the turn stays where it is.
    private func nextRunnable(peek: Bool = false) -> ActorPart? {
        guard !turns.isEmpty, !isFull else { return nil }
        let isCrowded = areUnansweredCrowded
        for offset in 0..<turns.count {
            let index = (nextTurn + offset) % turns.count
            guard let part = parts[turns[index]] else { continue }
            guard part.phase == .running, part.unanswered.hasRoom(isCrowded: isCrowded),
                part.recorder?.isCongested != true
            else { continue }
            guard !isDraining || !part.isBetweenTrials else { continue }
            if !peek { nextTurn = (index + 1) % turns.count }
            return part
        }
        return nil
    }

    package func tick(now: UInt64, outbox: inout Outbox) throws {
        reports.tick(now: now, outbox: &outbox)
        for key in turns {
            guard let part = parts[key] else { continue }
            if part.isDone {
                reports.send(
                    .carryingFinished(
                        CarryingFinished(
                            lifetime: key.lifetime, firstActor: key.firstActor, incarnation: part.carry.incarnation)),
                    to: .coordinator, now: now, outbox: &outbox)
                remove(key)
                continue
            }
            if let leavesAt, part.canBeHandedOver || now >= leavesAt {
                remove(key)
                continue
            }
            if let reason = part.recorder?.refusal {
                giveUp(part, above: part.carry.incarnation, reason: reason, now: now, outbox: &outbox)
                continue
            }
            if part.phase != .joining, part.recorder?.isOverdue(now: now) ?? false {
                open(part, now: now, outbox: &outbox)
            }
            try checkLearner(part, now: now)
            askLearner(part, now: now, outbox: &outbox)
        }
    }

    /// Asks the recorder of the part where its streams stand, and shows the ticket for them.
    func open(_ part: ActorPart, now: UInt64, outbox: inout Outbox) {
        let carry = part.carry
        questions += 1
        part.recorder?.ask(
            OpenStreams(
                lifetime: carry.lifetime, actors: carry.recorded, incarnation: carry.incarnation,
                firstPolicyVersion: part.version, ticket: carry.recorderTicket), number: questions, now: now,
            outbox: &outbox)
    }

    /// Forgets the part with its rollouts. Its incarnation stays known, so a lease of it that comes late is not taken
    /// again.
    func remove(_ key: Key) {
        parts[key] = nil
        turns.removeAll { $0 == key }
        nextTurn = 0
    }
}
