import CWire

/// Everything that travels, one case a body of the envelope in `proto/distillery.proto`.
///
/// Each kind has a file of its own under `Messages/`: the value, who says it to whom, and how it is written and read. A
/// new kind is such a file, its message in the .proto (`scripts/generate-wire` remakes the C), and here its case, its
/// line in `kinds` and its line in `body`.
///
/// Which roles say and hear each case stands at its value. Cases without a value of their own have one in `Messages/`
/// all the same, which does not leave this module.
package enum Message: Sendable {
    // Membership: which nodes are there, which keys may connect, and the answers to anything.
    case hello(Hello)
    case welcome(Welcome)
    case rejoin
    case allowedKeys(AllowedKeys)
    case heartbeat(Heartbeat)
    /// The message with the envelope's number was taken, now or before.
    case acknowledgement
    /// The message with the envelope's number was refused; the reason is for people.
    case failure(String)

    // Status and control: what people and supervisors ask of the coordinator, and what it asks of supervisors.
    case statusRequest
    /// One JSON document.
    case statusAnswer(json: String)
    case metrics(Metrics)
    case scale(actors: Int)
    /// The name of the node that is to leave, or that leaves.
    case drain(node: String, reason: String = "")
    case stop
    case deployment(Deployment)
    /// The supervisor is to end a process of its host that is silent; its number on that host.
    case endProcess(Int)
    /// A process of the supervisor's host has ended; its number on that host.
    case processEnded(Int)

    // Lifetimes: leases to learners and actor processes, and how they end.
    case learnLifetime(LearnLifetime)
    case lifetimeFinished(LifetimeFinished)
    case releaseLifetime(ReleaseLifetime)
    case learnerCheckpoint(LearnerCheckpoint)
    case carryActors(CarryActors)
    case carryingFinished(CarryingFinished)
    case joinLifetime(JoinLifetime)

    // Rollouts and streams: experience on its way to learner and recorder, and what the recorder says of it.
    case rollouts(Rollouts)
    case rolloutAnswer(RolloutAnswer)
    case openStreams(OpenStreams)
    case streamsOpened(StreamsOpened)
    case rolloutsDurable(RolloutsDurable)
    case streamsSealed(StreamsSealed)
    case sealStreams(SealStreams)
    case streamQuarantined(StreamQuarantined)
    case streamsRefused(StreamsRefused)
    case discardStreams(DiscardStreams)
    case recorderFolder(RecorderFolder)

    // Distillation and evaluation.
    /// A checkpoint's name to go on from, empty to begin.
    case distil(Distil)
    case checkpointPiece(CheckpointPiece)
    case checkpointRequest(CheckpointRequest)
    case distillationFinished(DistillationFinished)
    case evaluationJob(EvaluationJob)
    case evaluationResult(EvaluationResult)
}

