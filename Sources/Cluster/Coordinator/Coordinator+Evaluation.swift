import Environments
import Experiments
import Logging
import Wire

/// One task with all its seeds, from the queue to its result.
struct LeasedJob {
    var job: EvaluationJob
    let split: Split
    /// The evaluator; nil while it waits for one.
    var node: String?
    var leasedAt: UInt64 = 0
    var isFinished = false
}

extension Coordinator {
    /// Held-out tasks in context, the same with the context cleared at every episode, some train tasks in context.
    func queueJobs() throws {
        guard let checkpoint = finalCheckpoint else { return fail("there is no checkpoint to evaluate") }
        let evaluate = context.experiment.evaluate
        let test = context.experiment.testTasks(of: context.distribution)
        let train = context.experiment.trainTasks(of: context.distribution).spread(evaluate.trainTasks)
        var plans: [(suffix: String, tasks: [Task], clears: Bool)] = [("test", test, false)]
        if evaluate.control { plans.append(("test-cleared", test, true)) }
        plans.append(("train", train, false))
        for plan in plans {
            for task in plan.tasks where goal.splits.contains(task.split) {
                let name = "\(checkpoint)-\(plan.suffix)"
                guard !finishedJobs.contains(FinishedJob(evaluation: name, task: task.id)) else { continue }
                let job = EvaluationJob(
                    job: UInt64(jobs.count + 1), evaluation: name, checkpoint: checkpoint, task: task.id,
                    seeds: evaluate.seeds, episodes: evaluate.episodes, clearContext: plan.clears,
                    temperature: evaluate.temperature, recorderEndpoint: "", incarnation: earlierStarts << 32)
                jobs.append(LeasedJob(job: job, split: task.split))
                unfinishedJobs += 1
            }
        }
    }

    func scheduleJobs(now: UInt64, outbox: inout Outbox) {
        guard recorderEndpoint != nil else { return }
        let busy = Set(jobs.filter { !$0.isFinished }.compactMap(\.node))
        let free = members(.evaluator).filter { nodes[$0]?.isLeaving == false && !busy.contains($0) }.sorted()
        for name in free {
            guard let index = jobs.firstIndex(where: { $0.node == nil && !$0.isFinished }) else { return }
            jobs[index].node = name
            jobs[index].leasedAt = now
            jobs[index].job.incarnation += 1
            send(jobs[index], now: now, outbox: &outbox)
        }
    }

    func send(_ job: LeasedJob, now: UInt64, outbox: inout Outbox) {
        guard let node = job.node, let recorderEndpoint else { return }
        var message = job.job
        message.recorderEndpoint = recorderEndpoint
        commands.send(.evaluationJob(message), to: .peer(node), now: now, outbox: &outbox)
    }

    /// A result counts once, however often it arrives and whoever it comes from.
    func finish(_ result: EvaluationResult, now: UInt64, outbox: inout Outbox) throws {
        guard let index = jobs.firstIndex(where: { $0.job.job == result.job }), !jobs[index].isFinished else { return }
        let job = jobs[index].job
        guard result.returns.count == job.seeds * job.episodes else {
            logger.warning(
                "a result of the wrong size", metadata: ["job": "\(job.job)", "returns": "\(result.returns.count)"])
            jobs[index].node = nil
            return
        }
        jobs[index].isFinished = true
        unfinishedJobs -= 1
        try journal.evaluated(job, split: jobs[index].split, returns: result.returns)
        scheduleJobs(now: now, outbox: &outbox)
    }
}

extension Array {
    /// `count` elements at even distances.
    fileprivate func spread(_ count: Int) -> [Element] {
        guard count < self.count else { return self }
        return (0..<count).map { self[$0 * self.count / count] }
    }
}
