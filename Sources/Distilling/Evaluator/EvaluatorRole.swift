import Collecting
import Distillation
import Environments
import Experience
import Experiments
package import Nodes
import Quantities
import Transport
package import Wire

/// Rolls a policy out on the tasks that it is given: a frozen model, or one that needs no checkpoint. It needs nothing
/// but the coordinator's address. The checkpoint comes from the coordinator, in pieces, once for all jobs that use it;
/// the streams go to the recorder over the network.
///
/// One job at a time, in four phases (`RunningJob.Phase`): the checkpoint is fetched, the streams are opened, all
/// seeds play their episodes, and then the recorder is waited for, so that a result is told only when its streams
/// are on disk. A job that is interrupted is begun from its beginning by another evaluator and has to come out the
/// same, which the recorder checks.
package final class EvaluatorRole: Role {
    /// An evaluator that gets no piece of its checkpoint, but a no, ends after this time.
    package static let checkpointRefusalMilliseconds: UInt64 = 20_000

    package let name = RoleName.evaluator
    package let capacity = 0
    package let progress: WorkProgress? = WorkProgress()

    private var context: ExperimentContext?
    /// What a policy has read of the last checkpoint that was fetched, with both names.
    private var read: (checkpoint: String, policy: String, parameters: Any)?
    /// Nil while no checkpoint is on its way.
    private var download: CheckpointDownload?
    /// Nil while the evaluator has no job.
    private var running: RunningJob?
    /// When the last piece of the checkpoint came, or the first was asked for.
    private var fetchesSince: UInt64 = 0
    private var reports = ReliableSender()
    private var isDraining = false
    private var environmentSteps = 0
    private var jobsDone = 0
    private var refusedMessages = 0
    /// Jobs that were given up because the recorder refused their streams.
    private var refusedJobs = 0
    /// Numbers the questions to recorders.
    private var questions: UInt64 = 0
    /// Number and incarnation of each lease that is done.
    private var finished: Set<[UInt64]> = []

    package init() {}

    package func begin(_ welcome: Welcome, now: UInt64) throws {
        if let context { return try context.check(isStill: welcome.experiment, in: welcome.folder) }
        context = try ExperimentContext(yaml: welcome.experiment, folder: welcome.folder)
    }

    package var isFinished: Bool { isDraining && reports.isEmpty }

    /// Jobs are numbered anew by a coordinator that was restarted.
    package func forgetLeases(now: UInt64) {
        running = nil
        download = nil
        finished = []
        reports = ReliableSender()
    }

    package func drain(now: UInt64) {
        isDraining = true
        running = nil
    }

    package var numbers: [String: Double] {
        [
            "evaluation_steps": Double(environmentSteps), "jobs": Double(jobsDone),
            "episode": Double(running?.episode ?? 0), "refused_messages": Double(refusedMessages),
            "refused_jobs": Double(refusedJobs),
        ]
    }

    package func waiting(now: UInt64) -> Waiting? {
        guard let running else { return nil }
        let recorder = running.recorder
        switch running.phase {
        case .fetching:
            return Waiting(
                for: "the coordinator", why: "the checkpoint \(running.job.checkpoint ?? "")", since: fetchesSince,
                now: now)
        case .opening:
            return Waiting(
                for: recorder.endpoint, why: "where the streams of \(running.lifetime) stand",
                since: recorder.waitsSince, now: now)
        case .draining:
            return Waiting(
                for: recorder.endpoint,
                why: "\(NumberText.bytes(recorder.unacknowledgedBytes)) of \(running.lifetime) unacknowledged",
                since: recorder.waitsSince, now: now)
        case .running: return nil
        }
    }

    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        switch envelope.message {
        case .acknowledgement where sender == .coordinator: reports.acknowledge(envelope.request, by: sender)
        case .evaluationJob(let job) where sender == .coordinator:
            // Not acknowledged while another job is at work: the coordinator sends it again.
            guard try take(job, command: envelope.request, now: now, outbox: &outbox) else { return }
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
        case .checkpointPiece(let piece) where sender == .coordinator: try take(piece, now: now, outbox: &outbox)
        // Other complaints are about other things.
        case .failure(let reason)
        where sender == .coordinator && running?.phase == .fetching && envelope.request == CheckpointDownload.request:
            try takeNo(reason, now: now)
        case .failure where sender == .coordinator && reports.refuse(envelope.request, by: sender):
            refusedMessages += 1
        case .streamsOpened(let opened): try takeUp(opened, from: sender, now: now, outbox: &outbox)
        case .rolloutsDurable(let durable):
            guard let running, durable.lifetime == running.lifetime else { return }
            take(durable, of: running, from: sender, now: now, outbox: &outbox)
        case .failure(let reason):
            running?.recorder.refuse(reason, number: envelope.request, from: sender)
        // A recorder in the middle of a long step says that it is there.
        case .acknowledgement: break
        default: refusedMessages += 1
        }
    }

    private func take(
        _ durable: RolloutsDurable, of running: RunningJob, from sender: Address, now: UInt64, outbox: inout Outbox
    ) {
        let refused = durable.streams.filter { $0.incarnation > running.job.incarnation }
        guard running.recorder.isWith(sender), let above = refused.map(\.incarnation).max() else {
            return running.recorder.take(
                durable, actors: 0..<running.job.seeds, from: sender, now: now, outbox: &outbox)
        }
        giveUp(
            running, above: max(above, 1) - 1, reason: durable.refusal,
            cause: refused.contains { $0.state == .diverged } ? .divergence : .refusal, now: now, outbox: &outbox)
    }

    /// The job's environments cannot go on, or its policy cannot begin.
    private func giveUp(_ running: RunningJob, because failure: any Error, now: UInt64, outbox: inout Outbox) {
        giveUp(
            running, above: running.job.incarnation, reason: "\(failure)", cause: .environment, now: now,
            outbox: &outbox)
    }

    /// The job is not played from here any more.
    private func giveUp(
        _ running: RunningJob, above: UInt64, reason: String, cause: StreamsRefused.Cause = .refusal, now: UInt64,
        outbox: inout Outbox
    ) {
        refusedJobs += 1
        reports.send(
            .streamsRefused(
                StreamsRefused(
                    lifetime: running.lifetime, firstActor: 0, incarnation: running.job.incarnation, above: above,
                    reason: reason, cause: cause)), to: .coordinator, now: now, outbox: &outbox)
        finished.insert([running.job.job, running.job.incarnation])
        self.running = nil
        download = nil
    }

    /// Takes a job up, or new endpoints and tickets for the one at work. False where another job is at work.
    /// Throws `SettingsError` for a policy that there is not.
    private func take(_ job: EvaluationJob, command: UInt64, now: UInt64, outbox: inout Outbox) throws -> Bool {
        // A lease that arrives again after its end is not taken twice.
        guard context != nil, !isDraining, !finished.contains([job.job, job.incarnation]) else { return true }
        if let running, running.job.job == job.job {
            guard command > running.command, job.incarnation == running.job.incarnation else { return true }
            running.command = command
            running.job = job
            running.recorder.expect(job.recorderTicket)
            guard running.recorder.endpoint != job.recorderEndpoint else { return true }
            running.recorder.move(to: job.recorderEndpoint)
            if running.phase != .fetching { open(running, now: now, outbox: &outbox) }
            return true
        }
        guard running == nil else { return false }
        let running = try RunningJob(job: job, command: command)
        self.running = running
        if let checkpoint = job.checkpoint, running.policy.needsCheckpoint, !hasRead(running) {
            download = CheckpointDownload(name: checkpoint)
            fetchesSince = now
            download?.tick(now: now, outbox: &outbox)
        } else {
            proceed(now: now, outbox: &outbox)
        }
        return true
    }

    private func hasRead(_ running: RunningJob) -> Bool {
        read?.checkpoint == running.job.checkpoint && read?.policy == running.policy.name
    }

    /// The coordinator says no to a piece of the checkpoint. That may pass, since the job may just have been given
    /// to another evaluator or the answer belong to an earlier question; `ClusterError` where it lasts.
    private func takeNo(_ reason: String, now: UInt64) throws {
        guard now >= fetchesSince + Self.checkpointRefusalMilliseconds * nanosecondsPerMillisecond else { return }
        throw ClusterError(
            "the checkpoint cannot be had for \(Self.checkpointRefusalMilliseconds / 1000) s; the coordinator says: "
                + reason)
    }

    /// A piece of the checkpoint; the policy reads the whole. Throws what it throws, for a checkpoint of another
    /// environment for example.
    private func take(_ piece: CheckpointPiece, now: UInt64, outbox: inout Outbox) throws {
        download?.take(piece)
        fetchesSince = now
        guard let checkpoint = download?.checkpoint, let context, let policy = running?.policy else {
            download?.tick(now: now, outbox: &outbox)
            return
        }
        let parameters = try policy.parameters(of: checkpoint, in: context.distribution.environment)
        read = (piece.checkpoint, policy.name, parameters)
        download = nil
        proceed(now: now, outbox: &outbox)
    }

    private func proceed(now: UInt64, outbox: inout Outbox) {
        guard let running else { return }
        running.phase = .opening
        open(running, now: now, outbox: &outbox)
    }

    private func open(_ running: RunningJob, now: UInt64, outbox: inout Outbox) {
        questions += 1
        running.recorder.ask(
            OpenStreams(
                lifetime: running.lifetime, actors: 0..<running.job.seeds, incarnation: running.job.incarnation,
                firstPolicyVersion: 0, source: running.source, ticket: running.job.recorderTicket), number: questions,
            now: now, outbox: &outbox)
    }

    private func takeUp(_ opened: StreamsOpened, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        guard let running, let context,
            running.recorder.take(opened, from: sender, now: now, outbox: &outbox)
        else { return }
        // Whatever is recorded already comes out the same again; the recorder drops what it has.
        guard running.phase == .opening else { return }
        do {
            try running.start(parameters: hasRead(running) ? read?.parameters : nil, context: context, progress)
        } catch let failure as EnvironmentFailure {
            giveUp(running, because: failure, now: now, outbox: &outbox)
        } catch let problem as PolicyError {
            giveUp(running, because: problem, now: now, outbox: &outbox)
        }
    }

    /// One step of all seeds of the job; true while the job goes on.
    package func work(now: UInt64, outbox: inout Outbox) throws -> Bool {
        guard let running, running.phase == .running else { return false }
        environmentSteps += running.job.seeds
        do { try step(running, now: now, outbox: &outbox) } catch let failure as EnvironmentFailure {
            giveUp(running, because: failure, now: now, outbox: &outbox)
        }
        return self.running?.phase == .running
    }

    private func step(_ running: RunningJob, now: UInt64, outbox: inout Outbox) throws {
        if let (bytes, headers) = try running.step(),
            running.recorder.append(bytes, headers, recordedActors: running.job.seeds, now: now)
        {
            outbox.send(bytes, to: [.endpoint(running.recorder.endpoint)])
        }
    }

    package func tick(now: UInt64, outbox: inout Outbox) throws {
        reports.tick(now: now, outbox: &outbox)
        download?.tick(now: now, outbox: &outbox)
        guard let running else { return }
        if running.phase == .draining, running.recorder.isDone {
            reports.send(
                .evaluationResult(EvaluationResult(job: running.job.job, returns: running.returns)), to: .coordinator,
                now: now, outbox: &outbox)
            jobsDone += 1
            finished.insert([running.job.job, running.job.incarnation])
            self.running = nil
        } else if let reason = running.recorder.refusal {
            giveUp(running, above: running.job.incarnation, reason: reason, now: now, outbox: &outbox)
        } else if running.phase != .fetching, running.recorder.isOverdue(now: now) {
            open(running, now: now, outbox: &outbox)
        }
    }
}
