import Environments
import Experience
import TestSupport
import Testing
import Wire

@Suite("Envelopes")
struct EnvelopeTests {
    static let lifetime = LifetimeIdentifier(task: 42, repetition: 3)
    static let evaluation = LifetimeIdentifier(collection: .evaluation("step-7"), task: 5, repetition: 0)

    static var examples: [Message] {
        [
            .hello(
                Hello(role: .actor, name: "actor-1", host: "h", process: 7, endpoint: "tcp://127.0.0.1:5", capacity: 9)),
            .welcome(
                Welcome(
                    run: "r", experiment: "name: ü\n", heartbeatIntervalMilliseconds: 1000,
                    silenceLimitMilliseconds: 5000, folder: "/tmp/r")),
            .heartbeat(Heartbeat()), .heartbeat(heartbeat), .acknowledgement,
            .failure("no"), .rejoin, .endProcess(4711), .processEnded(815),
            .learnerCheckpoint(
                LearnerCheckpoint(lifetime: lifetime, attempt: 2, version: 77, state: [4, 5], offset: 9, size: 11)),
            .allowedKeys(
                AllowedKeys(generation: 7, keys: [Array(0..<32), [UInt8](repeating: 255, count: 32)])),
            .learnLifetime(LearnLifetime(lifetime: lifetime, attempt: 2, actors: 100, stateBytes: 3 << 40)),
            .lifetimeFinished(LifetimeFinished(lifetime: lifetime, attempt: 1, numbers: ["final_return": 16])),
            .carryActors(
                CarryActors(
                    lifetime: lifetime, actors: 5..<9, incarnation: 4, attempt: 1, learnerEndpoint: "l",
                    recorderEndpoint: "r", recordedActors: 7, retireFrom: 8)),
            .carryingFinished(CarryingFinished(lifetime: lifetime, firstActor: 5, incarnation: 4)),
            .releaseLifetime(ReleaseLifetime(lifetime: lifetime, attempt: 1)),
            .joinLifetime(JoinLifetime(lifetime: lifetime, attempt: 1, actors: 5..<9, incarnation: 4)),
            .rolloutAnswer(
                RolloutAnswer(
                    lifetime: lifetime, attempt: 1, firstActor: 5, batch: 3, version: 8, parameters: [1, -2.5],
                    episodeLimit: 500, places: [.init(nextSequence: 3, nextEpisode: 2)])),
            .rollouts(example),
            .openStreams(
                OpenStreams(
                    lifetime: evaluation, actors: 0..<4, incarnation: 1, firstPolicyVersion: 0,
                    source: #"{"evaluation":"e"}"#)),
            .openStreams(
                OpenStreams(
                    lifetime: lifetime, actors: 3..<5, incarnation: 1, firstPolicyVersion: 2,
                    durableSequences: [7, 0], firstSequences: [3, 0])),
            .streamsOpened(
                StreamsOpened(
                    lifetime: lifetime, firstActor: 2, incarnation: 1,
                    streams: [
                        .init(nextSequence: 3, nextEpisode: 3), .init(nextSequence: 4, nextEpisode: 5, state: .ended),
                    ])),
            .rolloutsDurable(
                RolloutsDurable(
                    lifetime: lifetime,
                    streams: [
                        .init(actor: 1, nextSequence: 9, incarnation: 2),
                        .init(actor: 2, nextSequence: 0, incarnation: 2, state: .quarantined),
                    ], resend: true)),
            .rolloutsDurable(
                RolloutsDurable(
                    lifetime: lifetime, streams: [.init(actor: 1, nextSequence: 9, incarnation: 2, state: .diverged)],
                    resend: false, refusal: "why")),
            .streamsRefused(
                StreamsRefused(
                    lifetime: lifetime, firstActor: 5, incarnation: 1, above: 1 << 40, reason: "why", cause: .divergence
                )),
            .discardStreams(DiscardStreams(lifetime: lifetime, incarnation: 7, reason: "why")),
            .recorderFolder(RecorderFolder(identity: "0123abcd", path: "/disk/run")),
            .streamQuarantined(StreamQuarantined(lifetime: evaluation, actor: 1, reason: "why")),
            .streamsSealed(
                StreamsSealed(lifetime: lifetime, streams: [.init(actor: 1, rows: 100, rollouts: 5)])),
            .sealStreams(SealStreams(lifetime: lifetime, actors: [1, 2])), .distil(Distil(resumeFrom: "step-1")),
            .metrics(Metrics(step: 5, numbers: ["loss": 0.5])),
            .checkpointPiece(
                CheckpointPiece(
                    checkpoint: "step-1", file: "config.json", offset: 0, size: 2,
                    checksum: [123, 125].withUnsafeBytes { CRC32C.of(UnsafeRawBufferPointer(rebasing: $0[0..<0])) },
                    content: [], last: true)),
            .checkpointRequest(CheckpointRequest(checkpoint: "step-1", file: "model.safetensors", offset: 77)),
            .distillationFinished(DistillationFinished(checkpoint: "step-1", numbers: ["loss": 1])),
            .evaluationJob(
                EvaluationJob(
                    job: 1, evaluation: "e", checkpoint: "step-1", task: 3, seeds: 4, episodes: 200,
                    policy: .inContext(temperature: 1, clearContext: true), recorderEndpoint: "r", incarnation: 0)),
            .evaluationResult(EvaluationResult(job: 1, returns: [1, 2, 3])), .statusRequest,
            .statusAnswer(json: "{}"), .scale(actors: 200), .drain(node: "actor-1"), .stop,
            .deployment(
                Deployment(processes: [.actor: 4, .learner: 2], finished: true, stopped: true, failure: "why")),
        ]
    }

    static let heartbeat = Heartbeat(
        numbers: ["a": 1.5, "b": -2],
        waiting: Waiting(for: "tcp://127.0.0.1:5", why: "64 MiB of 64 MiB unacknowledged", milliseconds: 1234),
        parts: CarriedPart.Phase.allCases.map {
            CarriedPart(
                lifetime: lifetime, actors: 5..<9, phase: $0, unansweredRollouts: 1, unansweredLimit: 2,
                unacknowledgedBytes: 4096, policyVersion: 77)
        },
        learning: [
            LearningReport(
                lifetime: lifetime, updates: 77, transitions: 8000, episodes: 400, meanPolicyLag: 0.5,
                maximumPolicyLag: 3, recentReturn: 0.25, recentEpisodes: 1000)
        ], work: Work(what: "loads streams", milliseconds: 61_000, stillMilliseconds: 50, done: 512, total: 10_000))

    /// Two rollouts of a room of 9 x 9, three and one rows.
    static var example: Rollouts {
        var batch = RolloutBatch(
            lifetime: lifetime,
            headers: [
                RolloutHeader(
                    actor: 5, incarnation: 1, sequence: 7, policyVersion: 3, firstEpisode: 7, length: 3,
                    finishedEpisodes: 1, checksum: 0, isLast: false),
                RolloutHeader(
                    actor: 6, incarnation: 1, sequence: 7, policyVersion: 3, firstEpisode: 7, length: 1,
                    finishedEpisodes: 0, checksum: 0, isLast: true),
            ],
            observations: [4, 4, 4, 5, 4, 6, 0, 8], actions: [0, 3, 4, 1], rewards: [0, 1, 0, 0.5],
            terminations: [0, 0, 0, 0], truncations: [0, 0, 1, 0], finalObservations: [4, 7])
        batch.seal(RolloutLayout(observationBytes: 2, actionBytes: 1))
        return Rollouts(attempt: 1, firstActor: 5, batch: 9, content: batch)
    }

    static let room = EnvironmentDescription(
        name: "dark-room", observationSpace: .multiDiscrete(counts: [9, 9]), actionSpace: .discrete(count: 5),
        horizon: 20, json: "{}")

    @Test("every message comes out as it went in")
    func roundTrip() throws {
        for message in Self.examples {
            let decoded = try Envelope(decoding: Envelope(message, request: 77).encoded())
            #expect(decoded.request == 77)
            #expect(decoded.encoded() == Envelope(message, request: 77).encoded(), "\(message)")
            #expect("\(decoded.message)".prefix(12) == "\(message)".prefix(12))
        }
    }

    @Test("a heartbeat comes out as it went in, and one with more parts than a node tells of is refused")
    func heartbeats() throws {
        let decoded = try Envelope(decoding: Envelope(.heartbeat(Self.heartbeat)).encoded())
        guard case .heartbeat(let heartbeat) = decoded.message else { throw WireError("\(decoded)") }
        #expect(heartbeat == Self.heartbeat)
        var long = Self.heartbeat
        long.parts = Array(repeating: long.parts[0], count: Heartbeat.listLimit + 1)
        #expect(throws: WireError.self) { try Envelope(decoding: Envelope(.heartbeat(long)).encoded()) }
    }

    @Test("rollouts outlive the bytes that they came in, with fields of a later protocol beside them or without")
    func outliving() throws {
        func decoded(_ bytes: [UInt8]) throws -> Rollouts? {
            guard case .rollouts(let rollouts) = try Envelope(decoding: bytes).message else { return nil }
            return rollouts
        }
        let bytes = Envelope(.rollouts(Self.example)).encoded()
        #expect(try decoded(bytes) == Self.example)
        // Field 16 of the envelope, 100,000 bytes long.
        let unknown: [UInt8] = [0x82, 0x01, 0xA0, 0x8D, 0x06] + [UInt8](repeating: 7, count: 100_000)
        #expect(try decoded(bytes + unknown) == Self.example)
        _ = try decoded(bytes + unknown)?.content.checked(against: Self.room.rolloutLayout, actors: 10)
    }

    @Test("no mutated, cut or random message crashes the decoder")
    func mutations() {
        let seed = testSeed()
        var random = PhiloxSequence(Philox(key0: UInt32(truncatingIfNeeded: seed), key1: 1), purpose: .other)
        let originals = Self.examples.map { Envelope($0, request: 1).encoded() }
        var refused = 0
        for round in 0..<60_000 {
            var bytes = originals[round % originals.count]
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
            case 1:
                bytes = (0..<Int.random(in: 0..<200, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            default:
                for _ in 0..<Int.random(in: 1..<5, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
            }
            do {
                let envelope = try Envelope(decoding: bytes)
                if case .rollouts(let rollouts) = envelope.message {
                    _ = try rollouts.content.checked(against: Self.room.rolloutLayout, actors: 10)
                }
            } catch { refused += 1 }
        }
        #expect(refused > 20_000, "seed \(seed)")
    }

    @Test("a message of another protocol version is refused by number")
    func version() {
        var bytes = Envelope(.stop).encoded()
        bytes[1] = 9
        #expect(throws: WireError.self) { try Envelope(decoding: bytes) }
    }

    @Test("a prompt comes as it went, and one that is too long or has a reward that is none is refused")
    func prompts() throws {
        func job(_ prompt: PromptRows?) -> [UInt8] {
            Envelope(
                .evaluationJob(
                    EvaluationJob(
                        job: 1, evaluation: "e", checkpoint: "step-1", task: 3, seeds: 1, episodes: 1,
                        policy: .named("distilled", settings: "{}"), prompt: prompt, recorderEndpoint: "r",
                        incarnation: 0))
            ).encoded()
        }
        for prompt in [nil, PromptRows(observations: [1, 2], actions: [0], rewards: [0.25])] {
            guard case .evaluationJob(let found) = try Envelope(decoding: job(prompt)).message else {
                Issue.record("no job")
                return
            }
            #expect(found.prompt == prompt)
        }
        for refused in [
            PromptRows(observations: [1], actions: [1], rewards: [.nan]),
            PromptRows(observations: [], actions: [], rewards: Array(repeating: 0, count: PromptRows.mostRows + 1)),
            PromptRows(observations: Array(repeating: 0, count: PromptRows.mostBytes), actions: [1], rewards: [0]),
        ] {
            #expect(throws: WireError.self) { try Envelope(decoding: job(refused)) }
        }
    }

    @Test("a state that this protocol does not have is refused, and lists that do not match")
    func states() throws {
        let stream = StreamsOpened.Stream(nextSequence: 1, nextEpisode: 1, state: .quarantined)
        var bytes = Envelope(
            .streamsOpened(StreamsOpened(lifetime: Self.lifetime, firstActor: 0, incarnation: 0, streams: [stream]))
        ).encoded()
        #expect(bytes.last == 2)
        bytes[bytes.count - 1] = 4
        #expect(throws: WireError.self) { try Envelope(decoding: bytes) }
        let open = OpenStreams(
            lifetime: Self.lifetime, actors: 0..<2, incarnation: 0, firstPolicyVersion: 0, durableSequences: [1])
        #expect(throws: WireError.self) { try Envelope(decoding: Envelope(.openStreams(open)).encoded()) }
        let beyond = StreamsOpened(
            lifetime: Self.lifetime, firstActor: 65_535, incarnation: 0, streams: [stream, stream])
        #expect(throws: WireError.self) { try Envelope(decoding: Envelope(.streamsOpened(beyond)).encoded()) }
    }

    @Test(
        "a name that could leave the run's folder is refused",
        arguments: ["../x", "a/b/c", "a/", "/a", "a/..", "a//b", "", ".hidden", "ed/.hidden", "ü"])
    func names(name: String) {
        let bytes = Envelope(.checkpointRequest(CheckpointRequest(checkpoint: name, file: "f", offset: 0))).encoded()
        #expect(throws: WireError.self) { try Envelope(decoding: bytes) }
        let file = Envelope(.checkpointRequest(CheckpointRequest(checkpoint: "ed/step-1", file: "a/b", offset: 0)))
        #expect(throws: WireError.self) { try Envelope(decoding: file.encoded()) }
    }
}
