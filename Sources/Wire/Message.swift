/// Everything that travels, one case a message of `proto/distillery.proto`.
package enum Message: Sendable {
    case hello(Hello)
    case welcome(Welcome)
    case heartbeat(Heartbeat)
    case acknowledgement
    case failure(String)
    case rejoin
    case allowedKeys(AllowedKeys)
    case learnLifetime(LearnLifetime)
    case lifetimeFinished(LifetimeFinished)
    case carryActors(CarryActors)
    case carryingFinished(CarryingFinished)
    case releaseLifetime(ReleaseLifetime)
    case learnerCheckpoint(LearnerCheckpoint)
    case streamsRefused(StreamsRefused)
    case joinLifetime(JoinLifetime)
    case rolloutAnswer(RolloutAnswer)
    case rollouts(Rollouts)
    case openStreams(OpenStreams)
    case streamsOpened(StreamsOpened)
    case rolloutsDurable(RolloutsDurable)
    case streamsSealed(StreamsSealed)
    case sealStreams(SealStreams)
    case streamQuarantined(StreamQuarantined)
    case discardStreams(DiscardStreams)
    case distil(resumeFrom: String)
    case metrics(Metrics)
    case checkpointPiece(CheckpointPiece)
    case checkpointRequest(CheckpointRequest)
    case distillationFinished(DistillationFinished)
    case evaluationJob(EvaluationJob)
    case evaluationResult(EvaluationResult)
    case statusRequest
    case statusAnswer(json: String)
    case scale(actors: Int)
    case drain(node: String)
    case stop
    case deployment(Deployment)
    /// A process of the supervisor's host that is silent is to be ended.
    case endProcess(Int)
    /// A process of the supervisor's host has ended.
    case processEnded(Int)
}

/// A message with the number of the request that it is, or answers; 0 where none is expected.
package struct Envelope: Sendable {
    package var request: UInt64
    package var message: Message

    package init(_ message: Message, request: UInt64 = 0) {
        self.message = message
        self.request = request
    }
}

/// Bytes that are not a message of this protocol: what was expected and what came.
package struct WireError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// The limits and the version that both ends of a connection share.
package enum WireProtocol {
    package static let version: UInt32 = 1
    /// A longer message is refused before it is decoded.
    package static let messageLimitBytes = 64 << 20
    /// Payload of one piece of a checkpoint.
    package static let checkpointPieceBytes = 1 << 20
    /// No message speaks of more actors than this.
    package static let actorLimit = 1 << 16
    /// Longer names of hosts, endpoints and folders are refused, longer reasons cut off.
    package static let textLimitBytes = 4096
    /// Returns of an evaluation's job; a result of so many fits into a message.
    package static let returnLimit = 1 << 23
    /// A list of clients that may connect is no longer, and each of its keys has so many bytes.
    package static let allowedKeyLimit = 1024
    package static let keyBytes = 32
    /// Bytes of a ticket, and of the secret under which it was made.
    package static let ticketBytes = 32
}
