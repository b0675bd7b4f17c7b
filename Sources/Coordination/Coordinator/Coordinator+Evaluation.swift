import Distillation
import Environments
import Experience
import Experiments
import Logging
import Nodes
import Wire

/// One task with all its seeds under one policy, from the queue to its result: the unit of evaluation that is
/// leased.
struct LeasedJob {
    var job: EvaluationJob
    let split: Split
    /// The evaluator; nil while it waits for one.
    var node: String?
    var leasedAt: UInt64 = 0
    var isFinished = false
    /// Results for it that had a wrong size; `failedEvaluators` are those that they came from.
    var failures = 0
    var failedEvaluators: Set<String> = []
    /// Refusals of its streams by the recorder; `restsUntil` is when it may be leased again.
    var refusals = 0
    var restsUntil: UInt64 = 0
}

/// The evaluating phase: jobs are queued for the final checkpoint, leased one to an evaluator, and each result is
/// written down once. A job's incarnation rises with each lease, so that the recorder takes streams from the last
/// holder alone.
extension Coordinator {
    /// A job whose results were unusable so often ends the run.
    static let failedResultLimit = 3

    /// Queues what the experiment evaluates of the final checkpoint (`Experiment.evaluations`), a job for each task.
    func queueJobs() throws {
        guard let checkpoint = finalCheckpoint else { return fail("there is no checkpoint to evaluate") }
        let evaluate = context.experiment.evaluate
        for planned in try context.experiment.evaluations(of: checkpoint, tasks: context.distribution) {
            for id in planned.tasks {
                let task = try context.task(id)
                guard goal.splits.contains(task.split) else { continue }
                guard !finishedJobs.contains(FinishedJob(evaluation: planned.name, task: task.id)) else { continue }
                let job = EvaluationJob(
                    job: UInt64(jobs.count + 1), evaluation: planned.name, checkpoint: planned.checkpoint,
                    task: task.id, seeds: evaluate.seeds, episodes: evaluate.episodes,
                    policy: planned.policy.described, recorderEndpoint: "", incarnation: earlierStarts << 32)
                jobs.append(LeasedJob(job: job, split: task.split))
                unfinishedJobs += 1
            }
        }
    }

    /// Gives each evaluator without a job one.
    func scheduleJobs(now: UInt64, outbox: inout Outbox) {
        guard recorderEndpoint != nil else { return }
        let busy = Set(jobs.filter { !$0.isFinished }.compactMap(\.node))
        let free = members(.evaluator).filter { nodes[$0]?.isLeaving == false && !busy.contains($0) }.sorted()
        for name in free {
            guard let index = nextJob(for: name, now: now) else { continue }
            jobs[index].node = name
            jobs[index].leasedAt = now
            jobs[index].job.incarnation += 1
            send(jobs[index], now: now, outbox: &outbox)
        }
    }

    /// Whether the job may be leased now: it waits, has rested, and no files of it are to be moved aside.
    private func isFree(_ job: LeasedJob, now: UInt64) -> Bool {
        job.node == nil && !job.isFinished && now >= job.restsUntil && discards[job.lifetime] == nil
    }

    /// Leases the job to its node, with the recorder's endpoint and a ticket for it.
    func send(_ job: LeasedJob, now: UInt64, outbox: inout Outbox) {
        guard let node = job.node, let recorder else { return }
        var message = job.job
        message.recorderEndpoint = recorder.hello.endpoint
        message.recorderTicket =
            recorder.tickets?.ticket(
                of: message.lifetime, actors: 0..<message.seeds, incarnation: message.incarnation, holder: node) ?? []
        commands.send(.evaluationJob(message), to: .peer(node), now: now, outbox: &outbox)
    }

    /// The next job that waits; one at which this evaluator has not failed comes first.
    private func nextJob(for evaluator: String, now: UInt64) -> Int? {
        let waiting = jobs.indices.filter { isFree(jobs[$0], now: now) }
        return waiting.first { !jobs[$0].failedEvaluators.contains(evaluator) } ?? waiting.first
    }

    /// A job's result: (seeds, episodes) returns. It counts once, however often it arrives and from whichever
    /// evaluator, since all would come out the same.
    func finish(
        _ result: EvaluationResult, from name: String, now: UInt64, outbox: inout Outbox
    ) throws -> Reception {
        guard let index = jobs.firstIndex(where: { $0.job.job == result.job }) else {
            return .refused("\(result.job) is no job of this run")
        }
        guard !jobs[index].isFinished else { return .taken }
        let job = jobs[index].job
        guard result.returns.count == job.seeds * job.episodes else {
            return refuse(result, of: index, from: name)
        }
        jobs[index].isFinished = true
        unfinishedJobs -= 1
        moved(now: now)
        try journal.evaluated(job, split: jobs[index].split, returns: result.returns)
        if !jobs.contains(where: { !$0.isFinished && $0.job.evaluation == job.evaluation }) {
            try journal.evaluationEnded(job.evaluation)
        }
        scheduleJobs(now: now, outbox: &outbox)
        return .taken
    }

    /// The job goes to another evaluator where there is one; a job that no evaluator can do ends the run.
    private func refuse(_ result: EvaluationResult, of index: Int, from name: String) -> Reception {
        let job = jobs[index].job
        let reason =
            "\(result.returns.count) returns of \(job.evaluation) task \(job.task), expected \(job.seeds * job.episodes)"
        guard jobs[index].node == name else { return .refused(reason) }
        logger.error("an unusable result", metadata: ["evaluator": "\(name)", "reason": "\(reason)"])
        jobs[index].node = nil
        jobs[index].failures += 1
        jobs[index].failedEvaluators.insert(name)
        if jobs[index].failures >= Self.failedResultLimit {
            fail(
                "\(job.evaluation) task \(job.task) had \(jobs[index].failures) unusable results; "
                    + "the last one, from \(name): \(reason)")
        }
        return .refused(reason)
    }
}
