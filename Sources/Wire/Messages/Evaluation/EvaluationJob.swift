import CProtobufC
import CWire
package import Experience

/// Coordinator to evaluator, again until it is acknowledged: one task with all its seeds is leased to it. An evaluator
/// that is at work on another leaves it unanswered.
///
/// Size: `seeds * episodes` returns come back, at most `WireProtocol.returnLimit`. An evaluator that took it and dies
/// is missed by its silence, and the coordinator gives the job to another.
package struct EvaluationJob: Sendable, Equatable {
    /// Its number; a coordinator that was restarted numbers anew.
    ///
    /// An `EvaluationResult` names it.
    package var job: UInt64
    /// Name of the evaluation: the folder of its streams.
    package var evaluation: String
    /// Fetched in pieces by `CheckpointRequest` where the evaluator does not have it; nil for a policy that needs none.
    package var checkpoint: String?
    /// Id of the task in the run's distribution.
    package var task: Int
    /// Copies of the environment that are played, each with random numbers of its own; seed i is actor i of the
    /// recorded streams.
    package var seeds: Int
    /// Episodes of each seed.
    package var episodes: Int
    /// What acts; a temperature is never negative. Settings are for the policy to check.
    package var policy: PolicyDescription
    /// What the policy is shown before its first step; nil for nothing. Whether it fits is for the policy to check.
    package var prompt: PromptRows?
    /// Empty: the streams are not recorded.
    package var recorderEndpoint: String
    /// Of the streams that this attempt of the job records.
    package var incarnation: UInt64
    /// Shows the recorder that the streams are leased to this evaluator.
    package var recorderTicket: [UInt8]

    /// A job without a recorder needs neither `incarnation` nor `recorderTicket`.
    package init(
        job: UInt64, evaluation: String, checkpoint: String?, task: Int, seeds: Int, episodes: Int,
        policy: PolicyDescription, prompt: PromptRows? = nil, recorderEndpoint: String, incarnation: UInt64,
        recorderTicket: [UInt8] = []
    ) {
        self.job = job
        self.evaluation = evaluation
        self.checkpoint = checkpoint
        self.task = task
        self.seeds = seeds
        self.episodes = episodes
        self.policy = policy
        self.prompt = prompt
        self.recorderEndpoint = recorderEndpoint
        self.incarnation = incarnation
        self.recorderTicket = recorderTicket
    }
}

extension EvaluationJob: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__EvaluationJob>?) -> Void {
        distillery__evaluation_job__init
    }
    static var place: EnvelopePlace<Distillery__EvaluationJob> {
        .init(DISTILLERY__ENVELOPE__BODY_EVALUATION_JOB, \.evaluation_job)
    }

    func encode(into body: inout Distillery__EvaluationJob, _ arena: EncodingArena) {
        body.job = job
        body.evaluation = arena.string(evaluation)
        body.checkpoint = arena.string(checkpoint ?? "")
        body.task = UInt32(task)
        body.seeds = UInt32(seeds)
        body.episodes = UInt32(episodes)
        switch policy {
        case .inContext(let temperature, let clearContext):
            body.clear_context = arena.flag(clearContext)
            body.temperature = temperature
        case .named(let name, let settings):
            body.policy = arena.string(name)
            body.settings = arena.string(settings)
        }
        if let prompt {
            body.prompt_observations = arena.bytes(prompt.observations)
            body.prompt_actions = arena.bytes(prompt.actions)
            (body.n_prompt_rewards, body.prompt_rewards) = arena.array(prompt.rewards)
        }
        body.recorder_endpoint = arena.string(recorderEndpoint)
        body.incarnation = incarnation
        body.recorder_ticket = arena.bytes(recorderTicket)
    }

    /// Throws for names that are none, too many seeds or returns, a temperature that is negative or not finite, and a
    /// prompt that is too long or has a reward that is not finite.
    init(decoding body: Distillery__EvaluationJob) throws {
        job = body.job
        evaluation = try Field.name(body.evaluation, "evaluation")
        policy = try Self.policy(body)
        prompt = try Self.prompt(body)
        checkpoint = try Self.checkpoint(body)
        task = Int(body.task)
        seeds = try Field.actors(0, body.seeds).count
        episodes = Int(body.episodes)
        recorderEndpoint = try Field.shortText(body.recorder_endpoint, "endpoint")
        incarnation = body.incarnation
        recorderTicket = try Field.ticket(body.recorder_ticket)
        guard seeds * episodes <= WireProtocol.returnLimit else {
            throw WireError("\(seeds) seeds of \(episodes) episodes; at most \(WireProtocol.returnLimit) returns fit")
        }
    }

    private static func policy(_ body: Distillery__EvaluationJob) throws -> PolicyDescription {
        guard Field.text(body.policy).isEmpty else {
            return .named(
                try Field.name(body.policy, "policy"), settings: try Field.shortText(body.settings, "policy's settings")
            )
        }
        let temperature = try Field.finite(body.temperature, "temperature")
        guard temperature >= 0 else { throw WireError("a temperature of \(temperature)") }
        return .inContext(temperature: temperature, clearContext: body.clear_context != 0)
    }

    /// Absent without rewards.
    private static func prompt(_ body: Distillery__EvaluationJob) throws -> PromptRows? {
        guard body.n_prompt_rewards > 0 else { return nil }
        let bytes = body.prompt_observations.len + body.prompt_actions.len
        guard body.n_prompt_rewards <= PromptRows.mostRows, bytes <= PromptRows.mostBytes else {
            throw WireError("a prompt of \(body.n_prompt_rewards) transitions with \(bytes) bytes")
        }
        return PromptRows(
            observations: Field.bytes(body.prompt_observations), actions: Field.bytes(body.prompt_actions),
            rewards: try Field.array(body.prompt_rewards, body.n_prompt_rewards).map {
                try Field.finite($0, "reward of a prompt")
            })
    }

    /// Absent where the policy may need none.
    private static func checkpoint(_ body: Distillery__EvaluationJob) throws -> String? {
        if Field.text(body.checkpoint).isEmpty, !Field.text(body.policy).isEmpty { return nil }
        return try Field.checkpoint(body.checkpoint)
    }
}
