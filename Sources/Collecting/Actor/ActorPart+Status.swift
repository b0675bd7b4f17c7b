import Experience
import Nodes
import Quantities
import Wire

extension ActorPart {
    /// What the part waits for; nil while it can go on.
    func waiting(now: UInt64) -> Waiting? {
        let actors = "\(NumberText.range(carry.actors)) of \(carry.lifetime)"
        switch phase {
        case .joining: return forLearner("parameters for actors \(actors)", now)
        case .opening: return forRecorder("where the streams of actors \(actors) stand", now)
        case .running:
            if let recorder, recorder.isCongested {
                return forRecorder("\(NumberText.bytes(recorder.unacknowledgedBytes)) of \(actors) unacknowledged", now)
            }
            guard !unanswered.hasRoom(isCrowded: false) else { return nil }
            return forLearner("\(unanswered.count) of \(unanswered.limit) rollouts of actors \(actors) unanswered", now)
        case .draining:
            if let recorder, !recorder.isDone {
                return forRecorder(
                    "the last \(NumberText.bytes(recorder.unacknowledgedBytes)) of \(actors) unacknowledged", now)
            }
            guard needsLearner, !unanswered.isEmpty else { return nil }
            return forLearner("the last \(unanswered.count) rollouts of actors \(actors) unanswered", now)
        }
    }

    /// A wait for the learner, since it last answered or was first to answer something.
    private func forLearner(_ why: String, _ now: UInt64) -> Waiting {
        Waiting(for: carry.learnerEndpoint, why: why, since: waitsForLearnerSince, now: now)
    }

    /// A wait for the recorder, since its last word to this part.
    private func forRecorder(_ why: String, _ now: UInt64) -> Waiting {
        Waiting(for: carry.recorderEndpoint, why: why, since: recorder?.waitsSince ?? now, now: now)
    }

    /// What heartbeats tell of the part, and `status` shows.
    var report: CarriedPart {
        CarriedPart(
            lifetime: carry.lifetime, actors: carry.actors, phase: phase, unansweredRollouts: unanswered.count,
            unansweredLimit: unanswered.limit, unacknowledgedBytes: recorder?.unacknowledgedBytes ?? 0,
            policyVersion: version)
    }
}
