import Catalog
import Distillation
import Environments
import Experiments
import Foundation

/// What was trained: one training of one variant. Of a run that trains one model alone, `variant` is empty and `seed` nil.
struct ReportedTraining: Hashable {
    /// The folder of its checkpoints below `checkpoints/distiller`, or `checkpoints/learner`: `ed-seed-1`, `rl2`; empty
    /// where they lie there themselves.
    let name: String

    /// Of a checkpoint's name as the catalogue has it: `ed-seed-1/step-00020000`, or `step-00020000`.
    init(checkpoint: String) { name = Checkpoint.parts(of: checkpoint).distillation }

    init(name: String) { self.name = name }

    private var seedSuffix: Substring? {
        guard let range = name.range(of: "seed-", options: .backwards), Int(name[range.upperBound...]) != nil,
            range.lowerBound == name.startIndex || name[..<range.lowerBound].hasSuffix("-")
        else { return nil }
        return name[range.lowerBound...]
    }

    /// Empty where there are none.
    var variant: String {
        guard let seedSuffix else { return name }
        return String(name.dropLast(seedSuffix.count).prefix(max(0, name.count - seedSuffix.count - 1)))
    }

    /// Which of several trainings of the same settings; nil where there is one.
    var seed: Int? { seedSuffix.flatMap { Int($0.dropFirst("seed-".count)) } }
}

/// One policy on some tasks, all jobs together: what a line of a figure and a row of a table are about.
struct ReportedEvaluation {
    /// The folder of its streams.
    let name: String
    /// What acted by a checkpoint; nil for a policy that needs none.
    let training: ReportedTraining?
    /// Nil for a policy that needs none.
    let checkpoint: String?
    /// What the experiment calls it, whatever acts: `test`, `test-cleared`, `train`, or a name of its list.
    let label: String
    /// Which tasks of the environment: `train`, `test`, or a name that the environment has for them.
    let group: String
    let kind: EvaluationKind
    /// Ids of tasks that have a curve at least, in the catalogue's order.
    let tasks: [Int]
    /// (tasks, seeds, points).
    let curves: LearningCurves
}

/// The evaluations of a run, found by what they are about.
struct ReportedEvaluations {
    /// Of all checkpoints, those without curves left out.
    let all: [ReportedEvaluation]
    /// Of held-out tasks, then of others, each in the order of the experiment.
    let labels: [String]
    /// In the order of the experiment; one empty name where there are no variants.
    let variants: [String]
    private let names: EvaluationNames
    /// The last evaluated checkpoint of each training, which the report is about.
    private let last: [ReportedTraining: String]

    init(_ contents: RunContents) {
        let names = EvaluationNames(contents)
        self.names = names
        let steps = Dictionary(
            contents.checkpoints.map { ($0.name, $0.step) }, uniquingKeysWith: { first, _ in first })
        let jobs = Dictionary(grouping: contents.evaluations, by: \.evaluation.evaluation)
        let finalPoints = contents.finalPoints
        all = jobs.sorted { $0.key < $1.key }.compactMap { name, jobs in
            let played = jobs.filter { $0.returns.contains { !$0.isEmpty } }
            guard let first = played.first?.evaluation else { return nil }
            let label = names.label(of: first)
            return ReportedEvaluation(
                name: name,
                training: first.checkpoint.map(ReportedTraining.init(checkpoint:)), checkpoint: first.checkpoint,
                label: label, group: names.group(of: first, label), kind: first.kind,
                tasks: played.map(\.evaluation.task),
                curves: LearningCurves(
                    played.map { $0.returns.map { $0.map(Double.init) } }, finalPoints: finalPoints))
        }
        let found = Set(all.filter { $0.checkpoint != nil }.map(\.label))
        let held = Set(all.filter { $0.group == Split.test.rawValue }.map(\.label))
        labels = names.ordered(found.intersection(held)) + names.ordered(found.subtracting(held))
        variants = names.orderedVariants(Set(all.compactMap(\.training?.variant)))
        last = Dictionary(grouping: all.filter { $0.checkpoint != nil }, by: { $0.training ?? .init(name: "") })
            .compactMapValues { members in
                members.compactMap(\.checkpoint).max { (steps[$0] ?? 0, $0) < (steps[$1] ?? 0, $1) }
            }
    }

    /// Names of variants in the order of the experiment, those that it does not know behind them.
    func ordered(variants: Set<String>) -> [String] { names.orderedVariants(variants) }

    /// The experiment has variants, which are compared: also while only one of them is evaluated yet.
    var areSeveral: Bool { variants.contains { !$0.isEmpty } }

