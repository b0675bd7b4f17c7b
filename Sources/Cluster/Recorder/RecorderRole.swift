import Agents
import Environments
import Experiments
import Foundation
import Histories
package import Logging
package import Wire

/// Writes every stream into its own file and acknowledges what is durable.
///
/// Where the machine lacks something (room above all), carriers wait and `waiting` says what for. Where one file is
/// found to be damaged, that stream is quarantined and reported, and all others go on.
package final class RecorderRole: Role {
    /// What failed for lack of room is tried again after this time.
    package static let retryMilliseconds: UInt64 = 1000
    /// A carrier that goes on sending rollouts of a quarantined stream is told again after this time.
    static let reminderMilliseconds: UInt64 = 1000
    /// Sealed streams that are remembered; of older ones the files are asked again.
    package static let rememberedSealedStreams = 4096

    /// Nothing is appended that would leave less room than this: catalogue, checkpoints and the copies that sealing
    /// makes need some, and whoever makes room should find the rest of the run alive.
    static let reservedDiskBytes: UInt64 = 16 << 20

    package let name = RoleName.recorder
    package let capacity = 0

    var folder: String
    let logger: Logger
    var context: ExperimentContext?
    /// Nil where the coordinator gives no tickets out.
    private var tickets: LeaseTickets?
    /// Nil while another recorder still writes the streams: nothing is answered then.
    var lock: DirectoryLock?
    private var lockDeadline: UInt64 = 0
    /// A recorder that was replaced is told so and ends; it is waited for so long.
    private static let lockMilliseconds: UInt64 = 20_000
    var streams: [StreamIdentifier: RecordedStream] = [:]
    /// Growing streams with rollouts that are not on disk.
    var pending: Set<StreamIdentifier> = []
    /// Sealed streams in the order in which they were sealed; those before `firstSealed` are forgotten.
    var sealedOrder: [StreamIdentifier] = []
    var firstSealed = 0
    var reports = ReliableSender()
    var isDraining = false
    var isClosed = false
    var retryAt: UInt64 = 0
    /// What the machine lacks, in words; nil when nothing.
    var obstacle: String?
    private var obstacleSince: UInt64?
    var counts: [String: Double] = [:]
    /// How often a sender is told that it is refused.
    private var complaints = ComplaintLimit()
    /// Streams whose carriers are owed word of how far they are, and whether something is to be sent again.
    private var owed: [StreamIdentifier: Bool] = [:]
    /// Of rollouts that came again.
    var checksums = RecordedChecksums()
    /// Incarnations of lifetimes that were discarded: lower ones are refused.
    var discards: [LifetimeIdentifier: UInt64] = [:]

    /// Of a folder's disk; nil where that cannot be told.
    let freeBytes: (_ folder: String) -> UInt64?

    /// `folder`: where the run's streams go; nil for the coordinator's own folder of the run. While another recorder
    /// still holds that folder, this one waits.
    package init(
        folder: String?, logger: Logger, freeBytes: @escaping (_ folder: String) -> UInt64? = freeDiskBytes
    ) {
        self.freeBytes = freeBytes
        self.folder = folder ?? ""
        self.logger = logger
    }

    package func begin(_ welcome: Welcome, now: UInt64) throws {
        tickets = LeaseTickets(secret: welcome.ticketSecret)
        if let context { return try context.check(isStill: welcome) }
        context = try ExperimentContext(welcome)
        if folder.isEmpty { folder = welcome.folder }
        lockDeadline = now + Self.lockMilliseconds * 1_000_000
        try takeLock(now: now)
    }

    /// Throws `ClusterError` when another recorder has not let go of the streams in time.
    private func takeLock(now: UInt64) throws {
        do {
            lock = try DirectoryLock(path: folder + "/histories/.recorder.lock", holder: "recorder")
            obstacle = nil
        } catch {
            guard now < lockDeadline else { throw error }
            obstacle = "\(error)"
        }
    }

    package var isFinished: Bool { isDraining && isClosed && reports.isEmpty }

    /// Streams are opened by their carriers, not leased: they stay as they are.
    package func forgetLeases(now: UInt64) {}

    package func drain(now: UInt64) { isDraining = true }

    package var numbers: [String: Double] {
        var numbers = counts
        numbers["open_streams"] = Double(streams.values.count { $0.writer != nil })
        numbers["unflushed_bytes"] = Double(pending.reduce(0) { $0 + (streams[$1]?.writer?.pendingBytes ?? 0) })
        numbers["disk_free_bytes"] = freeBytes(folder).map { Double($0) }
        return numbers
    }

    package func waiting(now: UInt64) -> Waiting? {
        obstacle.map { Waiting(for: "", why: $0, since: obstacleSince ?? now, now: now) }
    }

    // MARK: - Messages

    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        guard lock != nil else {
            counts["refused_messages", default: 0] += 1
            return
        }
        switch envelope.message {
        case .acknowledgement where sender == .coordinator: reports.acknowledge(envelope.request, by: sender)
        case .openStreams(let open):
            try self.open(open, from: sender, envelope.request, now: now, outbox: &outbox)
        case .rollouts(let rollouts): take(rollouts, from: sender, now: now, outbox: &outbox)
        case .discardStreams(let discard) where sender == .coordinator:
            if try self.discard(discard, now: now) {
                outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            }
        case .sealStreams(let seal) where sender == .coordinator:
            var isTaken = true
            for actor in seal.actors {
                let stream = StreamIdentifier(lifetime: seal.lifetime, actor: actor)
                if !end(stream, now: now, outbox: &outbox) { isTaken = false }
            }
            // What cannot be opened for lack of something is ordered again.
            if isTaken { outbox.send(.acknowledgement, to: .coordinator, request: envelope.request) }
        case .failure where sender == .coordinator && reports.refuse(envelope.request, by: sender):
            counts["refused_messages", default: 0] += 1
        case .failure: counts["refused_messages", default: 0] += 1
        default:
            counts["refused_messages", default: 0] += 1
            outbox.send(.failure("a recorder does not take this message"), to: sender, request: envelope.request)
        }
    }

    private func open(
        _ open: OpenStreams, from sender: Address, _ request: UInt64, now: UInt64, outbox: inout Outbox
    ) throws {
        if let problem = problem(open) ?? missingLease(open, of: sender) {
            counts["refused_messages", default: 0] += 1
            outbox.send(.failure(problem), to: sender, request: request)
            return
        }
        let identifiers = open.actors.map { StreamIdentifier(lifetime: open.lifetime, actor: $0) }
        for (index, identifier) in identifiers.enumerated() {
            let durable = index < open.durableSequences.count ? open.durableSequences[index] : 0
            if streams[identifier] == nil {
                try load(identifier, open, durable: durable, from: sender, now: now, outbox: &outbox)
            }
            // What the machine lacks keeps it from being opened: the carrier asks again.
            guard let stream = streams[identifier] else { return }
            if let refusal = refusal(of: open, index, stream, from: sender) {
                return refuse(
                    identifier, stream, open.incarnation, because: refusal, to: sender, now: now, outbox: &outbox)
            }
        }
        var opened: [StreamsOpened.Stream] = []
        for (index, identifier) in identifiers.enumerated() {
            let durable = index < open.durableSequences.count ? open.durableSequences[index] : 0
            checkNothingIsLost(identifier, durable: durable, now: now, outbox: &outbox)
            // The carrier goes on behind what is durable: that must be all that there is. On a full disk it asks again.
            if let writer = streams[identifier]?.writer,
                flush(identifier, writer, now: now, outbox: &outbox) == .blocked
            {
                return
            }
            opened.append(take(over: identifier, open.incarnation, sender, durable: durable))
        }
        outbox.send(
            .streamsOpened(
                StreamsOpened(
                    lifetime: open.lifetime, firstActor: open.actors.lowerBound, incarnation: open.incarnation,
                    streams: opened)), to: sender)
        acknowledge(identifiers, outbox: &outbox)
    }

    /// Why the sender cannot have the stream for its incarnation; nil when it can. What counts is what the file holds,
    /// not who comes first.
    private func refusal(
        of open: OpenStreams, _ index: Int, _ stream: RecordedStream, from sender: Address
    ) -> String? {
        let incarnation = open.incarnation
        let discarded = discardedBelow(open.lifetime)
        guard incarnation >= discarded else {
            return "incarnation \(incarnation), and the lifetime was begun anew with \(discarded)"
        }
        guard incarnation >= stream.incarnation else {
            return stream.refusal.isEmpty
                ? "incarnation \(incarnation), and the stream is at \(stream.incarnation)" : stream.refusal
        }
        // What is lived again is compared rollout by rollout.
        guard !isLivedAgain(open.lifetime), let recorded = stream.recordedIncarnation else { return nil }
        let isRepeated = stream.isOpened && stream.carrier == sender && stream.incarnation == incarnation
        guard !isRepeated else { return nil }
        guard let first = open.firstSequences.dropFirst(index).first else {
            return recorded == incarnation
                ? "incarnation \(incarnation) begins, and the file holds rollouts of it already" : nil
        }
        guard recorded < incarnation, stream.nextSequence > first else { return nil }
        return "incarnation \(incarnation) began with rollout \(first), which the file has of incarnation \(recorded)"
    }

    /// Lockstep and evaluations play again what is on disk already; their files hold incarnation 0.
    func isLivedAgain(_ lifetime: LifetimeIdentifier) -> Bool {
        lifetime.collection != .histories || context?.experiment.collect.synchronization == .lockstep
    }

    /// Makes `carrier` the one that carries the stream, and says where it goes on. `durable`: what was called durable to
    /// it.
    private func take(
        over identifier: StreamIdentifier, _ incarnation: UInt64, _ carrier: Address, durable: UInt64
    ) -> StreamsOpened.Stream {
        guard var stream = streams[identifier] else { preconditionFailure("\(identifier) was just loaded") }
        let isNewCarrier = incarnation > stream.incarnation
        if isLivedAgain(identifier.lifetime), isNewCarrier || !stream.isOpened || stream.carrier != carrier {
            stream.agreedSequence = durable
        }
        // The mark of the carrier before was nothing that is on disk: a recorder that is started again does not know of
        // it, so the next carrier's has its number too.
        if isNewCarrier { stream.isMarkedAgain = false }
        stream.incarnation = incarnation
        stream.carrier = carrier
        stream.isOpened = true
        stream.refusal = ""
        streams[identifier] = stream
        // The last rollout counts only once the file is sealed; a new carrier, who does not have it, adds a mark. That
        // mark has always the same number, though an answer to its carrier may be lost and asked for again.
        let isAtEnd = isNewCarrier || stream.writer == nil
        return StreamsOpened.Stream(
            nextSequence: isAtEnd ? min(stream.nextSequence, stream.agreedSequence) : stream.acknowledgedSequence,
            nextEpisode: stream.nextEpisode, state: stream.state)
    }

    /// Why streams cannot be opened: they are none of this run's. Nil when they can.
    private func problem(_ open: OpenStreams) -> String? {
        guard let context else { return "the recorder is not part of a run yet" }
        let isEvaluation = open.lifetime.collection != .histories
        let recorded = isEvaluation ? context.experiment.evaluate.seeds : context.experiment.recordedActors
        guard !open.actors.isEmpty, open.actors.upperBound <= recorded else {
            return "\(open.lifetime): actors \(open.actors); the streams of the first \(recorded) are recorded"
        }
        do {
            _ = try context.task(open.lifetime.task)
            _ = try evaluationSource(of: open)
        } catch { return "\(error)" }
        let collect = context.experiment.collect
        let repetitions = isEvaluation ? 1 : max(collect.lifetimes, collect.testLifetimes)
        guard open.lifetime.repetition < repetitions else {
            return "\(open.lifetime): there are \(repetitions) lifetimes of a task"
        }
        return nil
    }

    /// Why the streams are not its sender's to open; nil where the coordinator has leased them to it.
    private func missingLease(_ open: OpenStreams, of sender: Address) -> String? {
        guard let tickets else { return nil }
        let isLeased = tickets.isValid(
            open.ticket, for: open.lifetime, actors: open.actors, incarnation: open.incarnation, holder: sender)
        return isLeased ? nil : "\(open.lifetime): the streams of actors \(open.actors) are not leased to \(sender)"
    }

    /// Tells a sender that its incarnation of a stream is not taken (any more), seldom enough that it can be told.
    private func refuse(
        _ identifier: StreamIdentifier, _ stream: RecordedStream, _ incarnation: UInt64, because reason: String,
        state: StreamState? = nil, to sender: Address, now: UInt64, outbox: inout Outbox
    ) {
        counts["fenced_messages", default: 0] += 1
        guard complaints.allows(sender, now: now) else { return }
        var standing = stream.standing(of: identifier)
        standing.incarnation = max(stream.incarnation, incarnation &+ 1, discardedBelow(identifier.lifetime))
        // Nothing of it is acknowledged to this incarnation.
        standing.nextSequence = 0
        if let state { standing.state = state }
        outbox.send(
            .rolloutsDurable(
                RolloutsDurable(
                    lifetime: identifier.lifetime, streams: [standing], resend: false, refusal: reason)), to: sender)
    }

    /// What its carrier sends contradicts the stream: nothing more is taken of this incarnation.
    private func close(
        _ identifier: StreamIdentifier, _ incarnation: UInt64, because reason: String, state: StreamState? = nil,
        to sender: Address, now: UInt64, outbox: inout Outbox
    ) {
        logger.warning(
            "a carrier's rollouts are refused",
            metadata: [
                "stream": "\(identifier.path)", "incarnation": "\(incarnation)", "reason": "\(reason)",
                "carrier": "\(sender)",
            ])
        counts["closed_incarnations", default: 0] += 1
        streams[identifier]?.incarnation = incarnation &+ 1
        streams[identifier]?.refusal = reason
        guard let stream = streams[identifier] else { return }
        refuse(identifier, stream, incarnation, because: reason, state: state, to: sender, now: now, outbox: &outbox)
    }

    private func take(_ rollouts: Rollouts, from sender: Address, now: UInt64, outbox: inout Outbox) {
        guard let context else { return }
        let content = rollouts.content
        let experiment = context.experiment
        let isEvaluation = content.lifetime.collection != .histories
        let recordedActors = isEvaluation ? experiment.evaluate.seeds : experiment.recordedActors
        do {
            try content.validate(
                for: context.distribution.environment,
                actors: isEvaluation ? experiment.evaluate.seeds : experiment.actorLimit)
        } catch { return refuse("\(error)", sender, outbox: &outbox) }
        let isLivedAgain = isLivedAgain(content.lifetime)
        let wallClock = StreamWriter.wallClock()
        content.forEachRollout(
            observationBytes: context.distribution.environment.observationSpace.byteCount,
            actionBytes: context.distribution.environment.actionSpace.byteCount
        ) { sent, rows in
            var header = sent
            guard header.actor < recordedActors else { return }
            let identifier = StreamIdentifier(lifetime: content.lifetime, actor: header.actor)
            // What is lived again is the same to the last bit: the stream goes on without a gap, even inside an
            // episode, and so it keeps its incarnation.
            switch place(of: header, identifier, from: sender, now: now, outbox: &outbox) {
            case .nowhere: return
            case .known: owed[identifier] = owed[identifier] ?? false
            case .behind: owed[identifier] = true
            case .next(let writer):
                if isLivedAgain { header.incarnation = 0 }
                do throws(StreamError) {
                    try writer.append(header, rows, now: now, wallClock: wallClock)
                } catch {
                    return close(
                        identifier, sent.incarnation, because: error.problem, to: sender, now: now, outbox: &outbox)
                }
                counts["transitions", default: 0] += Double(header.length)
                streams[identifier]?.isEnded = header.isLast
                streams[identifier]?.agree(on: header.sequence)
                pending.insert(identifier)
            }
        }
    }

    /// However many rollouts came again or too early, their carrier is answered once.
    private func answerOwed(outbox: inout Outbox) {
        guard !owed.isEmpty else { return }
        for resend in [false, true] {
            acknowledge(owed.filter { $0.value == resend }.map(\.key), resend: resend, outbox: &outbox)
        }
        owed.removeAll(keepingCapacity: true)
    }

    private enum Place {
        /// Of no use: its sender opens the stream again, waits, or was told otherwise.
        case nowhere
        /// It is there already: the sender is told how far its stream is.
        case known
        /// Those before it were lost.
        case behind
        case next(StreamWriter)
    }

    private func place(
        of header: RolloutHeader, _ identifier: StreamIdentifier, from sender: Address, now: UInt64,
        outbox: inout Outbox
    ) -> Place {
        // Not opened by this incarnation, or this recorder was restarted: the sender is told by silence and opens it
        // again.
        guard let stream = streams[identifier] else { return .nowhere }
        guard header.incarnation >= stream.incarnation else {
            let reason = stream.refusal.isEmpty ? "the stream is at incarnation \(stream.incarnation)" : stream.refusal
            refuse(
                identifier, stream, header.incarnation, because: reason, to: sender, now: now, outbox: &outbox)
            return .nowhere
        }
        guard header.incarnation == stream.incarnation, stream.isOpened, stream.carrier == sender else {
            counts["unopened_rollouts", default: 0] += 1
            return .nowhere
        }
        if stream.state == .quarantined {
            guard now >= stream.remindAt else { return .nowhere }
            streams[identifier]?.remindAt = now + Self.reminderMilliseconds * 1_000_000
            return .known
        }
        if header.sequence < stream.nextSequence {
            counts["repeated_rollouts", default: 0] += 1
            switch compare(header, identifier, stream, now: now, outbox: &outbox) {
            // What came before it was not compared: the file may have it from another life.
            case .same where header.sequence > stream.agreedSequence: return .behind
            case .same: streams[identifier]?.agree(on: header.sequence)
            case .unknown: return .nowhere
            case .different(let recorded):
                let reason =
                    "rollout \(header.sequence) came again with checksum \(hexadecimal(header.checksum)), "
                    + "the file has \(hexadecimal(recorded)): the two were not lived alike"
                close(
                    identifier, header.incarnation, because: reason,
                    state: isLivedAgain(identifier.lifetime) ? .diverged : nil, to: sender, now: now, outbox: &outbox)
                return .nowhere
            }
            // A recorder that died between the last rollout and the seal knew that the stream had ended.
            if header.isLast, header.sequence + 1 == stream.nextSequence, stream.writer != nil, !stream.isEnded {
                streams[identifier]?.isEnded = true
                pending.insert(identifier)
            }
            return .known
        }
        guard header.sequence <= stream.agreedSequence else {
            counts["out_of_order_rollouts", default: 0] += 1
            return .behind
        }
        if stream.state == .ended {
            guard header.isLast, header.length == 0, header.sequence == stream.nextSequence else {
                refuse("\(identifier): the stream has ended", sender, outbox: &outbox)
                return .nowhere
            }
            streams[identifier]?.isMarkedAgain = true
            streams[identifier]?.agree(on: header.sequence)
            return .known
        }
        guard header.sequence == stream.nextSequence, let writer = stream.writer else {
            counts["out_of_order_rollouts", default: 0] += 1
            return .behind
        }
        // On a full disk a stream waits with its carrier, not in our memory.
        guard writer.pendingRollouts < StreamWriter.largestFlushRollouts else {
            counts["postponed_rollouts", default: 0] += 1
            return .nowhere
        }
        return .next(writer)
    }

    private func refuse(_ reason: String, _ sender: Address, outbox: inout Outbox) {
        counts["refused_messages", default: 0] += 1
        outbox.send(.failure(reason), to: sender)
    }

    /// The coordinator knows that no carrier will come back. False when the file cannot be opened now.
    private func end(_ identifier: StreamIdentifier, now: UInt64, outbox: inout Outbox) -> Bool {
        if streams[identifier] == nil { loadForEnd(identifier, now: now, outbox: &outbox) }
        guard let stream = streams[identifier] else { return false }
        // Whoever still carries it has been replaced by nobody.
        streams[identifier]?.incarnation = .max
        switch stream.file {
        case .sealed(let rollouts, _, let rows, _):
            report(identifier, rows: rows, rollouts: rollouts, now: now, outbox: &outbox)
        case .quarantined(let reason, _, _): report(identifier, reason: reason, now: now, outbox: &outbox)
        case .growing:
            streams[identifier]?.isEnded = true
            pending.insert(identifier)
        }
        return true
    }

    // MARK: - Answers

    func report(
        _ identifier: StreamIdentifier, rows: UInt64, rollouts: UInt64, now: UInt64, outbox: inout Outbox
    ) {
        reports.send(
            .streamsSealed(
                StreamsSealed(
                    lifetime: identifier.lifetime,
                    streams: [.init(actor: identifier.actor, rows: rows, rollouts: rollouts)])),
            to: .coordinator, now: now, outbox: &outbox)
    }

    func report(_ identifier: StreamIdentifier, reason: String, now: UInt64, outbox: inout Outbox) {
        reports.send(
            .streamQuarantined(
                StreamQuarantined(lifetime: identifier.lifetime, actor: identifier.actor, reason: reason)),
            to: .coordinator, now: now, outbox: &outbox)
    }

    /// Tells each carrier how far its streams are on disk.
    func acknowledge(_ identifiers: [StreamIdentifier], resend: Bool = false, outbox: inout Outbox) {
        struct Group: Hashable {
            let carrier: Address
            let lifetime: LifetimeIdentifier
        }
        var groups: [Group: [RolloutsDurable.Stream]] = [:]
        for identifier in identifiers {
            guard let stream = streams[identifier], stream.carrier != .coordinator else { continue }
            groups[Group(carrier: stream.carrier, lifetime: identifier.lifetime), default: []].append(
                stream.standing(of: identifier))
        }
        for (group, streams) in groups {
            outbox.send(
                .rolloutsDurable(RolloutsDurable(lifetime: group.lifetime, streams: streams, resend: resend)),
                to: group.carrier)
        }
    }

    package func tick(now: UInt64, outbox: inout Outbox) throws {
        if lock == nil, lockDeadline > 0 { try takeLock(now: now) }
        reports.tick(now: now, outbox: &outbox)
        answerOwed(outbox: &outbox)
        obstacleSince = obstacle == nil ? nil : obstacleSince ?? now
    }
}

extension RecordedStream {
    /// What its carrier is told.
    func standing(of identifier: StreamIdentifier) -> RolloutsDurable.Stream {
        RolloutsDurable.Stream(
            actor: identifier.actor, nextSequence: acknowledgedSequence, incarnation: incarnation, state: state)
    }
}
