import Coordination
import Experience
import Wire

/// What is well formed and must be refused, made of the leases that others have.
struct HostileRollouts {
    private static let rowsOfRollout = 20

    private let leases: [ClusterStatus.Lease]

    init(_ leases: [ClusterStatus.Lease]) { self.leases = leases }

    func messages(to role: RoleName) -> [Message] {
        leases.flatMap { lease in lease.parts.flatMap { messages(to: role, lease, $0) } }
    }

    private func messages(
        to role: RoleName, _ lease: ClusterStatus.Lease, _ part: ClusterStatus.Part
    ) -> [Message] {
        let lifetime = LifetimeIdentifier(task: lease.task, repetition: lease.repetition)
        let actors = part.firstActor..<(part.firstActor + max(part.actors, 1))
        let unknown = LifetimeIdentifier(task: lease.task, repetition: lease.repetition + 1)
        switch role {
        case .coordinator:
            return [
                .lifetimeFinished(LifetimeFinished(lifetime: lifetime, attempt: lease.attempt, numbers: ["x": 1])),
                .carryingFinished(
                    CarryingFinished(
                        lifetime: lifetime, firstActor: part.firstActor, incarnation: part.incarnation)),
                .streamsSealed(
                    StreamsSealed(lifetime: lifetime, streams: actors.map { .init(actor: $0, rows: 1, rollouts: 1) })),
                .streamQuarantined(
                    StreamQuarantined(lifetime: lifetime, actor: part.firstActor, reason: "a hostile peer says so")),
                .streamsRefused(
                    StreamsRefused(
                        lifetime: lifetime, firstActor: part.firstActor, incarnation: part.incarnation, above: .max,
                        reason: "a hostile peer says so")),
                .learnerCheckpoint(
                    LearnerCheckpoint(
                        lifetime: lifetime, attempt: lease.attempt, version: .max,
                        state: [UInt8](repeating: 1, count: 1 << 16))),
                .evaluationResult(EvaluationResult(job: 7, returns: [1])),
                .checkpointRequest(CheckpointRequest(checkpoint: "step-1", file: "model.safetensors", offset: 0)),
            ]
        case .recorder, .learner:
            let others = [part.incarnation, part.incarnation &- 1, part.incarnation + (1 << 16)].flatMap {
                incarnation in
                [UInt64(0), 1 << 40].map {
                    rollouts(lifetime, lease.attempt, actors, incarnation: incarnation, sequence: $0)
                }
            }
            let ask: Message =
                role == .recorder
                ? .openStreams(
                    OpenStreams(
                        lifetime: lifetime, actors: actors, incarnation: part.incarnation + 1, firstPolicyVersion: 0))
                : .joinLifetime(
                    JoinLifetime(
                        lifetime: lifetime, attempt: lease.attempt, actors: actors, incarnation: part.incarnation + 1))
            return others + [ask, rollouts(unknown, 1, actors, incarnation: 0, sequence: 0)]
        default: return []
        }
    }

    /// Rollouts of a walk that stands still in a corner of Dark Room.
    private func rollouts(
        _ lifetime: LifetimeIdentifier, _ attempt: UInt64, _ actors: Range<Int>, incarnation: UInt64, sequence: UInt64
    ) -> Message {
        let rows = actors.count * Self.rowsOfRollout
        let layout = RolloutLayout(observation: .multiDiscrete(counts: [9, 9]), action: .discrete(count: 5))
        var content = RolloutBatch(
            lifetime: lifetime,
            headers: actors.map {
                RolloutHeader(
                    actor: $0, incarnation: incarnation, sequence: sequence, policyVersion: 1, firstEpisode: sequence,
                    length: Self.rowsOfRollout, finishedEpisodes: 0, checksum: 0, isLast: false)
            },
            bytes: RolloutBytes(
                Dictionary(
                    uniqueKeysWithValues: RolloutColumn.ofRows.map {
                        ($0, [UInt8](repeating: 0, count: rows * layout.width(of: $0)))
                    })))
        content.seal(layout)
        return .rollouts(Rollouts(attempt: attempt, firstActor: actors.lowerBound, batch: 1, content: content))
    }
}
