package import Distillation
package import Environments
package import Experience
import Nodes
package import Wire

/// One task with all its seeds under one policy, from the queue to its result: the unit of evaluation that is
/// leased.
package struct LeasedJob {
    /// What the evaluator is told, but for the recorder's endpoint and ticket. Its incarnation rises with each lease.
    package fileprivate(set) var job: EvaluationJob
    package let split: Split
    /// What is to be in the context before its first step; the stretch itself is found when it is leased.
    package let prompt: PromptSettings?
    /// The evaluator; nil while the job waits for one.
    package fileprivate(set) var node: String?
    /// In nanoseconds of the coordinator's clock.
    package fileprivate(set) var leasedAt: UInt64 = 0
    package fileprivate(set) var isFinished = false
    /// Why it cannot be played; it counts as finished then, without a result. Nil where nothing is wrong with it.
    package fileprivate(set) var problem: String?
    /// Results that had a wrong size.
    package fileprivate(set) var failures = 0
    /// Those that the unusable results came from.
    fileprivate var failedEvaluators: Set<String> = []
    /// Refusals of its streams by the recorder, and failures of its environments, in all.
    package fileprivate(set) var refusals = 0
    /// Why its environments failed, where they did last; empty where the recorder refused its streams.
    package fileprivate(set) var lastFailure = ""
    /// When it may be leased again.
    fileprivate var restsUntil: UInt64 = 0

    /// Whose streams it plays.
    package var lifetime: LifetimeIdentifier { job.lifetime }

    /// What its prompt is of; nil where it has none.
    package var promptKey: Prompts.Key? { prompt.map { Prompts.Key(task: job.task, settings: $0) } }

    /// An evaluator has it.
    package var isLeased: Bool { node != nil && !isFinished }
}

/// The jobs of the run's evaluations, in the order in which they are given out: each is leased to one evaluator at a
/// time, and its result counts once. Owned by the coordinator, which sends the jobs and writes the results down.
package struct EvaluationJobs {
    /// What has become of a result.
    package enum Outcome {
        /// No job of this run has its number.
        case unknown
        /// It came before.
        case repeated
        /// It has not as many returns as its job has seeds times episodes. `isHolders`: it is of the evaluator that has
        /// the job, which goes to another.
        case unusable(LeasedJob, isHolders: Bool)
        /// The first result of its job. `endsEvaluation`: no other job of the evaluation is left.
        case finished(LeasedJob, endsEvaluation: Bool)
    }

    /// A job's number is its place, from 1.
    package private(set) var all: [LeasedJob] = []
    /// Jobs without a result.
    package private(set) var unfinished = 0
    /// Jobs that an earlier start of the run has finished.
    private let finishedBefore: Set<FinishedJob>

    package init(finishedBefore: Set<FinishedJob> = []) { self.finishedBefore = finishedBefore }

    /// Whether the task is one of the evaluation's, in this start of the run or an earlier one.
    package func has(_ evaluation: String, task: Int) -> Bool {
        finishedBefore.contains(FinishedJob(evaluation: evaluation, task: task))
            || all.contains { $0.job.evaluation == evaluation && $0.job.task == task }
    }

    /// Whether the evaluator has a job, of this checkpoint where one is named.
    package func isBusy(_ evaluator: String, with checkpoint: String? = nil) -> Bool {
        all.contains {
            $0.node == evaluator && !$0.isFinished && (checkpoint == nil || $0.job.checkpoint == checkpoint)
        }
    }

    /// Evaluators that have a job.
    package var holders: Set<String> { Set(all.filter { !$0.isFinished }.compactMap(\.node)) }

    /// Queues a job, whose number is set; false where an earlier start has finished it.
    @discardableResult
    package mutating func add(_ job: EvaluationJob, split: Split, prompt: PromptSettings? = nil) -> Bool {
        guard !finishedBefore.contains(FinishedJob(evaluation: job.evaluation, task: job.task)) else { return false }
        var job = job
        job.job = UInt64(all.count + 1)
        all.append(LeasedJob(job: job, split: split, prompt: prompt))
        unfinished += 1
        return true
    }

    /// Leases the next job that waits and has rested; one at which this evaluator has not failed comes first. Nil
    /// where there is none. `isHeld`: its files are to be moved aside before it is played again.
    package mutating func lease(
        to evaluator: String, now: UInt64, isHeld: (LifetimeIdentifier) -> Bool
    ) -> LeasedJob? {
        let waiting = all.indices.filter {
            all[$0].node == nil && !all[$0].isFinished && now >= all[$0].restsUntil && !isHeld(all[$0].lifetime)
        }
        let preferred = waiting.first { !all[$0].failedEvaluators.contains(evaluator) }
        guard let index = preferred ?? waiting.first else { return nil }
        all[index].node = evaluator
        all[index].leasedAt = now
        all[index].job.incarnation += 1
        return all[index]
    }

    /// The jobs that begin with this prompt cannot be played. Gives those that were not finished.
    package mutating func giveUp(_ prompt: Prompts.Key, because reason: String) -> [LeasedJob] {
        all.indices.filter { all[$0].promptKey == prompt && !all[$0].isFinished }.map { index in
            all[index].isFinished = true
            all[index].problem = reason
            unfinished -= 1
            return all[index]
        }
    }

    /// The evaluator has left the run: its job waits for another.
    package mutating func leave(_ evaluator: String) {
        for index in all.indices where all[index].node == evaluator && !all[index].isFinished { all[index].node = nil }
    }

    /// Takes a result: it counts once, however often it arrives and from whichever evaluator, since all would come out
    /// the same.
    package mutating func take(_ result: EvaluationResult, from evaluator: String) -> Outcome {
        guard let index = all.firstIndex(where: { $0.job.job == result.job }) else { return .unknown }
        guard !all[index].isFinished else { return .repeated }
        let job = all[index].job
        guard result.returns.count == job.seeds * job.episodes else {
            let isHolders = all[index].node == evaluator
            if isHolders {
                all[index].node = nil
                all[index].failures += 1
                all[index].failedEvaluators.insert(evaluator)
            }
            return .unusable(all[index], isHolders: isHolders)
        }
        all[index].isFinished = true
        unfinished -= 1
        let endsEvaluation = !all.contains { !$0.isFinished && $0.job.evaluation == job.evaluation }
        return .finished(all[index], endsEvaluation: endsEvaluation)
    }

    /// The recorder has refused the streams of a job: it rests, and is leased again above the incarnation that the
    /// report names, if that is below `limit`. Nil where the report is not the holder's, of the last lease.
    package mutating func refuse(_ refused: StreamsRefused, from evaluator: String, limit: UInt64, now: UInt64)
        -> LeasedJob?
    {
        let place = all.firstIndex {
            $0.lifetime == refused.lifetime && $0.node == evaluator && $0.job.incarnation == refused.incarnation
                && !$0.isFinished
        }
        guard let place else { return nil }
        all[place].node = nil
        all[place].refusals += 1
        all[place].lastFailure = refused.cause == .environment ? refused.reason : ""
        all[place].restsUntil = now + RestingLifetimes.rest(after: all[place].refusals)
        if refused.above < limit { all[place].job.incarnation = max(all[place].job.incarnation, refused.above) }
        return all[place]
    }
}
