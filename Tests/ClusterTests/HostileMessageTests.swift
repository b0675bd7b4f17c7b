import Coordination
import Experience
import Foundation
import Histories
import Simulation
import TestSupport
import Testing
import Wire

@Suite("Messages that no honest node sends") struct HostileMessageTests {
    /// One of each kind that names things which do not exist, or numbers that cannot be.
    private var garbage: [Message] {
        let strange = [
            LifetimeIdentifier(task: 4_000_000_000, repetition: 0),
            LifetimeIdentifier(task: 0, repetition: 4_000_000_000),
            LifetimeIdentifier(collection: .evaluation("nobody"), task: 77, repetition: 0),
            LifetimeIdentifier(task: 1, repetition: 0),
        ]
        var messages: [Message] = []
        for lifetime in strange {
            messages += [
                .lifetimeFinished(LifetimeFinished(lifetime: lifetime, attempt: .max, numbers: ["x": .nan])),
                .carryingFinished(CarryingFinished(lifetime: lifetime, firstActor: 4_000_000_000, incarnation: .max)),
                .releaseLifetime(ReleaseLifetime(lifetime: lifetime, attempt: .max)),
                .joinLifetime(
                    JoinLifetime(lifetime: lifetime, attempt: .max, actors: 60_000..<65_536, incarnation: .max)),
                .joinLifetime(JoinLifetime(lifetime: lifetime, attempt: 1, actors: 60_000..<65_536, incarnation: .max)),
                .rolloutAnswer(
                    RolloutAnswer(
                        lifetime: lifetime, attempt: 1, firstActor: 0, batch: .max, version: .max,
                        parameters: [.nan], episodeLimit: 0)),
                .openStreams(
                    OpenStreams(lifetime: lifetime, actors: 0..<65_536, incarnation: 0, firstPolicyVersion: .max)),
                .openStreams(OpenStreams(lifetime: lifetime, actors: 7..<7, incarnation: 0, firstPolicyVersion: 0)),
                .streamsOpened(
                    StreamsOpened(
                        lifetime: lifetime, firstActor: 0, incarnation: 0,
                        streams: [.init(nextSequence: 1 << 61, nextEpisode: 1 << 61, state: .quarantined)])),
                .streamQuarantined(StreamQuarantined(lifetime: lifetime, actor: 4_000_000_000, reason: "none")),
                .rolloutsDurable(
                    RolloutsDurable(
                        lifetime: lifetime, streams: [.init(actor: 9999, nextSequence: .max, incarnation: 0)],
                        resend: true)),
                .streamsSealed(
                    StreamsSealed(lifetime: lifetime, streams: [.init(actor: 9999, rows: .max, rollouts: .max)])),
                .sealStreams(SealStreams(lifetime: lifetime, actors: [4_000_000_000])),
            ]
            for reward in [Float.nan, 1] {
                for (actor, action, sequence) in [
                    (0, UInt8(250), 0), (4_000_000_000, 0, 0), (0, 0, (1 << 61)), (0, 0, 0),
                ] {
                    messages.append(.rollouts(rollouts(lifetime, actor, action, UInt64(sequence), reward)))
                }
            }
        }
        return messages + [
            .metrics(Metrics(step: .max, numbers: ["loss": .infinity])),
            .checkpointPiece(
                CheckpointPiece(
                    checkpoint: "step-9", file: "x", offset: 1 << 40, size: 1 << 41, checksum: 0, content: [],
                    last: true)),
            .checkpointRequest(CheckpointRequest(checkpoint: "none", file: "none", offset: .max)),
            .distillationFinished(DistillationFinished(checkpoint: "none", numbers: [:])),
            .evaluationResult(EvaluationResult(job: .max, returns: [1])),
            .scale(actors: 4_000_000_000), .drain(node: "nobody"), .statusRequest, .acknowledgement,
            .failure("because"),
            .learnLifetime(LearnLifetime(lifetime: strange[0], attempt: 1, actors: 9, stateBytes: 1)),
            .hello(Hello(role: .actor, name: "another", host: "", process: 0, endpoint: "", capacity: 4_000_000_000)),
        ]
    }

    private func rollouts(
        _ lifetime: LifetimeIdentifier, _ actor: Int, _ action: UInt8, _ sequence: UInt64, _ reward: Float
    ) -> Rollouts {
        var content = RolloutBatch(
            lifetime: lifetime,
            headers: [
                RolloutHeader(
                    actor: actor, incarnation: 0, sequence: sequence, policyVersion: (1 << 62) - 1,
                    firstEpisode: (1 << 62) - 1, length: 2, finishedEpisodes: 0, checksum: 0, isLast: false)
            ], observations: [1, 1, 9, 1], actions: [action, 0], rewards: [reward, 0], terminations: [0, 0],
            truncations: [0, 3], finalObservations: [])
        content.seal(RolloutLayout(observationBytes: 2, actionBytes: 1))
        return Rollouts(attempt: 1, firstActor: 0, batch: 1, content: content)
    }

    @Test("no role falls over garbage, and the run ends as if nothing had been said", arguments: [true, false])
    func garbageForAll(lockstep: Bool) throws {
        let seed = testSeed()
        let cluster = try SimulatedCluster(yaml: smallExperiment(lockstep: lockstep, episodes: 60), seed: seed)
        try cluster.run(milliseconds: patienceMilliseconds) { !$0.acknowledged.isEmpty }
        for receiver in cluster.nodes.keys.sorted() + [SimulatedCluster.coordinatorName] {
            for message in garbage { cluster.inject(message, from: "stranger", to: receiver) }
        }
        try cluster.run(milliseconds: patienceMilliseconds)
        try cluster.checkEnd(seed)
        #expect(cluster.coordinator.failure.isEmpty)
    }

    @Test("who sends nonsense is told so") func replies() throws {
        let lone = try LoneCoordinator(smallExperiment(lockstep: false))
        func reply(_ message: Message) throws -> String? {
            for (_, envelope) in try lone.say(message, from: "stranger") {
                if case .failure(let reason) = envelope.message { return reason }
            }
            return nil
        }
        #expect(try reply(.metrics(Metrics(step: 1, numbers: [:])))?.contains("hello") == true)
        #expect(try reply(.drain(node: "nobody"))?.contains("no node nobody") == true)
        #expect(try reply(.scale(actors: 4_000_000_000)) != nil)
        let foreign = Hello(role: .actor, name: "another", host: "", process: 0, endpoint: "", capacity: 0)
        #expect(try reply(.hello(foreign))?.contains("another") == true)
        try lone.join(.actor, "stranger")
        let piece = CheckpointPiece(
            checkpoint: "step-9", file: "x", offset: 0, size: 0, checksum: 0, content: [], last: true)
        #expect(try reply(.checkpointPiece(piece))?.contains("distiller") == true)
    }
}
