import Environments
import Experience
import Experiments
import Foundation
import Histories
import Logging
import Nodes
import Transport
import Wire

/// Takes rollouts into streams, and refuses those that do not belong there.
///
/// Which rollout is taken is decided by `place`: the next of its stream is appended; one that is there already is
/// compared with the file and its sender told how far the stream is; one behind a gap makes the recorder ask for
/// the missing ones. A sender that has not opened the stream gets no answer, and opens it again; one with an old
/// incarnation is told so.
extension RecorderRole {
    /// Tells a sender that its incarnation of a stream is not taken (any more), seldom enough that it can be told.
    func refuse(
        _ identifier: StreamIdentifier, _ stream: RecordedStream, _ incarnation: UInt64, because reason: String,
        state: StreamState? = nil, to sender: Address, now: UInt64, outbox: inout Outbox
    ) {
        counts["fenced_messages", default: 0] += 1
        outbox.noteRefusal()
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

    /// Takes a message of rollouts of one lifetime. Rows and checksums are checked before any of them is appended.
    /// Nothing is on the disk when it returns; `work` sees to that. A message without a rollout of its sender is not
    /// even checked.
    func take(_ rollouts: Rollouts, from sender: Address, now: UInt64, outbox: inout Outbox) {
        guard let context else { return }
        let content = rollouts.content
        guard content.headers.contains(where: { isCarried($0, of: content.lifetime, by: sender) }) else {
            return refuseUnread(content, from: sender, now: now, outbox: &outbox)
        }
        let experiment = context.experiment
        let isEvaluation = content.lifetime.collection != .histories
        let recordedActors = isEvaluation ? context.evaluationSeeds : experiment.recordedActors
        let checked: CheckedRollouts
        do {
            checked = try content.checked(
                against: context.distribution.environment.rolloutLayout,
                actors: isEvaluation ? context.evaluationSeeds : experiment.actorLimit)
        } catch { return refuse("\(error)", sender, outbox: &outbox) }
        let isLivedAgain = isLivedAgain(content.lifetime)
        let wallClock = StreamWriter.wallClock()
        checked.forEach { rollout in
            let header = rollout.header
            guard header.actor < recordedActors else { return }
            let identifier = StreamIdentifier(lifetime: content.lifetime, actor: header.actor)
            // What is lived again is the same to the last bit: the stream goes on without a gap, even inside an
            // episode, and so it keeps its incarnation.
            switch place(of: header, identifier, from: sender, now: now, outbox: &outbox) {
            case .nowhere: return
            case .known: owed[identifier] = owed[identifier] ?? false
            case .behind: owed[identifier] = true
            case .next(let writer):
                do throws(StreamError) {
                    try writer.append(
                        isLivedAgain ? rollout.with(incarnation: 0) : rollout, now: now, wallClock: wallClock)
                } catch {
                    return close(
                        identifier, header.incarnation, because: error.problem, to: sender, now: now, outbox: &outbox)
                }
                counts["transitions", default: 0] += Double(header.length)
                streams[identifier]?.agree(on: header.sequence)
                if writer.pendingRollouts == 1 { pending.await(identifier, since: now) }
                if header.isLast {
                    end(identifier)
                } else if writer.isFull, streams[identifier]?.isFull == false {
                    streams[identifier]?.isFull = true
                    pending.fill(identifier)
                }
            }
        }
    }

    /// Whether the sender opened the rollout's stream with this incarnation, and no other node has opened it since.
    /// Asked before rows and checksums are checked, which costs more.
    private func isCarried(_ header: RolloutHeader, of lifetime: LifetimeIdentifier, by sender: Address) -> Bool {
        guard let stream = streams[StreamIdentifier(lifetime: lifetime, actor: header.actor)] else { return false }
        return stream.isOpened && stream.carrier == sender && header.incarnation == stream.incarnation
    }

    /// Rollouts of streams that are not their sender's: neither their rows nor their checksums are looked at.
    private func refuseUnread(
        _ content: RolloutBatch, from sender: Address, now: UInt64, outbox: inout Outbox
    ) {
        outbox.noteRefusal()
        counts["unopened_rollouts", default: 0] += Double(content.headers.count)
        // One of them says it: streams of a carrier are opened, and taken from it, together.
        for header in content.headers {
            let identifier = StreamIdentifier(lifetime: content.lifetime, actor: header.actor)
            guard let stream = streams[identifier], header.incarnation < stream.incarnation else { continue }
            return refuseOld(identifier, stream, header.incarnation, to: sender, now: now, outbox: &outbox)
        }
    }

    /// The reason is that of the closed incarnation where there was one.
    private func refuseOld(
        _ identifier: StreamIdentifier, _ stream: RecordedStream, _ incarnation: UInt64, to sender: Address,
        now: UInt64, outbox: inout Outbox
    ) {
        let reason = stream.refusal.isEmpty ? "the stream is at incarnation \(stream.incarnation)" : stream.refusal
        refuse(identifier, stream, incarnation, because: reason, to: sender, now: now, outbox: &outbox)
    }

    /// However many rollouts came again or too early, their carrier is answered once. Called on each tick: first those
    /// that only came again, then those with a gap before them.
    func answerOwed(outbox: inout Outbox) {
        guard !owed.isEmpty else { return }
        for resend in [false, true] {
            acknowledge(owed.filter { $0.value == resend }.map(\.key), resend: resend, outbox: &outbox)
        }
        owed.removeAll(keepingCapacity: true)
    }

    /// What is to be done with one rollout.
    private enum Place {
        /// The rollout is of no use: its sender opens the stream again, waits, or was told otherwise.
        case nowhere
        /// The rollout is in the stream already: the sender is told how far its stream is.
        case known
        /// Rollouts before this one were lost.
        case behind
        /// The rollout is the next of its stream; the writer takes it.
        case next(StreamWriter)
    }

    /// Where a rollout belongs in its stream; refuses it, and says so, where it belongs nowhere.
    private func place(
        of header: RolloutHeader, _ identifier: StreamIdentifier, from sender: Address, now: UInt64,
        outbox: inout Outbox
    ) -> Place {
        // Not opened by this incarnation, or this recorder was restarted: the sender is told by silence and opens it
        // again.
        guard let stream = streams[identifier] else { return .nowhere }
        guard header.incarnation >= stream.incarnation else {
            refuseOld(identifier, stream, header.incarnation, to: sender, now: now, outbox: &outbox)
            return .nowhere
        }
        guard header.incarnation == stream.incarnation, stream.isOpened, stream.carrier == sender else {
            counts["unopened_rollouts", default: 0] += 1
            return .nowhere
        }
        if stream.state == .quarantined {
            guard now >= stream.remindAt else { return .nowhere }
            streams[identifier]?.remindAt = now + Self.reminderMilliseconds * nanosecondsPerMillisecond
            return .known
        }
        if header.sequence < stream.nextSequence {
            return placeOfRepeated(header, identifier, stream, from: sender, now: now, outbox: &outbox)
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

    /// Where a rollout belongs that is in its stream already: nowhere, where the two were not lived alike.
    private func placeOfRepeated(
        _ header: RolloutHeader, _ identifier: StreamIdentifier, _ stream: RecordedStream, from sender: Address,
        now: UInt64, outbox: inout Outbox
    ) -> Place {
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
            end(identifier)
        }
        return .known
    }

    private func refuse(_ reason: String, _ sender: Address, outbox: inout Outbox) {
        counts["refused_messages", default: 0] += 1
        outbox.send(.failure(reason), to: sender)
    }

    /// The coordinator knows that no carrier will come back: the stream is sealed with what it has. False when the
    /// file cannot be opened now; the coordinator orders it again.
    func end(_ identifier: StreamIdentifier, now: UInt64, outbox: inout Outbox) -> Bool {
        if streams[identifier] == nil { loadForEnd(identifier, now: now, outbox: &outbox) }
        guard let stream = streams[identifier] else { return false }
        // A carrier that still sends was not replaced by another: with this incarnation it is refused all the same.
        streams[identifier]?.incarnation = .max
        switch stream.file {
        case .sealed(let rollouts, _, let rows, _):
            report(identifier, rows: rows, rollouts: rollouts, now: now, outbox: &outbox)
        case .quarantined(let reason, _, _): report(identifier, reason: reason, now: now, outbox: &outbox)
        case .growing: end(identifier)
        }
        return true
    }

    /// The stream has all its rollouts, and is to be sealed.
    private func end(_ identifier: StreamIdentifier) {
        streams[identifier]?.isEnded = true
        pending.end(identifier)
    }
}
