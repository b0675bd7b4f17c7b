import CProtobufC
import CWire
import Experience
import Foundation

extension Envelope {
    /// Reads what came from outside. Throws `WireError` for anything that is not a well-formed message of this
    /// version: a length, a range or a name that does not fit is refused here, so that no role sees it.
    package init(decoding bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count <= WireProtocol.messageLimitBytes else {
            throw WireError("a message of \(bytes.count) bytes; at most \(WireProtocol.messageLimitBytes) are accepted")
        }
        let memory = DecodingMemory(messageBytes: bytes.count)
        var allocator = memory.allocator
        let pointer = distillery__envelope__unpack(
            &allocator, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        guard let pointer else {
            throw WireError(
                memory.isExhausted
                    ? "\(bytes.count) bytes that would take more than \(memory.limitBytes) bytes of memory"
                    : "\(bytes.count) bytes that are not a protocol buffer of distillery.Envelope")
        }
        defer { withExtendedLifetime(memory) { distillery__envelope__free_unpacked(pointer, &allocator) } }
        let envelope = pointer.pointee
        guard envelope.protocol_version == WireProtocol.version else {
            throw WireError(
                "protocol version \(envelope.protocol_version); this node speaks version \(WireProtocol.version)")
        }
        request = envelope.request
        message = try Message(envelope)
    }

    package init(decoding bytes: [UInt8]) throws {
        self = try bytes.withUnsafeBytes { try Envelope(decoding: $0) }
    }
}

extension Message {
    fileprivate init(_ envelope: Distillery__Envelope) throws {
        switch envelope.body_case {
        case DISTILLERY__ENVELOPE__BODY_HELLO:
            let hello = try present(envelope.hello)
            self = .hello(
                Hello(
                    role: try role(text(hello.role)), name: try name(hello.name, "node name"),
                    host: try short(hello.host, "host"), process: Int(hello.process),
                    endpoint: try short(hello.endpoint, "endpoint"), capacity: Int(hello.capacity)))
        case DISTILLERY__ENVELOPE__BODY_WELCOME:
            let welcome = try present(envelope.welcome)
            self = .welcome(
                Welcome(
                    run: try short(welcome.run, "run"), experiment: text(welcome.experiment),
                    heartbeatIntervalMilliseconds: Int(welcome.heartbeat_interval_milliseconds),
                    silenceLimitMilliseconds: Int(welcome.silence_limit_milliseconds),
                    folder: try short(welcome.folder, "folder"), ticketSecret: try ticket(welcome.ticket_secret)))
        case DISTILLERY__ENVELOPE__BODY_HEARTBEAT:
            self = .heartbeat(try Heartbeat(try present(envelope.heartbeat)))
        case DISTILLERY__ENVELOPE__BODY_ACKNOWLEDGEMENT: self = .acknowledgement
        case DISTILLERY__ENVELOPE__BODY_FAILURE:
            self = .failure(beginning(of: try present(envelope.failure).reason))
        case DISTILLERY__ENVELOPE__BODY_REJOIN: self = .rejoin
        case DISTILLERY__ENVELOPE__BODY_ALLOWED_KEYS:
            let allowed = try present(envelope.allowed_keys)
            self = .allowedKeys(
                AllowedKeys(
                    generation: allowed.generation, keys: try keys(array(allowed.key, allowed.n_key)),
                    roles: try roles(allowed)))
        case DISTILLERY__ENVELOPE__BODY_METRICS:
            let metrics = try present(envelope.metrics)
            self = .metrics(
                Metrics(step: metrics.step, numbers: try numbers(metrics.n_numbers, metrics.numbers)))
        case DISTILLERY__ENVELOPE__BODY_STATUS_REQUEST: self = .statusRequest
        case DISTILLERY__ENVELOPE__BODY_STATUS_ANSWER:
            self = .statusAnswer(json: text(try present(envelope.status_answer).status))
        case DISTILLERY__ENVELOPE__BODY_SCALE: self = .scale(actors: Int(try present(envelope.scale).actors))
        case DISTILLERY__ENVELOPE__BODY_DRAIN: self = .drain(node: try name(try present(envelope.drain).node, "node"))
        case DISTILLERY__ENVELOPE__BODY_STOP: self = .stop
        case DISTILLERY__ENVELOPE__BODY_END_PROCESS:
            self = .endProcess(Int(try present(envelope.end_process).process))
        case DISTILLERY__ENVELOPE__BODY_PROCESS_ENDED:
            self = .processEnded(Int(try present(envelope.process_ended).process))
        case DISTILLERY__ENVELOPE__BODY_DEPLOYMENT:
            let deployment = try present(envelope.deployment)
            var processes: [RoleName: Int] = [:]
            for (key, value) in try numbers(deployment.n_processes, deployment.processes) {
                guard value >= 0, value <= Double(WireProtocol.actorLimit) else {
                    throw WireError("a deployment of \(value) processes")
                }
                processes[try role(key)] = Int(value)
            }
            self = .deployment(
                Deployment(
                    processes: processes, finished: deployment.finished != 0, stopped: deployment.stopped != 0,
                    failure: beginning(of: deployment.failure)))
        default:
            guard
                let message = try Message(lifetime: envelope) ?? Message(streams: envelope)
                    ?? Message(checkpoint: envelope)
            else { throw WireError("an envelope without a body, or with one of a later protocol") }
            self = message
        }
    }

