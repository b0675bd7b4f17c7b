import Experience
import Logging
import Nodes
import Wire

/// The states that learners leave behind, so that another learner can go on: taken in pieces, given out in pieces,
/// deleted when the end of their lifetime is written down.
extension Coordinator {
    /// Takes a piece of a learner's state. It is acknowledged once it is taken; the last one once all are on the
    /// disk, for which no turn waits. Where it cannot be written, the learner is told so, and sends a newer state
    /// when the next one is due.
    func take(
        _ checkpoint: LearnerCheckpoint, from name: String, _ request: UInt64, now: UInt64, outbox: inout Outbox
    ) {
        let sender = Address.peer(name)
        guard let lifetime = lifetimes[checkpoint.lifetime], lifetime.learner == name,
            lifetime.attempt == checkpoint.attempt
        else {
            let reason = "attempt \(checkpoint.attempt) at \(checkpoint.lifetime) is not leased to \(name)"
            return outbox.send(.failure(reason), to: sender, request: request)
        }
        do {
            if try learnerCheckpoints.write(checkpoint) == .underWay {
                learnerStates.begin(checkpoint.lifetime, learner: name, request: request)
            } else {
                outbox.send(.acknowledgement, to: sender, request: request)
            }
        } catch { refuse(checkpoint.lifetime, because: error, name, request, now: now, outbox: &outbox) }
        answerStoredStates(now: now, outbox: &outbox)
    }

    /// Tells the learner that its state could not be kept, and counts it for `status`. It goes on learning; the state
    /// before this one stays.
    private func refuse(
        _ lifetime: LifetimeIdentifier, because error: any Error, _ name: String, _ request: UInt64, now: UInt64,
        outbox: inout Outbox
    ) {
        noteUnwritten("the learner's state of \(lifetime)", "\(error)", now: now)
        outbox.send(.failure("\(error)"), to: .peer(name), request: request)
    }

    /// Tells the learners of states that have arrived on the disk, or will not.
    func answerStoredStates(now: UInt64, outbox: inout Outbox) {
        for end in learnerCheckpoints.takeEnded() {
            // The lifetime may have waited for it to be leased again.
            hasChanged = true
            guard let sender = learnerStates.arrived(end.lifetime) else { continue }
            if let problem = end.problem {
                refuse(
                    end.lifetime, because: problem, sender.learner, sender.request, now: now, outbox: &outbox)
            } else {
                outbox.send(.acknowledgement, to: .peer(sender.learner), request: sender.request)
            }
        }
    }

    /// Answers a learner that asks for a piece of the state that its lifetime goes on from.
    func answerState(_ request: CheckpointRequest, to name: String, _ number: UInt64, outbox: inout Outbox) {
        let sender = Address.peer(name)
        let isNeeded = lifetimes.held(by: name).contains {
            lifetimes[$0]?.learner == name && LearnerStateFile.name(of: $0) == request.checkpoint
        }
        guard isNeeded else {
            return refuse(
                "no lifetime of yours goes on from the state \(request.checkpoint)", to: sender, number,
                outbox: &outbox)
        }
        do {
            if let piece = try learnerCheckpoints.read(request) {
                return outbox.send(.checkpointPiece(piece), to: sender, request: number)
            }
            outbox.send(.failure("there is no learner's state \(request.checkpoint)"), to: sender, request: number)
        } catch {
            outbox.send(
                .failure("the learner's state \(request.checkpoint) cannot be read: \(error)"), to: sender,
                request: number)
        }
    }

    /// States of lifetimes whose end is written down are of no use any more.
    func removeObsoleteStates() {
        for lifetime in learnerStates.takeObsolete() {
            do { try learnerCheckpoints.remove(lifetime) } catch {
                logger.warning("a learner's state stays", metadata: ["reason": "\(error)"])
            }
        }
    }
}
