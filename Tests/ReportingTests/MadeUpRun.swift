import Catalog
import Environments
import Experience
import Reporting

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
