import Distillation
import Environments
import Experience
import Experiments
import Logging
import Nodes
import Wire

/// Evaluating: jobs are queued as what acts in them is there, leased one to an evaluator, and each result is written down
/// once. A job's incarnation rises with each lease, so that the recorder takes streams from the last
/// holder alone.
extension Coordinator {
    /// A job whose results were unusable so often ends the run.
    static let failedResultLimit = 3

    /// Queues the jobs of what needs no checkpoint, at the start of a run. Throws what the experiment throws.
    func queueBaselines() throws {
        for planned in try context.experiment.baselineEvaluations(tasks: context.distribution) { try queue(planned) }
    }

    /// Queues what the experiment evaluates of the distillations and the lifetimes that have ended since
    /// (`Experiment.evaluations`).
    func queueEvaluations() throws {
        for index in distillations.all.indices where !distillations.all[index].isQueued {
            guard let checkpoint = distillations.all[index].lease.finalCheckpoint else { continue }
            distillations.all[index].isQueued = true
            let planned = try context.experiment.evaluations(
                of: checkpoint, variant: distillations.all[index].planned.variant, tasks: context.distribution)
            for evaluation in planned { try queue(evaluation) }
        }
        try queueLearntPolicies()
        let isAwaited = goal.collects && !policies.all.isEmpty
        let isThere = distillations.all.contains(where: \.isEnded) || policies.all.contains { $0.checkpoint != nil }
        if !goal.distils, !isAwaited, !isThere { fail("there is no checkpoint to evaluate") }
    }

    /// A job for each task that the goal has room for.
    func queue(_ planned: PlannedEvaluation) throws {
        for id in planned.tasks {
            let task = try context.task(id)
            guard goal.splits.contains(task.split) else { continue }
            let job = EvaluationJob(
                job: 0, evaluation: planned.name, checkpoint: planned.checkpoint, task: task.id, seeds: planned.seeds,
                episodes: planned.episodes, policy: planned.policy.described, recorderEndpoint: "",
                incarnation: earlierStarts << 32)
            guard jobs.add(job, split: task.split, prompt: planned.prompt) else { continue }
            // An earlier start may have begun it.
            if let keeper = keeper(of: job.lifetime) { pins.pin(job.lifetime, to: keeper) }
        }
    }

    /// Gives each evaluator without a job one.
    func scheduleJobs(now: UInt64, outbox: inout Outbox) throws {
        guard isRecording else { return }
        let busy = jobs.holders
        for name in nodes.staying(.evaluator).map(\.hello.name).sorted() where !busy.contains(name) {
            let job = jobs.lease(to: name, now: now) { discards[$0] != nil || !canBeRecorded($0) }
            guard let job else { continue }
            // There is no room on the disk: the job waits for its next turn.
            guard try pin(job.lifetime) else { return jobs.leave(name) }
            send(job, now: now, outbox: &outbox)
        }
    }

    /// Tells the job to its evaluator, with the recorder's endpoint and a ticket for it; once its prompt is there, where
    /// it begins with one.
    func send(_ job: LeasedJob, now: UInt64, outbox: inout Outbox) {
        guard let node = job.node, let recorder = recorder(of: job.lifetime), var message = prompted(job) else {
            return
        }
        message.recorderEndpoint = recorder.hello.endpoint
        message.recorderTicket =
            recorder.tickets?.ticket(
                of: message.lifetime, actors: 0..<message.seeds, incarnation: message.incarnation, holder: node) ?? []
        commands.send(.evaluationJob(message), to: .peer(node), now: now, outbox: &outbox)
    }

    /// A job's result: (seeds, episodes) returns. A job that no evaluator can do ends the run.
    func finish(
        _ result: EvaluationResult, from name: String, now: UInt64, outbox: inout Outbox
    ) throws -> Reception {
        switch jobs.take(result, from: name) {
        case .unknown: return .refused("\(result.job) is no job of this run")
        case .repeated: return .taken
        case .unusable(let job, let isHolders): return refuse(result, of: job, from: name, isHolders: isHolders)
        case .finished(let job, let endsEvaluation):
            movement.note(now: now)
            try journal.evaluated(job.job, split: job.split, returns: result.returns)
            if endsEvaluation { try journal.evaluationEnded(job.job.evaluation) }
            pins.close(job.lifetime)
            try scheduleJobs(now: now, outbox: &outbox)
            return .taken
        }
    }

    private func refuse(
        _ result: EvaluationResult, of leased: LeasedJob, from name: String, isHolders: Bool
    ) -> Reception {
        let job = leased.job
        let reason =
            "\(result.returns.count) returns of \(job.evaluation) task \(job.task), expected \(job.seeds * job.episodes)"
        guard isHolders else { return .refused(reason) }
        logger.error("an unusable result", metadata: ["evaluator": "\(name)", "reason": "\(reason)"])
        if leased.failures >= Self.failedResultLimit {
            fail(
                "\(job.evaluation) task \(job.task) had \(leased.failures) unusable results; "
                    + "the last one, from \(name): \(reason)")
        }
        return .refused(reason)
    }
}
