import CProtobufC
import CWire
package import Experience

/// Actor process or evaluator to learner and recorder, the same bytes to both: the next rollouts of all its actors of a
/// lifetime. The learner answers with a `RolloutAnswer`, the recorder with `RolloutsDurable` when they are on disk.
///
/// Encoded once: learner and recorder get the same bytes. The recorder does not answer a message at once but each
/// stream when it is flushed, and takes a rollout only if its sequence is the next one.
///
/// A lost message does no harm: the recorder asks for what it lacks, the sender repeats what the learner has not
/// answered.
package struct Rollouts: Sendable, Equatable {
    /// Of the lifetime; a learner ignores rollouts of an earlier one.
    package var attempt: UInt64
    /// First actor of the part that this sender carries.
    package var firstActor: Int
    /// The sender counts its messages from 1, by which a `RolloutAnswer` names what it answers.
    package var batch: UInt64
    /// Every recorded stream of the part is on disk up to this sequence, as far as the sender knows: a learner in
    /// lockstep waits for it before it sends its checkpoint.
    package var durableSequence: UInt64
    /// Decoding does not know the environment: what depends on it is for the content's `checked` to find.
    package var content: RolloutBatch

    /// `durableSequence` stays 0 where nothing waits for it: outside of lockstep.
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

    /// Rows are packed from where they lie in `content`, without a copy.
    func encode(into body: inout Distillery__Rollouts, _ arena: EncodingArena) {
        body.lifetime = arena.make(content.lifetime)
        body.attempt = attempt
        body.first_actor = UInt32(firstActor)
        body.batch = batch
        body.durable_sequence = durableSequence
        encode(content.headers, into: &body, arena)
        for column in RolloutColumn.allCases {
            body[keyPath: Self.field(of: column)] = ProtobufCBinaryData(content.bytes.unsafeBytes(of: column))
        }
    }

    /// The rows stay where they were decoded.
    ///
    /// Throws for lists of different lengths, for more rollouts than `WireProtocol.actorLimit`, and where a column
    /// whose width needs no environment (rewards, terminations, truncations) has not a row for each step.
    init(decoding body: Distillery__Rollouts, in memory: DecodingMemory) throws {
        let headers = try Self.headers(body)
        let rows = headers.reduce(0) { $0 + $1.length }
        for column in RolloutColumn.ofRows {
            guard let width = RolloutLayout.environmentIndependentWidth(of: column) else { continue }
            try Field.equal(rows * width, body[keyPath: Self.field(of: column)].len, "bytes of \(column.name)")
        }
        attempt = body.attempt
        firstActor = Int(body.first_actor)
        batch = body.batch
        durableSequence = body.durable_sequence
        content = RolloutBatch(
            lifetime: try LifetimeIdentifier(decoding: body.lifetime), headers: headers,
            bytes: Self.bytes(of: body, in: memory))
    }

    /// A batch that waits to be learnt from keeps the memory of its message: of one that has much in it besides rows,
    /// such as fields that this protocol does not know, the rows are copied.
    ///
    /// Kept is what takes less than four times the rows' bytes and 64 KiB.
    private static func bytes(of body: Distillery__Rollouts, in memory: DecodingMemory) -> RolloutBytes {
        let bytes = RolloutBytes(keptBy: memory) {
            let data = body[keyPath: field(of: $0)]
            return UnsafeRawBufferPointer(start: data.data, count: data.data == nil ? 0 : data.len)
        }
        return memory.takenBytes > 4 * bytes.byteCount + besidesLimitBytes ? bytes.copied() : bytes
    }

    /// 64 KiB.
    private static let besidesLimitBytes = 64 << 10

    /// Always throws: rollouts are a part of no other message, so there is always an envelope's memory to leave their
    /// rows in.
    init(decoding body: Distillery__Rollouts) throws {
        throw WireError("rollouts outside of an envelope")
    }

    /// Where the bytes of a column stand in the C structure.
    ///
    /// Six columns, six fields; the switch makes a seventh a compiler's error.
    private static func field(
        of column: RolloutColumn
    ) -> WritableKeyPath<Distillery__Rollouts, ProtobufCBinaryData> {
        switch column {
        case .observations: \.observations
        case .actions: \.actions
        case .rewards: \.rewards
        case .terminations: \.terminations
        case .truncations: \.truncations
        case .finalObservations: \.final_observations
        }
    }

    /// One element of each list a rollout.
    ///
    /// Headers travel as parallel lists, which protobuf packs more tightly than a message for each.
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

    /// Checks that all lists have the same length, and that counters are far from their types' ends.
    ///
    /// Lengths of rows are not checked here but against the columns' bytes, by the caller.
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

extension ProtobufCBinaryData {
    /// Packing only reads what it is given.
    ///
    /// The pointer is mutable in C's type alone.
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        self.init(len: bytes.count, data: start.map { UnsafeMutablePointer(mutating: $0) })
    }
}
