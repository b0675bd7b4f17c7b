import CWire
import Experience

extension Envelope {
    /// The bytes that travel.
    package func encoded() -> [UInt8] {
        let arena = EncodingArena()
        var envelope = Distillery__Envelope()
        distillery__envelope__init(&envelope)
        envelope.protocol_version = WireProtocol.version
        envelope.request = request
        message.fill(&envelope, arena)
        let size = distillery__envelope__get_packed_size(&envelope)
        return withExtendedLifetime(arena) {
            [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                count = distillery__envelope__pack(&envelope, buffer.baseAddress)
            }
        }
    }
}

/// A C structure as its generated initialiser leaves it.
func initial<C>(_ initialiser: (UnsafeMutablePointer<C>?) -> Void) -> C {
    withUnsafeTemporaryAllocation(of: C.self, capacity: 1) { buffer in
        initialiser(buffer.baseAddress)
        return buffer[0]
    }
}

extension Message {
    /// Sets the envelope's body. One case a message: long, and flat.
    fileprivate func fill(_ envelope: inout Distillery__Envelope, _ arena: EncodingArena) {
        switch self {
        case .hello(let hello):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_HELLO
            envelope.hello = arena.make(initial(distillery__hello__init)) {
                $0.role = arena.string(hello.role.rawValue)
                $0.name = arena.string(hello.name)
                $0.host = arena.string(hello.host)
                $0.process = UInt32(hello.process)
                $0.endpoint = arena.string(hello.endpoint)
                $0.capacity = UInt32(hello.capacity)
            }
        case .welcome(let welcome):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_WELCOME
            envelope.welcome = arena.make(initial(distillery__welcome__init)) {
                $0.run = arena.string(welcome.run)
                $0.experiment = arena.string(welcome.experiment)
                $0.heartbeat_interval_milliseconds = UInt32(welcome.heartbeatIntervalMilliseconds)
                $0.silence_limit_milliseconds = UInt32(welcome.silenceLimitMilliseconds)
                $0.folder = arena.string(welcome.folder)
                $0.ticket_secret = arena.bytes(welcome.ticketSecret)
            }
        case .heartbeat(let heartbeat):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_HEARTBEAT
            envelope.heartbeat = arena.make(initial(distillery__heartbeat__init)) {
                heartbeat.fill(&$0, arena)
            }
        case .acknowledgement:
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_ACKNOWLEDGEMENT
            envelope.acknowledgement = arena.make(initial(distillery__acknowledgement__init)) { _ in }
        case .rejoin:
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_REJOIN
            envelope.rejoin = arena.make(initial(distillery__rejoin__init)) { _ in }
        case .failure(let reason):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_FAILURE
            envelope.failure = arena.make(initial(distillery__failure__init)) { $0.reason = arena.string(reason) }
        case .allowedKeys(let allowed):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_ALLOWED_KEYS
            envelope.allowed_keys = arena.make(initial(distillery__allowed_keys__init)) {
                $0.generation = allowed.generation
                $0.n_key = allowed.keys.count
                $0.key = arena.array(allowed.keys.map { arena.bytes($0) })
                $0.n_roles = allowed.roles.count
                $0.roles = arena.array(allowed.roles.map(\.rawValue))
            }
        case .metrics(let metrics):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_METRICS
            envelope.metrics = arena.make(initial(distillery__metrics__init)) {
                $0.step = metrics.step
                $0.n_numbers = arena.finite(metrics.numbers).count
                $0.numbers = arena.numbers(metrics.numbers)
            }
        case .statusRequest:
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_STATUS_REQUEST
            envelope.status_request = arena.make(initial(distillery__status_request__init)) { _ in }
        case .statusAnswer(let json):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_STATUS_ANSWER
            envelope.status_answer = arena.make(initial(distillery__status_answer__init)) {
                $0.status = arena.string(json)
            }
        case .scale(let actors):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_SCALE
            envelope.scale = arena.make(initial(distillery__scale__init)) { $0.actors = UInt32(actors) }
        case .drain(let node):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_DRAIN
            envelope.drain = arena.make(initial(distillery__drain__init)) { $0.node = arena.string(node) }
        case .stop:
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_STOP
            envelope.stop = arena.make(initial(distillery__stop__init)) { _ in }
        case .deployment(let deployment):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_DEPLOYMENT
            envelope.deployment = arena.make(initial(distillery__deployment__init)) {
                let numbers = Dictionary(
                    uniqueKeysWithValues: deployment.processes.map { ($0.key.rawValue, Double($0.value)) })
                $0.n_processes = numbers.count
                $0.processes = arena.numbers(numbers)
                $0.finished = deployment.finished ? 1 : 0
                $0.stopped = deployment.stopped ? 1 : 0
                $0.failure = arena.string(deployment.failure)
            }
        case .endProcess(let process):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_END_PROCESS
            envelope.end_process = arena.make(initial(distillery__end_process__init)) { $0.process = UInt32(process) }
        case .processEnded(let process):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_PROCESS_ENDED
            envelope.process_ended = arena.make(initial(distillery__process_ended__init)) {
                $0.process = UInt32(process)
            }
        case .learnLifetime, .lifetimeFinished, .carryActors, .carryingFinished, .releaseLifetime, .learnerCheckpoint,
            .joinLifetime, .rolloutAnswer, .rollouts:
            fillLifetime(&envelope, arena)
        case .openStreams, .streamsOpened, .rolloutsDurable, .streamsSealed, .sealStreams, .streamQuarantined,
            .streamsRefused, .discardStreams:
            fillStreams(&envelope, arena)
        case .distil, .checkpointPiece, .checkpointRequest, .distillationFinished, .evaluationJob, .evaluationResult:
            fillCheckpoint(&envelope, arena)
        }
    }