    /// Checkpoints that the report is about, in the order of the variants and seeds.
    var checkpoints: [String] {
        variants.flatMap { variant in
            last.filter { $0.key.variant == variant }.sorted { ($0.key.seed ?? 0) < ($1.key.seed ?? 0) }.map(\.value)
        }
    }

    /// Of the last checkpoints of a variant's trainings, by seed.
    func members(_ variant: String, _ label: String) -> [ReportedEvaluation] {
        all.filter { evaluation in
            guard let training = evaluation.training, training.variant == variant, evaluation.label == label else {
                return false
            }
            return last[training] == evaluation.checkpoint
        }.sorted { ($0.training?.seed ?? 0) < ($1.training?.seed ?? 0) }
    }

    /// The trainings of a variant together; nil where none was evaluated so.
    func pooled(_ variant: String, _ label: String) -> PooledEvaluation? {
        PooledEvaluation(members(variant, label))
    }

    /// What was played without a checkpoint under this label, and of other policies what was played on the same tasks.
    /// One evaluation of each policy.
    func baselines(_ label: String, group: String) -> [ReportedEvaluation] {
        let tasks = Set(all.first { $0.label == label && $0.checkpoint != nil }?.tasks ?? [])
        let others = all.filter { $0.checkpoint == nil }
        let beside = others.filter { $0.label != label && $0.group == group && Set($0.tasks) == tasks }
        var kinds: Set<EvaluationKind> = []
        return (others.filter { $0.label == label } + beside).filter { kinds.insert($0.kind).inserted }
            .sorted { $0.kind.rawValue < $1.kind.rawValue }
    }

    /// The only label of a kind and a group, where the experiment's own names do not matter.
    func label(_ group: String, _ kind: EvaluationKind) -> String? {
        labels.first { label in
            all.contains { $0.label == label && $0.group == group && $0.kind == kind && $0.checkpoint != nil }
        }
    }
}

/// The same evaluation of several trainings: their curves on the tasks that all of them were played on.
struct PooledEvaluation {
    let members: [ReportedEvaluation]
    let tasks: [Int]
    let curves: LearningCurves

    /// Nil without any.
    init?(_ members: [ReportedEvaluation]) {
        guard let first = members.first else { return nil }
        let common = members.dropFirst().reduce(Set(first.tasks)) { $0.intersection($1.tasks) }
        guard !common.isEmpty else { return nil }
        self.members = members
        tasks = first.tasks.filter(common.contains)
        let order = tasks
        curves = LearningCurves(
            trainings: members.map { member in
                let position = Dictionary(uniqueKeysWithValues: member.tasks.enumerated().map { ($1, $0) })
                let returns = order.compactMap { position[$0] }.compactMap { member.curves.trainings.first?[$0] }
                return LearningCurves(returns, finalPoints: member.curves.finalPoints)
            })
    }

    var group: String { members.first?.group ?? "" }
    var kind: EvaluationKind { members.first?.kind ?? .inContext }
}

/// How an experiment calls its evaluations, by the folders of their streams.
private struct EvaluationNames {
    /// By label.
    private let groups: [String: String]
    private let order: [String]
    private let variants: [String]

    /// Where the experiment cannot be read, evaluations are taken to be those of one that lists none.
    init(_ contents: RunContents) {
        let listed = contents.experiment?.listedEvaluations ?? []
        order = listed.isEmpty ? ["test", "test-cleared", "train"] : listed.map(\.name)
        groups = Dictionary(listed.map { ($0.name, $0.tasks) }, uniquingKeysWith: { first, _ in first })
        variants = contents.experiment?.variants.map(\.name) ?? []
    }

    /// What is left of the folder's name without the checkpoint's or the policy's. A name of another kind is told by what
    /// the catalogue says of it.
    func label(of record: EvaluationRecord) -> String {
        let acting = (record.checkpoint ?? record.kind.rawValue).replacing("/", with: "-")
        // What a lifetime has learnt is one checkpoint, so that its evaluations are not called by the step.
        let training = record.checkpoint.map { Checkpoint.parts(of: $0).distillation } ?? ""
        for first in [acting, training] where !first.isEmpty && record.evaluation.hasPrefix(first + "-") {
            return String(record.evaluation.dropFirst(first.count + 1))
        }
        return record.split.rawValue + (record.kind == .control ? "-cleared" : "")
    }

    func group(of record: EvaluationRecord, _ label: String) -> String { groups[label] ?? record.split.rawValue }

    func ordered(_ labels: Set<String>) -> [String] {
        order.filter(labels.contains) + labels.subtracting(order).sorted()
    }

    func orderedVariants(_ names: Set<String>) -> [String] {
        variants.filter(names.contains) + names.subtracting(variants).sorted()
    }
}
