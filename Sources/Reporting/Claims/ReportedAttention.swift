package import Distillation
import Environments
import Experience
import Experiments
import Foundation
import Histories

/// What a model attends to along the streams of an evaluation: one of each task, as the section `attention` of the
/// experiment says.
package struct ReportedAttention: Sendable {
    package let curve: String
    /// Ids, each with what was computed of its stream.
    let tasks: [(task: Int, attention: StreamAttention)]
    /// As the run names it.
    let checkpoint: String
    /// Of the first task, below the run's folder.
    let stream: String

    /// The first decisions, for pictures.
    var first: StreamAttention? { tasks.first?.attention }

    /// All decisions together, for a table.
    var all: StreamAttention? {
        first.map {
            StreamAttention(layers: $0.layers, heads: $0.heads, decisions: tasks.flatMap(\.attention.decisions))
        }
    }

    /// What was computed elsewhere.
    package init(
        curve: String, checkpoint: String, stream: String, tasks: [(task: Int, attention: StreamAttention)]
    ) {
        self.curve = curve
        self.checkpoint = checkpoint
        self.stream = stream
        self.tasks = tasks
    }

    /// Nil where nothing of the kind was evaluated yet. Throws what reading the checkpoint and the streams throws, and
    /// `HistoriesError` for rows that they do not have.
    init?(_ settings: AttentionSettings, _ evaluations: ReportedEvaluations, in folder: URL) throws {
        let name = CurveName(settings.curve)
        guard let member = evaluations.members(name.acting ?? "", name.label).first, let acting = member.checkpoint
        else {
            return nil
        }
        let model = try Checkpoint(folder: folder.appendingPathComponent("checkpoints/distiller/\(acting)")).makeModel()
        let paths = member.tasks.prefix(settings.tasks).map { task in
            let lifetime = LifetimeIdentifier(collection: .evaluation(member.folder), task: task, repetition: 0)
            return (task: task, path: StreamIdentifier(lifetime: lifetime, actor: 0).path)
        }
        tasks = try paths.map { task, path in
            let contents = try StreamContents(path: folder.appendingPathComponent(path).path)
            return (task, try StreamAttention(model: model, stream: contents, rows: settings.rows))
        }
        curve = settings.curve
        checkpoint = acting
        stream = paths.first?.path ?? ""
    }

    /// (tasks): the share of attention that a claim is about, and that of even attention.
    func shares(_ measure: ClaimSettings.Measure) -> [AttentionSummary.Share] {
        tasks.map { _, attention in
            let mean = AttentionSummary(attention).mean
            return switch measure {
            case .rewards: mean.rewards
            case .episodeStarts: mean.episodeStarts
            default: mean.earlierEpisodes
            }
        }
    }
}

extension ClaimStatistic {
    /// Of attention: the mean over tasks of a share, above that of even attention.
    init(_ claim: ClaimSettings, _ attention: ReportedAttention) {
        let shares = attention.shares(claim.measure)
        let differences = shares.map { $0.attention - $0.uniform }
        var random = PhiloxSequence(Philox(key0: 0x636C_6169, key1: 1), purpose: .other)
        let draws = (0..<Bootstrap.mostDraws).map { _ in
            average(differences.map { _ in differences[random.below(differences.count)] }[...])
        }
        self.init(
            counts: ClaimCounts(trainings: 1, tasks: shares.count, seeds: 1),
            value: average(shares.map(\.attention)[...]), measured: average(differences[...]),
            interval: differences.count > 1 ? Interval(draws: draws) : nil)
    }
}