    private func fillLifetime(_ envelope: inout Distillery__Envelope, _ arena: EncodingArena) {
        switch self {
        case .learnLifetime(let learn):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_LEARN_LIFETIME
            envelope.learn_lifetime = arena.make(initial(distillery__learn_lifetime__init)) {
                $0.lifetime = arena.lifetime(learn.lifetime)
                $0.attempt = learn.attempt
                $0.actors = UInt32(learn.actors)
                $0.state_bytes = learn.stateBytes
            }
        case .lifetimeFinished(let finished):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_LIFETIME_FINISHED
            envelope.lifetime_finished = arena.make(initial(distillery__lifetime_finished__init)) {
                $0.lifetime = arena.lifetime(finished.lifetime)
                $0.attempt = finished.attempt
                $0.n_numbers = arena.finite(finished.numbers).count
                $0.numbers = arena.numbers(finished.numbers)
            }
        case .carryActors(let carry):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_CARRY_ACTORS
            envelope.carry_actors = arena.make(initial(distillery__carry_actors__init)) {
                $0.lifetime = arena.lifetime(carry.lifetime)
                $0.first_actor = UInt32(carry.actors.lowerBound)
                $0.actors = UInt32(carry.actors.count)
                $0.incarnation = carry.incarnation
                $0.attempt = carry.attempt
                $0.learner_endpoint = arena.string(carry.learnerEndpoint)
                $0.recorder_endpoint = arena.string(carry.recorderEndpoint)
                $0.recorded_actors = UInt32(carry.recordedActors)
                $0.retire_from = UInt32(carry.retireFrom)
                $0.learner_ticket = arena.bytes(carry.learnerTicket)
                $0.recorder_ticket = arena.bytes(carry.recorderTicket)
            }
        case .carryingFinished(let finished):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_CARRYING_FINISHED
            envelope.carrying_finished = arena.make(initial(distillery__carrying_finished__init)) {
                $0.lifetime = arena.lifetime(finished.lifetime)
                $0.first_actor = UInt32(finished.firstActor)
                $0.incarnation = finished.incarnation
            }
        case .releaseLifetime(let release):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_RELEASE_LIFETIME
            envelope.release_lifetime = arena.make(initial(distillery__release_lifetime__init)) {
                $0.lifetime = arena.lifetime(release.lifetime)
                $0.attempt = release.attempt
            }
        case .joinLifetime(let join):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_JOIN_LIFETIME
            envelope.join_lifetime = arena.make(initial(distillery__join_lifetime__init)) {
                $0.lifetime = arena.lifetime(join.lifetime)
                $0.attempt = join.attempt
                $0.first_actor = UInt32(join.actors.lowerBound)
                $0.actors = UInt32(join.actors.count)
                $0.incarnation = join.incarnation
                $0.ticket = arena.bytes(join.ticket)
            }
        case .learnerCheckpoint(let checkpoint):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_LEARNER_CHECKPOINT
            envelope.learner_checkpoint = arena.make(initial(distillery__learner_checkpoint__init)) {
                $0.lifetime = arena.lifetime(checkpoint.lifetime)
                $0.attempt = checkpoint.attempt
                $0.version = checkpoint.version
                $0.state = arena.bytes(checkpoint.state)
                $0.offset = checkpoint.offset
                $0.size = checkpoint.size
            }
        case .rolloutAnswer(let answer):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_ROLLOUT_ANSWER
            envelope.rollout_answer = arena.make(initial(distillery__rollout_answer__init)) {
                $0.lifetime = arena.lifetime(answer.lifetime)
                $0.attempt = answer.attempt
                $0.first_actor = UInt32(answer.firstActor)
                $0.batch = answer.batch
                $0.version = answer.version
                $0.parameters = arena.bytes(answer.parameters)
                $0.episode_limit = answer.episodeLimit
                $0.n_next_sequence = answer.places.count
                $0.next_sequence = arena.array(answer.places.map(\.nextSequence))
                $0.n_next_episode = answer.places.count
                $0.next_episode = arena.array(answer.places.map(\.nextEpisode))
            }
        case .rollouts(let rollouts):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_ROLLOUTS
            envelope.rollouts = arena.make(initial(distillery__rollouts__init)) { rollouts.fill(&$0, arena) }
        default: preconditionFailure("not a message about a lifetime")
        }
    }

