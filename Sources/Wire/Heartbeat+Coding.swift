import CProtobufC
import CWire

extension Heartbeat {
    /// Throws `WireError` for what no node of ours says.
    init(_ message: Distillery__Heartbeat) throws {
        self.init(
            numbers: try Wire.numbers(message.n_numbers, message.numbers),
            waiting: message.waiting.map { Waiting($0.pointee) },
            parts: try list(message.n_parts, message.parts, "parts").map { try CarriedPart($0) },
            learning: try list(message.n_learning, message.learning, "lifetimes").map { try LearningReport($0) },
            work: message.work.map { Work($0.pointee) })
    }

    func fill(_ message: inout Distillery__Heartbeat, _ arena: EncodingArena) {
        message.n_numbers = arena.finite(numbers).count
        message.numbers = arena.numbers(numbers)
        if let waiting { message.waiting = waiting.encoded(arena) }
        message.n_parts = parts.count
        message.parts = arena.array(parts.map { Optional($0.encoded(arena)) })
        message.n_learning = learning.count
        message.learning = arena.array(learning.map { Optional($0.encoded(arena)) })
        if let work { message.work = work.encoded(arena) }
    }
}

private func list<C>(
    _ count: Int, _ pointers: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?, _ what: String
) throws -> [C] {
    guard count <= Heartbeat.listLimit else {
        throw WireError("\(count) \(what) in a heartbeat; at most \(Heartbeat.listLimit) are accepted")
    }
    return try (0..<count).map { try present(pointers?[$0]) }
}

extension Waiting {
    fileprivate init(_ message: Distillery__Waiting) {
        self.init(
            for: beginning(of: message.whom), why: beginning(of: message.why),
            milliseconds: min(message.milliseconds, 1 << 53))
    }

    fileprivate func encoded(_ arena: EncodingArena) -> UnsafeMutablePointer<Distillery__Waiting> {
        arena.make(initial(distillery__waiting__init)) {
            $0.whom = arena.string(whom)
            $0.why = arena.string(why)
            $0.milliseconds = milliseconds
        }
    }
}

extension Work {
    fileprivate init(_ message: Distillery__Work) {
        self.init(
            what: beginning(of: message.what), milliseconds: min(message.milliseconds, 1 << 53),
            stillMilliseconds: min(message.still_milliseconds, 1 << 53), done: min(message.done, 1 << 53),
            total: min(message.total, 1 << 53))
    }

    fileprivate func encoded(_ arena: EncodingArena) -> UnsafeMutablePointer<Distillery__Work> {
        arena.make(initial(distillery__work__init)) {
            $0.what = arena.string(what)
            $0.milliseconds = milliseconds
            $0.still_milliseconds = stillMilliseconds
            $0.done = done
            $0.total = total
        }
    }
}

extension CarriedPart {
    fileprivate init(_ message: Distillery__CarriedPart) throws {
        guard let phase = Phase(rawValue: message.phase.rawValue) else {
            throw WireError("a part's phase of \(message.phase.rawValue)")
        }
        self.init(
            lifetime: try Wire.lifetime(message.lifetime),
            actors: try Wire.actors(message.first_actor, message.actors), phase: phase,
            unansweredRollouts: Int(message.unanswered_rollouts), unansweredLimit: Int(message.unanswered_limit),
            unacknowledgedBytes: Int(try Wire.count(message.unacknowledged_bytes, "number of unacknowledged bytes")),
            policyVersion: try Wire.count(message.policy_version, "policy version"))
    }

    fileprivate func encoded(_ arena: EncodingArena) -> UnsafeMutablePointer<Distillery__CarriedPart> {
        arena.make(initial(distillery__carried_part__init)) {
            $0.lifetime = arena.lifetime(lifetime)
            $0.first_actor = UInt32(actors.lowerBound)
            $0.actors = UInt32(actors.count)
            $0.phase = Distillery__PartPhase(phase.rawValue)
            $0.unanswered_rollouts = UInt32(clamping: unansweredRollouts)
            $0.unanswered_limit = UInt32(clamping: unansweredLimit)
            $0.unacknowledged_bytes = UInt64(clamping: unacknowledgedBytes)
            $0.policy_version = policyVersion
        }
    }
}

extension LearningReport {
    fileprivate init(_ message: Distillery__LearningReport) throws {
        guard message.mean_policy_lag.isFinite, message.maximum_policy_lag.isFinite else {
            throw WireError("a policy lag that is no number")
        }
        guard message.recent_return.isFinite else { throw WireError("a return that is no number") }
        self.init(
            lifetime: try Wire.lifetime(message.lifetime),
            updates: try Wire.count(message.updates, "number of updates"),
            transitions: try Wire.count(message.transitions, "number of transitions"),
            episodes: try Wire.count(message.episodes, "number of episodes"), meanPolicyLag: message.mean_policy_lag,
            maximumPolicyLag: message.maximum_policy_lag, recentReturn: message.recent_return,
            recentEpisodes: try Wire.count(message.recent_episodes, "number of episodes"))
    }

    fileprivate func encoded(_ arena: EncodingArena) -> UnsafeMutablePointer<Distillery__LearningReport> {
        arena.make(initial(distillery__learning_report__init)) {
            $0.lifetime = arena.lifetime(lifetime)
            $0.updates = updates
            $0.transitions = transitions
            $0.episodes = episodes
            $0.mean_policy_lag = meanPolicyLag
            $0.maximum_policy_lag = maximumPolicyLag
            $0.recent_return = recentReturn
            $0.recent_episodes = recentEpisodes
        }
    }
}
