import Distillation
import Environments
import Experience
import Experiments
import Logging
import Nodes
import Wire

/// Evaluations that begin with a stretch of a recorded stream: the coordinator, which has the run's folder, chooses it
/// before it tells the job, and its rows travel with the job. A prompt that cannot be had ends the jobs that need it and
/// nothing else; what the run says of them stands at its end.
extension Coordinator {
    /// Of the optimum: what a prompt may be away from the quality asked for without a warning.
    private static let noticeableDistance = 0.1

    /// The job as its evaluator is told it: with its prompt, where it begins with one. Nil while that is looked for, and
    /// where it cannot be had, in which case the job is over.
    func prompted(_ leased: LeasedJob) -> EvaluationJob? {
        guard let settings = leased.prompt else { return leased.job }
        let key = Prompts.Key(task: leased.job.task, settings: settings)
        switch prompts.finding(key, search: search(key)) {
        case .underWay: return nil
        case .found(let stretch):
            do { return try begin(leased.job, with: stretch, settings) } catch {
                giveUp(key, because: "\(error)")
                return nil
            }
        case .missing(let reason):
            giveUp(key, because: reason)
            return nil
        }
    }

    private func search(_ key: Prompts.Key) -> @Sendable () throws -> PromptStretch {
        let (distribution, folder) = (context.distribution, folder)
        return {
            let optimum = distribution.references(of: try distribution.task(key.task)).optimum
            return try PromptSearch(key.settings, optimum: optimum, in: distribution.environment)
                .find(task: key.task, in: folder)
        }
    }

    /// Throws `SettingsError` for a policy that is none.
    private func begin(
        _ job: EvaluationJob, with stretch: PromptStretch, _ settings: PromptSettings
    ) throws -> EvaluationJob {
        var job = job
        let choice = try PolicyChoice(job.policy)
        job.policy = choice.prompted(by: stretch, asked: settings.quality).described
        job.prompt = stretch.content
        return job
    }

    /// Tells the jobs whose prompts were found since the last tick, and gives up those whose were not.
    func tellPromptedJobs(now: UInt64, outbox: inout Outbox) {
        for key in prompts.takeEnded() {
            hasChanged = true
            movement.note(now: now)
            if let stretch = prompts.found(key) { tell(stretch, of: key) }
            for job in jobs.all where job.isLeased && job.promptKey == key {
                send(job, now: now, outbox: &outbox)
            }
        }
    }

    /// Which stretch was chosen, with a warning where none is near to what was asked for.
    private func tell(_ stretch: PromptStretch, of key: Prompts.Key) {
        let isFar = abs(stretch.share - key.settings.quality) > Self.noticeableDistance
        logger.log(
            level: isFar ? .warning : .info,
            isFar ? "no prompt is near to the quality asked for" : "a prompt was chosen",
            metadata: [
                "task": "\(key.task)", "asked": "\(key.settings.quality)", "found": "\(stretch.share)",
                "mean_return": "\(stretch.meanReturn)", "stream": "\(stretch.stream)",
                "first_row": "\(stretch.rows.lowerBound)",
            ])
    }

    private func giveUp(_ key: Prompts.Key, because reason: String) {
        for job in jobs.giveUp(key, because: reason) {
            logger.error(
                "an evaluation has no prompt",
                metadata: ["evaluation": "\(job.job.evaluation)", "task": "\(key.task)", "reason": "\(reason)"])
        }
        hasChanged = true
    }

    /// What the run ends with where some of its jobs could not be played.
    func failOfGivenUpJobs() {
        let lost = jobs.all.filter { $0.problem != nil }
        guard let first = lost.first, let problem = first.problem else { return }
        fail(
            "\(lost.count) of \(jobs.all.count) evaluation jobs could not be played, all else is done; the first, "
                + "\(first.job.evaluation) task \(first.job.task): \(problem); --resume tries them again")
    }
}
