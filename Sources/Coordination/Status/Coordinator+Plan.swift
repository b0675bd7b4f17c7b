import Distillation
import Environments
import Experiments
import Wire

extension Coordinator {
    /// The plan of work as people are shown it: each item, how far it is and what it waits for.
    var plan: [ClusterStatus.PlanItem] {
        (goal.collects ? [histories] : []) + (goal.distils ? distillations.all.map(item) : []) + evaluationItems
    }

    private static let histories = "histories"

    private var histories: ClusterStatus.PlanItem {
        let state: ClusterStatus.PlanItem.State =
            areHistoriesComplete ? .finished : lifetimes.leased.isEmpty && seals.areComplete ? .ready : .running
        return ClusterStatus.PlanItem(
            kind: .histories, name: Self.histories, state: state, waitsFor: [], nodes: [],
            done: lifetimes.count(.finished), total: lifetimes.values.count)
    }

    private func item(_ distillation: Distillations.Item) -> ClusterStatus.PlanItem {
        let holder = distillation.isEnded ? nil : distillation.lease.distiller
        let isReady = canBegin(distillation)
        return ClusterStatus.PlanItem(
            kind: .distillation, name: distillation.planned.title,
            state: distillation.isEnded ? .finished : holder != nil ? .running : isReady ? .ready : .waiting,
            waitsFor: isReady || distillation.isEnded ? [] : [Self.histories], nodes: [holder].compactMap { $0 },
            done: Int(clamping: distillation.lease.step), total: distillation.planned.settings.training.steps)
    }

    /// Those that are queued, then those whose checkpoint is not there yet.
    private var evaluationItems: [ClusterStatus.PlanItem] {
        guard goal.evaluates else { return [] }
        var order: [String] = []
        var members: [String: [LeasedJob]] = [:]
        for job in jobs.all {
            let name = job.job.evaluation
            if members[name] == nil { order.append(name) }
            members[name, default: []].append(job)
        }
        let queued = order.map { name in
            let jobs = members[name] ?? []
            let done = jobs.count(where: \.isFinished)
            let nodes = Set(jobs.filter(\.isLeased).compactMap(\.node)).sorted()
            return ClusterStatus.PlanItem(
                kind: .evaluation, name: name,
                state: done == jobs.count ? .finished : nodes.isEmpty ? .ready : .running, waitsFor: [], nodes: nodes,
                done: done, total: jobs.count)
        }
        return queued + distillations.all.filter { !$0.isQueued }.flatMap(awaited)
            + policies.all.filter { !$0.isQueued }.flatMap(awaited)
    }

    private func awaited(_ distillation: Distillations.Item) -> [ClusterStatus.PlanItem] {
        let planned = try? context.experiment.evaluations(
            of: distillation.planned.checkpoint("step"), variant: distillation.planned.variant,
            tasks: context.distribution)
        return awaited(planned ?? [], of: distillation.name, waitsFor: distillation.planned.title)
    }

    private func awaited(_ policy: LearntPolicies.Item) -> [ClusterStatus.PlanItem] {
        let planned = try? context.experiment.evaluations(
            of: policy.planned, checkpoint: nil, tasks: context.distribution)
        return awaited(planned ?? [], of: policy.planned.name, waitsFor: Self.histories)
    }

    private func awaited(
        _ planned: [PlannedEvaluation], of acting: String, waitsFor item: String
    ) -> [ClusterStatus.PlanItem] {
        planned.compactMap { evaluation in
            let jobs = evaluation.tasks.count { id in
                (try? context.task(id)).map { goal.splits.contains($0.split) } ?? false
            }
            guard jobs > 0 else { return nil }
            return ClusterStatus.PlanItem(
                kind: .evaluation, name: [acting, evaluation.label].filter { !$0.isEmpty }.joined(separator: "-"),
                state: .waiting, waitsFor: [item], nodes: [], done: 0, total: jobs)
        }
    }
}