    private init?(lifetime envelope: Distillery__Envelope) throws {
        switch envelope.body_case {
        case DISTILLERY__ENVELOPE__BODY_LEARN_LIFETIME:
            let learn = try present(envelope.learn_lifetime)
            self = .learnLifetime(
                LearnLifetime(
                    lifetime: try lifetime(learn.lifetime), attempt: learn.attempt,
                    actors: try actors(0, learn.actors).count, stateBytes: learn.state_bytes))
        case DISTILLERY__ENVELOPE__BODY_LIFETIME_FINISHED:
            let finished = try present(envelope.lifetime_finished)
            self = .lifetimeFinished(
                LifetimeFinished(
                    lifetime: try lifetime(finished.lifetime), attempt: finished.attempt,
                    numbers: try numbers(finished.n_numbers, finished.numbers)))
        case DISTILLERY__ENVELOPE__BODY_CARRY_ACTORS:
            let carry = try present(envelope.carry_actors)
            self = .carryActors(
                CarryActors(
                    lifetime: try lifetime(carry.lifetime), actors: try actors(carry.first_actor, carry.actors),
                    incarnation: carry.incarnation, attempt: carry.attempt,
                    learnerEndpoint: try short(carry.learner_endpoint, "endpoint"),
                    recorderEndpoint: try short(carry.recorder_endpoint, "endpoint"),
                    recordedActors: Int(carry.recorded_actors), retireFrom: Int(carry.retire_from),
                    learnerTicket: try ticket(carry.learner_ticket), recorderTicket: try ticket(carry.recorder_ticket)))
        case DISTILLERY__ENVELOPE__BODY_CARRYING_FINISHED:
            let finished = try present(envelope.carrying_finished)
            self = .carryingFinished(
                CarryingFinished(
                    lifetime: try lifetime(finished.lifetime), firstActor: Int(finished.first_actor),
                    incarnation: finished.incarnation))
        case DISTILLERY__ENVELOPE__BODY_RELEASE_LIFETIME:
            let release = try present(envelope.release_lifetime)
            self = .releaseLifetime(
                ReleaseLifetime(lifetime: try lifetime(release.lifetime), attempt: release.attempt))
        case DISTILLERY__ENVELOPE__BODY_LEARNER_CHECKPOINT:
            let checkpoint = try present(envelope.learner_checkpoint)
            self = .learnerCheckpoint(
                LearnerCheckpoint(
                    lifetime: try lifetime(checkpoint.lifetime), attempt: checkpoint.attempt,
                    version: try count(checkpoint.version, "policy version"), state: array(checkpoint.state),
                    offset: checkpoint.offset, size: checkpoint.size))
        case DISTILLERY__ENVELOPE__BODY_JOIN_LIFETIME:
            let join = try present(envelope.join_lifetime)
            self = .joinLifetime(
                JoinLifetime(
                    lifetime: try lifetime(join.lifetime), attempt: join.attempt,
                    actors: try actors(join.first_actor, join.actors), incarnation: join.incarnation,
                    ticket: try ticket(join.ticket)))
        case DISTILLERY__ENVELOPE__BODY_ROLLOUT_ANSWER:
            let answer = try present(envelope.rollout_answer)
            try equal(answer.n_next_sequence, answer.n_next_episode, "next episodes")
            self = .rolloutAnswer(
                RolloutAnswer(
                    lifetime: try lifetime(answer.lifetime), attempt: answer.attempt,
                    firstActor: Int(answer.first_actor), batch: answer.batch,
                    version: try count(answer.version, "version"),
                    parameters: try floats(answer.parameters, "parameters"), episodeLimit: answer.episode_limit,
                    places: try (0..<answer.n_next_sequence).map {
                        RolloutAnswer.Place(
                            nextSequence: try count(answer.next_sequence[$0], "sequence"),
                            nextEpisode: try count(answer.next_episode[$0], "episode"))
                    }))
        case DISTILLERY__ENVELOPE__BODY_ROLLOUTS:
            self = .rollouts(try Rollouts(try present(envelope.rollouts)))
        default: return nil
        }
    }

