import Coordination
import Distillation
import Environments
import Experience
import Testing
import Wire

private let second: UInt64 = 1_000_000_000

@Suite("The jobs of evaluations")
struct EvaluationJobsTests {
    private func job(_ task: Int, of evaluation: String = "step-1-test", incarnation: UInt64 = 0) -> EvaluationJob {
        EvaluationJob(
            job: 0, evaluation: evaluation, checkpoint: "step-1", task: task, seeds: 2, episodes: 3,
            policy: .inContext(temperature: 1, clearContext: false), recorderEndpoint: "", incarnation: incarnation)
    }

    private func jobs(_ count: Int) -> EvaluationJobs {
        var jobs = EvaluationJobs()
        for task in 0..<count { jobs.add(job(task), split: .test) }
        return jobs
    }

    private func lease(_ jobs: inout EvaluationJobs, to evaluator: String, now: UInt64 = 0) -> Int? {
        jobs.lease(to: evaluator, now: now) { _ in false }?.job.task
    }

    private func result(_ job: UInt64, returns: Int = 6) -> EvaluationResult {
        EvaluationResult(job: job, returns: Array(repeating: 0, count: returns))
    }

    @Test("jobs are numbered from 1 and leased in order, one to an evaluator, with a higher incarnation each time")
    func order() {
        var jobs = EvaluationJobs(finishedBefore: [FinishedJob(evaluation: "step-1-test", task: 0)])
        for task in 0..<3 { jobs.add(job(task, incarnation: 4 << 32), split: .test) }
        #expect(jobs.all.map(\.job.job) == [1, 2] && jobs.all.map(\.job.task) == [1, 2] && jobs.unfinished == 2)
        #expect(jobs.has("step-1-test", task: 0) && jobs.has("step-1-test", task: 2))
        #expect(!jobs.has("step-1-train", task: 2))
        let first = jobs.lease(to: "a", now: 7) { _ in false }
        #expect(first?.job.task == 1 && first?.job.incarnation == 4 << 32 + 1 && first?.leasedAt == 7)
        #expect(jobs.holders == ["a"] && jobs.isBusy("a", with: "step-1") && !jobs.isBusy("a", with: "step-2"))
        jobs.leave("b")
        #expect(jobs.isBusy("a"))
        jobs.leave("a")
        #expect(jobs.holders.isEmpty)
        let again = jobs.lease(to: "b", now: 9) { _ in false }
        #expect(again?.job.task == 1 && again?.job.incarnation == 4 << 32 + 2)
    }

    @Test("jobs whose prompt cannot be had are over without a result, and leave their evaluator free for others")
    func givenUp() {
        var jobs = EvaluationJobs()
        let (good, bad) = (PromptSettings(), PromptSettings(quality: 0.5))
        jobs.add(job(4), split: .test, prompt: bad)
        jobs.add(job(4, of: "step-2-test"), split: .test, prompt: bad)
        jobs.add(job(4, of: "step-1-good"), split: .test, prompt: good)
        jobs.add(job(5), split: .test, prompt: bad)
        #expect(lease(&jobs, to: "a") == 4 && jobs.isBusy("a"))
        let lost = jobs.giveUp(Prompts.Key(task: 4, settings: bad), because: "why")
        #expect(lost.map(\.job.job) == [1, 2] && lost.allSatisfy { $0.problem == "why" })
        #expect(
            jobs.unfinished == 2 && !jobs.isBusy("a")
                && jobs.giveUp(lost[0].promptKey ?? .init(task: 0, settings: good), because: "").isEmpty)
        #expect(jobs.lease(to: "a", now: 0) { _ in false }?.job.evaluation == "step-1-good")
        guard case .repeated = jobs.take(result(1), from: "a") else {
            Issue.record("a result of a job that was given up counts")
            return
        }
    }

    @Test("a result counts once, from whichever evaluator, and the last of an evaluation ends it")
    func results() {
        var jobs = jobs(2)
        jobs.add(job(5, of: "step-1-train"), split: .train)
        guard case .finished(let job, endsEvaluation: false) = jobs.take(result(1), from: "anyone") else {
            Issue.record("the first result does not count")
            return
        }
        #expect(job.job.task == 0 && jobs.unfinished == 2)
        guard case .repeated = jobs.take(result(1), from: "anyone"), case .unknown = jobs.take(result(9), from: "a"),
            case .finished(_, endsEvaluation: true) = jobs.take(result(2), from: "a")
        else {
            Issue.record("a result counts otherwise")
            return
        }
        #expect(jobs.unfinished == 1)
    }

    @Test("a result of a wrong size takes the job from its evaluator, which gets others first")
    func unusable() {
        var jobs = jobs(2)
        #expect(lease(&jobs, to: "a") == 0)
        guard case .unusable(_, isHolders: false) = jobs.take(result(1, returns: 5), from: "b"),
            case .unusable(let job, isHolders: true) = jobs.take(result(1, returns: 5), from: "a")
        else {
            Issue.record("a wrong size is taken otherwise")
            return
        }
        #expect(job.failures == 1 && job.node == nil && jobs.unfinished == 2)
        #expect(lease(&jobs, to: "a") == 1)
        jobs.leave("a")
        #expect(lease(&jobs, to: "b") == 0)
        // Nothing else is left: it may try the one at which it has failed once more.
        jobs.leave("b")
        _ = lease(&jobs, to: "c")
        #expect(lease(&jobs, to: "a") == 1)
    }

    @Test("refused streams let a job rest, and the next lease is above the incarnation that was named")
    func refused() {
        var jobs = jobs(1)
        let held = jobs.lease(to: "a", now: 0) { _ in true }
        #expect(held == nil)
        #expect(lease(&jobs, to: "a") == 0)
        let lifetime = jobs.all[0].lifetime
        func refusal(_ incarnation: UInt64, above: UInt64) -> StreamsRefused {
            StreamsRefused(
                lifetime: lifetime, firstActor: 0, incarnation: incarnation, above: above, reason: "there",
                cause: .refusal)
        }
        let limit: UInt64 = 1 << 56
        #expect(jobs.refuse(refusal(1, above: 8), from: "b", limit: limit, now: 0) == nil)
        #expect(jobs.refuse(refusal(0, above: 8), from: "a", limit: limit, now: 0) == nil)
        #expect(jobs.refuse(refusal(1, above: 8), from: "a", limit: limit, now: 0)?.refusals == 1)
        #expect(lease(&jobs, to: "a") == 0 && jobs.all[0].job.incarnation == 9)
        #expect(jobs.refuse(refusal(9, above: limit), from: "a", limit: limit, now: second)?.refusals == 2)
        #expect(lease(&jobs, to: "a", now: 3 * second / 2 - 1) == nil)
        #expect(lease(&jobs, to: "a", now: 3 * second / 2) == 0 && jobs.all[0].job.incarnation == 10)
    }
}