extension Message {
    /// How each kind is read from an envelope.
    ///
    /// The order does not matter; a kind that is missing here is refused when it arrives, although it can be sent.
    static let kinds = MessageKinds([
        MessageKind(Hello.self) { .hello($0) },
        MessageKind(Welcome.self) { .welcome($0) },
        MessageKind(Rejoin.self) { _ in .rejoin },
        MessageKind(AllowedKeys.self) { .allowedKeys($0) },
        MessageKind(Heartbeat.self) { .heartbeat($0) },
        MessageKind(Acknowledgement.self) { _ in .acknowledgement },
        MessageKind(Failure.self) { .failure($0.reason) },

        MessageKind(StatusRequest.self) { _ in .statusRequest },
        MessageKind(StatusAnswer.self) { .statusAnswer(json: $0.json) },
        MessageKind(Metrics.self) { .metrics($0) },
        MessageKind(Scale.self) { .scale(actors: $0.actors) },
        MessageKind(Drain.self) { .drain(node: $0.node, reason: $0.reason) },
        MessageKind(Stop.self) { _ in .stop },
        MessageKind(Deployment.self) { .deployment($0) },
        MessageKind(EndProcess.self) { .endProcess($0.process) },
        MessageKind(ProcessEnded.self) { .processEnded($0.process) },

        MessageKind(LearnLifetime.self) { .learnLifetime($0) },
        MessageKind(LifetimeFinished.self) { .lifetimeFinished($0) },
        MessageKind(ReleaseLifetime.self) { .releaseLifetime($0) },
        MessageKind(LearnerCheckpoint.self) { .learnerCheckpoint($0) },
        MessageKind(CarryActors.self) { .carryActors($0) },
        MessageKind(CarryingFinished.self) { .carryingFinished($0) },
        MessageKind(JoinLifetime.self) { .joinLifetime($0) },

        MessageKind(Rollouts.self) { .rollouts($0) },
        MessageKind(RolloutAnswer.self) { .rolloutAnswer($0) },
        MessageKind(OpenStreams.self) { .openStreams($0) },
        MessageKind(StreamsOpened.self) { .streamsOpened($0) },
        MessageKind(RolloutsDurable.self) { .rolloutsDurable($0) },
        MessageKind(StreamsSealed.self) { .streamsSealed($0) },
        MessageKind(SealStreams.self) { .sealStreams($0) },
        MessageKind(StreamQuarantined.self) { .streamQuarantined($0) },
        MessageKind(StreamsRefused.self) { .streamsRefused($0) },
        MessageKind(DiscardStreams.self) { .discardStreams($0) },
        MessageKind(RecorderFolder.self) { .recorderFolder($0) },

        MessageKind(Distil.self) { .distil($0) },
        MessageKind(CheckpointPiece.self) { .checkpointPiece($0) },
        MessageKind(CheckpointRequest.self) { .checkpointRequest($0) },
        MessageKind(DistillationFinished.self) { .distillationFinished($0) },
        MessageKind(EvaluationJob.self) { .evaluationJob($0) },
        MessageKind(EvaluationResult.self) { .evaluationResult($0) },
    ])

    /// What is written into an envelope.
    ///
    /// The value whose `encode` fills the envelope's body: one line a case, in the order of the cases.
    var body: any WireMessage {
        switch self {
        case .hello(let hello): hello
        case .welcome(let welcome): welcome
        case .rejoin: Rejoin()
        case .allowedKeys(let keys): keys
        case .heartbeat(let heartbeat): heartbeat
        case .acknowledgement: Acknowledgement()
        case .failure(let reason): Failure(reason: reason)

        case .statusRequest: StatusRequest()
        case .statusAnswer(let json): StatusAnswer(json: json)
        case .metrics(let metrics): metrics
        case .scale(let actors): Scale(actors: actors)
        case .drain(let node, let reason): Drain(node: node, reason: reason)
        case .stop: Stop()
        case .deployment(let deployment): deployment
        case .endProcess(let process): EndProcess(process: process)
        case .processEnded(let process): ProcessEnded(process: process)

        case .learnLifetime(let learn): learn
        case .lifetimeFinished(let finished): finished
        case .releaseLifetime(let release): release
        case .learnerCheckpoint(let checkpoint): checkpoint
        case .carryActors(let carry): carry
        case .carryingFinished(let finished): finished
        case .joinLifetime(let join): join

        case .rollouts(let rollouts): rollouts
        case .rolloutAnswer(let answer): answer
        case .openStreams(let open): open
        case .streamsOpened(let opened): opened
        case .rolloutsDurable(let durable): durable
        case .streamsSealed(let sealed): sealed
        case .sealStreams(let seal): seal
        case .streamQuarantined(let quarantined): quarantined
        case .streamsRefused(let refused): refused
        case .discardStreams(let discard): discard
        case .recorderFolder(let folder): folder

        case .distil(let distil): distil
        case .checkpointPiece(let piece): piece
        case .checkpointRequest(let request): request
        case .distillationFinished(let finished): finished
        case .evaluationJob(let job): job
        case .evaluationResult(let result): result
        }
    }
}