    private init?(streams envelope: Distillery__Envelope) throws {
        switch envelope.body_case {
        case DISTILLERY__ENVELOPE__BODY_OPEN_STREAMS:
            let open = try present(envelope.open_streams)
            let actors = try actors(open.first_actor, open.actors)
            if open.n_durable_sequence > 0 { try equal(actors.count, open.n_durable_sequence, "durable sequences") }
            if open.n_first_sequence > 0 { try equal(actors.count, open.n_first_sequence, "first sequences") }
            self = .openStreams(
                OpenStreams(
                    lifetime: try lifetime(open.lifetime), actors: actors, incarnation: open.incarnation,
                    firstPolicyVersion: try count(open.first_policy_version, "policy version"),
                    durableSequences: try array(open.durable_sequence, open.n_durable_sequence).map {
                        try count($0, "sequence")
                    },
                    firstSequences: try array(open.first_sequence, open.n_first_sequence).map {
                        try count($0, "sequence")
                    }, source: try short(open.source, "description of a source"), ticket: try ticket(open.ticket)))
        case DISTILLERY__ENVELOPE__BODY_STREAMS_OPENED:
            let opened = try present(envelope.streams_opened)
            try equal(opened.n_next_sequence, opened.n_next_episode, "next episodes")
            try equal(opened.n_next_sequence, opened.n_state, "states")
            let actors = try actors(opened.first_actor, UInt32(clamping: opened.n_next_sequence))
            self = .streamsOpened(
                StreamsOpened(
                    lifetime: try lifetime(opened.lifetime), firstActor: actors.lowerBound,
                    incarnation: opened.incarnation,
                    streams: try actors.indices.map { actor in
                        let index = actor - actors.lowerBound
                        return StreamsOpened.Stream(
                            nextSequence: try count(opened.next_sequence[index], "sequence"),
                            nextEpisode: try count(opened.next_episode[index], "episode"),
                            state: try state(opened.state[index]))
                    }))
        case DISTILLERY__ENVELOPE__BODY_ROLLOUTS_DURABLE:
            let durable = try present(envelope.rollouts_durable)
            try equal(durable.n_actor, durable.n_next_sequence, "next sequences")
            try equal(durable.n_actor, durable.n_incarnation, "incarnations")
            try equal(durable.n_actor, durable.n_state, "states")
            self = .rolloutsDurable(
                RolloutsDurable(
                    lifetime: try lifetime(durable.lifetime),
                    streams: try (0..<durable.n_actor).map {
                        RolloutsDurable.Stream(
                            actor: Int(durable.actor[$0]), nextSequence: durable.next_sequence[$0],
                            incarnation: durable.incarnation[$0], state: try state(durable.state[$0]))
                    }, resend: durable.resend != 0, refusal: beginning(of: durable.refusal)))
        case DISTILLERY__ENVELOPE__BODY_STREAMS_SEALED:
            let sealed = try present(envelope.streams_sealed)
            try equal(sealed.n_actor, sealed.n_rows, "row counts")
            try equal(sealed.n_actor, sealed.n_rollouts, "rollout counts")
            self = .streamsSealed(
                StreamsSealed(
                    lifetime: try lifetime(sealed.lifetime),
                    streams: (0..<sealed.n_actor).map {
                        StreamsSealed.Stream(
                            actor: Int(sealed.actor[$0]), rows: sealed.rows[$0], rollouts: sealed.rollouts[$0])
                    }))
        case DISTILLERY__ENVELOPE__BODY_SEAL_STREAMS:
            let seal = try present(envelope.seal_streams)
            self = .sealStreams(
                SealStreams(
                    lifetime: try lifetime(seal.lifetime), actors: array(seal.actor, seal.n_actor).map { Int($0) }))
        case DISTILLERY__ENVELOPE__BODY_STREAM_QUARANTINED:
            let quarantined = try present(envelope.stream_quarantined)
            self = .streamQuarantined(
                StreamQuarantined(
                    lifetime: try lifetime(quarantined.lifetime), actor: Int(quarantined.actor),
                    reason: beginning(of: quarantined.reason)))
        case DISTILLERY__ENVELOPE__BODY_STREAMS_REFUSED:
            let refused = try present(envelope.streams_refused)
            self = .streamsRefused(
                StreamsRefused(
                    lifetime: try lifetime(refused.lifetime), firstActor: Int(refused.first_actor),
                    incarnation: refused.incarnation, above: refused.above, reason: beginning(of: refused.reason),
                    isDiverged: refused.diverged != 0))
        case DISTILLERY__ENVELOPE__BODY_DISCARD_STREAMS:
            let discard = try present(envelope.discard_streams)
            self = .discardStreams(
                DiscardStreams(
                    lifetime: try lifetime(discard.lifetime), incarnation: discard.incarnation,
                    reason: beginning(of: discard.reason)))
        default: return nil
        }
    }

