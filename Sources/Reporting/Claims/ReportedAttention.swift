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
    /// As the run names it.
    let checkpoint: String
    /// Of the first task, below the run's folder.
    let stream: String
    /// The decisions along that stream, for pictures.
    let first: StreamAttention
    /// Of all tasks' decisions together.
    let summary: AttentionSummary
    /// (tasks): of each stream's decisions, the mean over all heads.
    private let means: [AttentionSummary.Head]

    /// `streams`: what was computed along the stream of each task. Nil without any.
    package init?(curve: String, checkpoint: String, stream: String, streams: [StreamAttention]) {
        guard let first = streams.first else { return nil }
        self.curve = curve
        self.checkpoint = checkpoint
        self.stream = stream
        self.first = first
        summary = AttentionSummary(
            StreamAttention(layers: first.layers, heads: first.heads, decisions: streams.flatMap(\.decisions)))
        means = streams.map { AttentionSummary($0).mean }
    }

    /// Nil where nothing of the kind was evaluated yet. Throws what reading the checkpoint and the streams throws, and
    /// `HistoriesError` for rows that they do not have.
    init?(_ settings: AttentionSettings, _ evaluations: ReportedEvaluations, in folder: URL) throws {
        let name = CurveName(settings.curve)
        guard let member = evaluations.members(name.acting ?? "", name.label).first, let acting = member.checkpoint
        else { return nil }
        let model = try Checkpoint(folder: folder.appendingPathComponent("checkpoints/distiller/\(acting)")).makeModel()
        let paths = member.tasks.prefix(settings.tasks).map { task in
            let lifetime = LifetimeIdentifier(evaluation: member.name, task: task)
            return StreamIdentifier(lifetime: lifetime, actor: 0).path
        }
        let streams = try paths.map { path in
            let contents = try StreamContents(path: folder.appendingPathComponent(path).path)
            return try StreamAttention(model: model, stream: contents, rows: settings.rows)
        }
        self.init(curve: settings.curve, checkpoint: acting, stream: paths.first ?? "", streams: streams)
    }

    /// (tasks): the share of attention that a claim is about, and that of even attention.
    func shares(_ measure: ClaimSettings.Measure) -> [AttentionSummary.Share] {
        means.map { mean in
            switch measure {
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
        let differences = LearningCurves(shares.map { [[$0.attention - $0.uniform]] })
        self.init(
            counts: ClaimCounts(trainings: 1, tasks: shares.count, seeds: 1),
            value: average(shares.map(\.attention)[...]), measured: differences.finalMean ?? .nan,
            interval: differences.finalInterval)
    }
}