    private func fillStreams(_ envelope: inout Distillery__Envelope, _ arena: EncodingArena) {
        switch self {
        case .openStreams(let open):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_OPEN_STREAMS
            envelope.open_streams = arena.make(initial(distillery__open_streams__init)) {
                $0.lifetime = arena.lifetime(open.lifetime)
                $0.first_actor = UInt32(open.actors.lowerBound)
                $0.actors = UInt32(open.actors.count)
                $0.incarnation = open.incarnation
                $0.first_policy_version = open.firstPolicyVersion
                $0.n_durable_sequence = open.durableSequences.count
                $0.durable_sequence = arena.array(open.durableSequences)
                $0.n_first_sequence = open.firstSequences.count
                $0.first_sequence = arena.array(open.firstSequences)
                $0.source = arena.string(open.source)
                $0.ticket = arena.bytes(open.ticket)
            }
        case .streamsOpened(let opened):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_STREAMS_OPENED
            envelope.streams_opened = arena.make(initial(distillery__streams_opened__init)) {
                $0.lifetime = arena.lifetime(opened.lifetime)
                $0.first_actor = UInt32(opened.firstActor)
                $0.incarnation = opened.incarnation
                $0.n_next_sequence = opened.streams.count
                $0.next_sequence = arena.array(opened.streams.map(\.nextSequence))
                $0.n_next_episode = opened.streams.count
                $0.next_episode = arena.array(opened.streams.map(\.nextEpisode))
                $0.n_state = opened.streams.count
                $0.state = arena.array(opened.streams.map { Distillery__StreamState($0.state.rawValue) })
            }
        case .rolloutsDurable(let durable):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_ROLLOUTS_DURABLE
            envelope.rollouts_durable = arena.make(initial(distillery__rollouts_durable__init)) {
                $0.lifetime = arena.lifetime(durable.lifetime)
                $0.n_actor = durable.streams.count
                $0.actor = arena.array(durable.streams.map { UInt32($0.actor) })
                $0.n_next_sequence = durable.streams.count
                $0.next_sequence = arena.array(durable.streams.map(\.nextSequence))
                $0.n_incarnation = durable.streams.count
                $0.incarnation = arena.array(durable.streams.map(\.incarnation))
                $0.resend = durable.resend ? 1 : 0
                $0.refusal = arena.string(durable.refusal)
                $0.n_state = durable.streams.count
                $0.state = arena.array(durable.streams.map { Distillery__StreamState($0.state.rawValue) })
            }
        case .streamsSealed(let sealed):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_STREAMS_SEALED
            envelope.streams_sealed = arena.make(initial(distillery__streams_sealed__init)) {
                $0.lifetime = arena.lifetime(sealed.lifetime)
                $0.n_actor = sealed.streams.count
                $0.actor = arena.array(sealed.streams.map { UInt32($0.actor) })
                $0.n_rows = sealed.streams.count
                $0.rows = arena.array(sealed.streams.map(\.rows))
                $0.n_rollouts = sealed.streams.count
                $0.rollouts = arena.array(sealed.streams.map(\.rollouts))
            }
        case .sealStreams(let seal):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_SEAL_STREAMS
            envelope.seal_streams = arena.make(initial(distillery__seal_streams__init)) {
                $0.lifetime = arena.lifetime(seal.lifetime)
                $0.n_actor = seal.actors.count
                $0.actor = arena.array(seal.actors.map { UInt32($0) })
            }
        case .streamQuarantined(let quarantined):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_STREAM_QUARANTINED
            envelope.stream_quarantined = arena.make(initial(distillery__stream_quarantined__init)) {
                $0.lifetime = arena.lifetime(quarantined.lifetime)
                $0.actor = UInt32(quarantined.actor)
                $0.reason = arena.string(quarantined.reason)
            }
        case .streamsRefused(let refused):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_STREAMS_REFUSED
            envelope.streams_refused = arena.make(initial(distillery__streams_refused__init)) {
                $0.lifetime = arena.lifetime(refused.lifetime)
                $0.first_actor = UInt32(refused.firstActor)
                $0.incarnation = refused.incarnation
                $0.above = refused.above
                $0.reason = arena.string(refused.reason)
                $0.diverged = refused.isDiverged ? 1 : 0
            }
        case .discardStreams(let discard):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_DISCARD_STREAMS
            envelope.discard_streams = arena.make(initial(distillery__discard_streams__init)) {
                $0.lifetime = arena.lifetime(discard.lifetime)
                $0.incarnation = discard.incarnation
                $0.reason = arena.string(discard.reason)
            }
        default: preconditionFailure("not a message about streams")
        }
    }

