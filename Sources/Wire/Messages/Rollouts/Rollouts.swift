import CProtobufC
import CWire
package import Experience

/// Actor process or evaluator to learner and recorder, the same bytes to both: the next rollouts of all its actors of a
/// lifetime. The learner answers with a `RolloutAnswer`, the recorder with `RolloutsDurable` when they are on disk.
package struct Rollouts: Sendable, Equatable {
    package var attempt: UInt64
    /// First actor of the part that this sender carries.
    package var firstActor: Int
    /// Counted by the sender from 1.
    package var batch: UInt64
    /// Every recorded stream of the part is on disk up to this sequence, as far as the sender knows.
    package var durableSequence: UInt64
    /// Sizes that the environment decides are not checked by decoding, but by its `validate`.
    package var content: RolloutBatch

    package init(
        attempt: UInt64, firstActor: Int, batch: UInt64, durableSequence: UInt64 = 0, content: RolloutBatch
    ) {
        self.attempt = attempt
        self.firstActor = firstActor
        self.batch = batch
        self.durableSequence = durableSequence
        self.content = content
    }
}

extension Rollouts: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Rollouts>?) -> Void { distillery__rollouts__init }
    static var place: EnvelopePlace<Distillery__Rollouts> { .init(DISTILLERY__ENVELOPE__BODY_ROLLOUTS, \.rollouts) }

    func encode(into body: inout Distillery__Rollouts, _ arena: EncodingArena) {
        body.lifetime = arena.make(content.lifetime)
        body.attempt = attempt
        body.first_actor = UInt32(firstActor)
        body.batch = batch
        body.durable_sequence = durableSequence
        encode(content.headers, into: &body, arena)
        body.observations = arena.bytes(content.observations)
        body.actions = arena.bytes(content.actions)
        body.rewards = arena.bytes(content.rewards)
        body.terminations = arena.bytes(content.terminations)
        body.truncations = arena.bytes(content.truncations)
        body.final_observations = arena.bytes(content.finalObservations)
    }

    init(decoding body: Distillery__Rollouts) throws {
        let headers = try Self.headers(body)
        let rows = headers.reduce(0) { $0 + $1.length }
        let rewards = try Field.floats(body.rewards, "rewards")
        try Field.equal(rows, rewards.count, "rewards")
        try Field.equal(rows, body.terminations.len, "terminations")
        try Field.equal(rows, body.truncations.len, "truncations")
        attempt = body.attempt
        firstActor = Int(body.first_actor)
        batch = body.batch
        durableSequence = body.durable_sequence
        content = RolloutBatch(
            lifetime: try LifetimeIdentifier(decoding: body.lifetime), headers: headers,
            observations: Field.bytes(body.observations), actions: Field.bytes(body.actions), rewards: rewards,
            terminations: Field.bytes(body.terminations), truncations: Field.bytes(body.truncations),
            finalObservations: Field.bytes(body.final_observations))
    }

    /// One element of each list a rollout.
    private func encode(_ headers: [RolloutHeader], into body: inout Distillery__Rollouts, _ arena: EncodingArena) {
        (body.n_actor, body.actor) = arena.array(headers.map { UInt32($0.actor) })
        (body.n_incarnation, body.incarnation) = arena.array(headers.map(\.incarnation))
        (body.n_sequence, body.sequence) = arena.array(headers.map(\.sequence))
        (body.n_policy_version, body.policy_version) = arena.array(headers.map(\.policyVersion))
        (body.n_first_episode, body.first_episode) = arena.array(headers.map(\.firstEpisode))
        (body.n_length, body.length) = arena.array(headers.map { UInt32($0.length) })
        (body.n_finished_episodes, body.finished_episodes) = arena.array(
            headers.map { UInt32($0.finishedEpisodes) })
        (body.n_checksum, body.checksum) = arena.array(headers.map(\.checksum))
        (body.n_last, body.last) = arena.array(headers.map { arena.flag($0.isLast) })
    }

    private static func headers(_ body: Distillery__Rollouts) throws -> [RolloutHeader] {
        for (column, size) in [
            ("incarnations", body.n_incarnation), ("sequences", body.n_sequence),
            ("policy versions", body.n_policy_version), ("first episodes", body.n_first_episode),
            ("lengths", body.n_length), ("finished episodes", body.n_finished_episodes),
            ("checksums", body.n_checksum), ("last marks", body.n_last),
        ] { try Field.equal(body.n_actor, size, column) }
        guard body.n_actor <= WireProtocol.actorLimit else {
            throw WireError("\(body.n_actor) rollouts in one message; at most \(WireProtocol.actorLimit)")
        }
        return try (0..<body.n_actor).map { index in
            RolloutHeader(
                actor: Int(body.actor[index]), incarnation: body.incarnation[index],
                sequence: try Field.count(body.sequence[index], "sequence"),
                policyVersion: try Field.count(body.policy_version[index], "policy version"),
                firstEpisode: try Field.count(body.first_episode[index], "first episode"),
                length: Int(body.length[index]), finishedEpisodes: Int(body.finished_episodes[index]),
                checksum: body.checksum[index], isLast: body.last[index] != 0)
        }
    }
}