    private init?(checkpoint envelope: Distillery__Envelope) throws {
        switch envelope.body_case {
        case DISTILLERY__ENVELOPE__BODY_DISTIL:
            let distil = try present(envelope.distil)
            let isNew = text(distil.resume_from).isEmpty
            self = .distil(resumeFrom: isNew ? "" : try name(distil.resume_from, "checkpoint"))
        case DISTILLERY__ENVELOPE__BODY_CHECKPOINT_PIECE:
            let piece = try present(envelope.checkpoint_piece)
            let content = array(piece.content)
            guard content.withUnsafeBytes({ CRC32C.of($0) }) == piece.checksum else {
                throw WireError("a piece of a checkpoint whose checksum does not hold")
            }
            guard piece.offset <= piece.size, UInt64(content.count) <= piece.size - piece.offset else {
                throw WireError("a piece of a checkpoint that ends beyond its file's \(piece.size) bytes")
            }
            self = .checkpointPiece(
                CheckpointPiece(
                    checkpoint: try name(piece.checkpoint, "checkpoint"), file: try name(piece.file, "file"),
                    offset: piece.offset, size: piece.size, checksum: piece.checksum, content: content,
                    last: piece.last != 0))
        case DISTILLERY__ENVELOPE__BODY_CHECKPOINT_REQUEST:
            let request = try present(envelope.checkpoint_request)
            self = .checkpointRequest(
                CheckpointRequest(
                    checkpoint: try name(request.checkpoint, "checkpoint"), file: try name(request.file, "file"),
                    offset: request.offset))
        case DISTILLERY__ENVELOPE__BODY_DISTILLATION_FINISHED:
            let finished = try present(envelope.distillation_finished)
            self = .distillationFinished(
                DistillationFinished(
                    checkpoint: try name(finished.checkpoint, "checkpoint"),
                    numbers: try numbers(finished.n_numbers, finished.numbers)))
        case DISTILLERY__ENVELOPE__BODY_EVALUATION_JOB:
            let job = try present(envelope.evaluation_job)
            let seeds = try actors(0, job.seeds).count
            guard seeds * Int(job.episodes) <= WireProtocol.returnLimit else {
                throw WireError(
                    "\(job.seeds) seeds of \(job.episodes) episodes; at most \(WireProtocol.returnLimit) returns fit")
            }
            guard job.temperature.isFinite, job.temperature >= 0 else {
                throw WireError("a temperature of \(job.temperature)")
            }
            self = .evaluationJob(
                EvaluationJob(
                    job: job.job, evaluation: try name(job.evaluation, "evaluation"),
                    checkpoint: try name(job.checkpoint, "checkpoint"), task: Int(job.task),
                    seeds: seeds, episodes: Int(job.episodes), clearContext: job.clear_context != 0,
                    temperature: job.temperature,
                    recorderEndpoint: try short(job.recorder_endpoint, "endpoint"), incarnation: job.incarnation,
                    recorderTicket: try ticket(job.recorder_ticket)))
        case DISTILLERY__ENVELOPE__BODY_EVALUATION_RESULT:
            let result = try present(envelope.evaluation_result)
            let returns = array(result.returns, result.n_returns)
            guard returns.allSatisfy(\.isFinite) else { throw WireError("a return that is not a number") }
            self = .evaluationResult(EvaluationResult(job: result.job, returns: returns))
        default: return nil
        }
    }
}

extension Rollouts {
    fileprivate init(_ message: Distillery__Rollouts) throws {
        let rollouts = message.n_actor
        for (column, size) in [
            ("incarnations", message.n_incarnation), ("sequences", message.n_sequence),
            ("policy versions", message.n_policy_version), ("first episodes", message.n_first_episode),
            ("lengths", message.n_length), ("finished episodes", message.n_finished_episodes),
            ("checksums", message.n_checksum), ("last marks", message.n_last),
        ] { try equal(rollouts, size, column) }
        guard rollouts <= WireProtocol.actorLimit else {
            throw WireError("\(rollouts) rollouts in one message; at most \(WireProtocol.actorLimit)")
        }
        var headers: [RolloutHeader] = []
        headers.reserveCapacity(rollouts)
        for index in 0..<rollouts {
            headers.append(
                RolloutHeader(
                    actor: Int(message.actor[index]), incarnation: message.incarnation[index],
                    sequence: try count(message.sequence[index], "sequence"),
                    policyVersion: try count(message.policy_version[index], "policy version"),
                    firstEpisode: try count(message.first_episode[index], "first episode"),
                    length: Int(message.length[index]),
                    finishedEpisodes: Int(message.finished_episodes[index]), checksum: message.checksum[index],
                    isLast: message.last[index] != 0))
        }
        let rows = headers.reduce(0) { $0 + $1.length }
        let rewards = try floats(message.rewards, "rewards")
        try equal(rows, rewards.count, "rewards")
        try equal(rows, message.terminations.len, "terminations")
        try equal(rows, message.truncations.len, "truncations")
        self.init(
            attempt: message.attempt, firstActor: Int(message.first_actor), batch: message.batch,
            durableSequence: message.durable_sequence,
            content: RolloutBatch(
                lifetime: try lifetime(message.lifetime), headers: headers, observations: array(message.observations),
                actions: array(message.actions), rewards: rewards, terminations: array(message.terminations),
                truncations: array(message.truncations), finalObservations: array(message.final_observations)))
    }
}