    private func fillCheckpoint(_ envelope: inout Distillery__Envelope, _ arena: EncodingArena) {
        switch self {
        case .distil(let resumeFrom):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_DISTIL
            envelope.distil = arena.make(initial(distillery__distil__init)) {
                $0.resume_from = arena.string(resumeFrom)
            }
        case .checkpointPiece(let piece):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_CHECKPOINT_PIECE
            envelope.checkpoint_piece = arena.make(initial(distillery__checkpoint_piece__init)) {
                $0.checkpoint = arena.string(piece.checkpoint)
                $0.file = arena.string(piece.file)
                $0.offset = piece.offset
                $0.size = piece.size
                $0.checksum = piece.checksum
                $0.content = arena.bytes(piece.content)
                $0.last = piece.last ? 1 : 0
            }
        case .checkpointRequest(let request):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_CHECKPOINT_REQUEST
            envelope.checkpoint_request = arena.make(initial(distillery__checkpoint_request__init)) {
                $0.checkpoint = arena.string(request.checkpoint)
                $0.file = arena.string(request.file)
                $0.offset = request.offset
            }
        case .distillationFinished(let finished):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_DISTILLATION_FINISHED
            envelope.distillation_finished = arena.make(initial(distillery__distillation_finished__init)) {
                $0.checkpoint = arena.string(finished.checkpoint)
                $0.n_numbers = arena.finite(finished.numbers).count
                $0.numbers = arena.numbers(finished.numbers)
            }
        case .evaluationJob(let job):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_EVALUATION_JOB
            envelope.evaluation_job = arena.make(initial(distillery__evaluation_job__init)) {
                $0.job = job.job
                $0.evaluation = arena.string(job.evaluation)
                $0.checkpoint = arena.string(job.checkpoint)
                $0.task = UInt32(job.task)
                $0.seeds = UInt32(job.seeds)
                $0.episodes = UInt32(job.episodes)
                $0.clear_context = job.clearContext ? 1 : 0
                $0.temperature = job.temperature
                $0.recorder_endpoint = arena.string(job.recorderEndpoint)
                $0.incarnation = job.incarnation
                $0.recorder_ticket = arena.bytes(job.recorderTicket)
            }
        case .evaluationResult(let result):
            envelope.body_case = DISTILLERY__ENVELOPE__BODY_EVALUATION_RESULT
            envelope.evaluation_result = arena.make(initial(distillery__evaluation_result__init)) {
                $0.job = result.job
                $0.n_returns = result.returns.count
                $0.returns = arena.array(result.returns)
            }
        default: preconditionFailure("not a message about checkpoints")
        }
    }
}

extension Rollouts {
    fileprivate func fill(_ message: inout Distillery__Rollouts, _ arena: EncodingArena) {
        let headers = content.headers
        message.lifetime = arena.lifetime(content.lifetime)
        message.attempt = attempt
        message.first_actor = UInt32(firstActor)
        message.batch = batch
        message.durable_sequence = durableSequence
        message.n_actor = headers.count
        message.actor = arena.array(headers.map { UInt32($0.actor) })
        message.n_incarnation = headers.count
        message.incarnation = arena.array(headers.map(\.incarnation))
        message.n_sequence = headers.count
        message.sequence = arena.array(headers.map(\.sequence))
        message.n_policy_version = headers.count
        message.policy_version = arena.array(headers.map(\.policyVersion))
        message.n_first_episode = headers.count
        message.first_episode = arena.array(headers.map(\.firstEpisode))
        message.n_length = headers.count
        message.length = arena.array(headers.map { UInt32($0.length) })
        message.n_finished_episodes = headers.count
        message.finished_episodes = arena.array(headers.map { UInt32($0.finishedEpisodes) })
        message.n_checksum = headers.count
        message.checksum = arena.array(headers.map(\.checksum))
        message.n_last = headers.count
        message.last = arena.array(headers.map { $0.isLast ? 1 : 0 })
        message.observations = arena.bytes(content.observations)
        message.actions = arena.bytes(content.actions)
        message.rewards = arena.bytes(content.rewards)
        message.terminations = arena.bytes(content.terminations)
        message.truncations = arena.bytes(content.truncations)
        message.final_observations = arena.bytes(content.finalObservations)
    }
}
