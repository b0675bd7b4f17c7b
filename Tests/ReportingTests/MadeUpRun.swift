import Catalog
import Environments
import Experience
import Foundation
import Histories
import Reporting
import TestSupport

/// A run that never was, put together in memory: what its evaluations came to is known by hand.
struct MadeUpRun {
    var contents = RunContents(name: "made up")

    /// A job that is done; `curves`: (seeds, points).
    mutating func play(
        _ evaluation: String, task: Int, checkpoint: String? = nil, split: Split = .test,
        _ kind: EvaluationKind = .inContext, _ curves: [[Float]]
    ) {
        let record = EvaluationRecord(
            evaluation: evaluation, task: task, checkpoint: checkpoint, split: split, kind: kind, status: .finished,
            seeds: curves.count, episodes: curves.first?.count ?? 0)
        contents.evaluations.append(EvaluationReturns(evaluation: record, returns: curves))
    }

    /// The model in context; its checkpoint is stored with it.
    mutating func play(_ checkpoint: String, _ label: String, task: Int, split: Split = .test, _ curves: [[Float]]) {
        if !contents.checkpoints.contains(where: { $0.name == checkpoint }) {
            let step = checkpoint.split(separator: "-").last.flatMap { Int($0) } ?? 0
            contents.checkpoints.append(
                CheckpointRecord(name: checkpoint, step: step, created: 0, trainingSeconds: Double(step)))
        }
        let folder = "\(checkpoint.replacing("/", with: "-"))-\(label)"
        let kind: EvaluationKind = label.hasSuffix("-cleared") ? .control : .inContext
        play(folder, task: task, checkpoint: checkpoint, split: split, kind, curves)
    }

    var report: Report { Report(contents) }
}

/// Writes one rollout of one actor, its first, as the sealed stream of an evaluation below a run's folder. Columns are a
/// rollout's; `finished`: how many of its episodes end in it.
func recordEvaluation(
    _ evaluation: String, by policy: String, on task: Task, of environment: EnvironmentDescription, in folder: URL,
    finished: UInt32, observations: [UInt8], actions: [UInt8], rewards: [Float], terminations: [UInt8],
    truncations: [UInt8], finalObservations: [UInt8]
) throws {
    let lifetime = LifetimeIdentifier(collection: .evaluation(evaluation), task: task.id, repetition: 0)
    let file = folder.appendingPathComponent(StreamIdentifier(lifetime: lifetime, actor: 0).path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    let writer = try StreamWriter.create(
        at: file.path,
        metadata: StreamMetadata(
            softwareVersion: "0.1.0", environment: environment, task: task, repetition: 0, sourceAlgorithm: policy,
            sourceJSON: "{}", actor: 0, seed: 1))
    let header = RolloutHeader(
        actor: 0, incarnation: 1, sequence: 0, policyVersion: 0, firstEpisode: 0, length: .init(rewards.count),
        finishedEpisodes: .init(finished), checksum: 0, isLast: false)
    var batch = RolloutBatch(
        lifetime: lifetime, headers: [header], observations: observations, actions: actions, rewards: rewards,
        terminations: terminations, truncations: truncations, finalObservations: finalObservations)
    batch.seal(environment.rolloutLayout)
    try batch.checked(against: environment.rolloutLayout, actors: .max).forEach {
        try writer.append($0, now: 0, wallClock: 1)
    }
    try writer.seal()
}

extension Report {
    /// The fields of a figure's CSV file by line, without its head; nil where there is no such figure.
    func numbers(_ name: String) -> [[String]]? {
        figures.first { $0.name == name }.map { $0.csv.split(separator: "\n").dropFirst().map(fields) }
    }

    /// A comma within quotes divides nothing.
    private func fields(_ line: Substring) -> [String] {
        var fields = [""]
        var isQuoted = false
        for character in line {
            switch character {
            case "\"": isQuoted.toggle()
            case "," where !isQuoted: fields.append("")
            default: fields[fields.count - 1].append(character)
            }
        }
        return fields
    }

    /// One series of a line chart, by point: y with its bounds.
    func series(_ name: String, in figure: String) -> [(y: Double?, low: Double?, high: Double?)] {
        (numbers(figure) ?? []).filter { $0[0] == name && !$0[1].isEmpty }
            .map { (Double($0[2]), Double($0[3]), Double($0[4])) }
    }
}
