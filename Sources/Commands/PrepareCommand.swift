import ArgumentParser
import Distillation
import Distilling
import Environments
import Experiments
import Foundation

/// Writes what another program needs to train a distillation, and prints it as JSON.
struct PrepareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prepare", abstract: "Prepare a distillation for training by another program, as PyTorch's.",
        discussion: """
            Writes the untrained model as the checkpoint step-00000000, from which `distillery distill --resume` would go \
            on as well, and prints one JSON document: the checkpoint to go on from, whether there is nothing left to do, \
            the whole configuration of the training, and which tasks it learns from (docs/python.md). With --resume the \
            newest checkpoint is checked and named instead. The Python package calls it by itself. Example: \
            distillery prepare deploy/experiments/quickstart.yaml --out checkpoints > prepared.json
            """)

    @OptionGroup var options: ExperimentOptions
    @OptionGroup var place: DistillationPlace

    func run() throws {
        let experiment = try place.chosen(of: try options.read())
        let settings = experiment.distil
        let distribution = try experiment.makeTasks()
        let lock = try place.lock()
        defer { withExtendedLifetime(lock) {} }
        let begin = try place.beginning(experiment, settings, distribution)
        let description = CheckpointDescription(
            environment: distribution.environment, splitSeed: experiment.tasks.splitSeed, trainedTasks: [],
            testTasks: experiment.testTasks(of: distribution))
        let untrained = try Checkpoint.untrained(
            settings.model, description, training: settings.training, windows: settings.windows)
        let folder = begin.resumeFrom ?? place.folder.appendingPathComponent(Checkpoint.name(ofStep: 0))
        if begin.resumeFrom == nil {
            try untrained.checkpoint.write(to: folder, optimizer: untrained.optimizer)
        } else {
            for change in try DistillationRun.changes(experiment, settings, distribution, since: folder) {
                printError("goes on with another setting: \(change)")
            }
        }
        print(
            try PreparedDistillation(
                checkpoint: folder.path, isFinished: begin.isEnd,
                configuration: String(decoding: untrained.checkpoint.config, as: UTF8.self),
                tasks: StreamSelection(settings.windows, tasks: experiment.trainTasks(of: distribution)).tasks,
                optima: optima(experiment, settings, distribution)
            ).json)
    }

    /// The best possible returns of the tasks that may be learnt from, by their ids, where streams are weighed by them.
    private func optima(_ experiment: Experiment, _ settings: DistilSettings, _ distribution: any TaskDistribution)
        throws -> [(task: Int, optimum: Double)]
    {
        guard settings.windows.weighting == .improvement else { return [] }
        return try experiment.trainTasks(of: distribution).compactMap { id in
            try distribution.references(of: distribution.task(id)).optimum.map { (task: id, optimum: $0) }
        }
    }
}

/// What `prepare` prints.
private struct PreparedDistillation {
    let checkpoint: String
    let isFinished: Bool
    /// JSON, as in a checkpoint's folder.
    let configuration: String
    /// Ids of the tasks whose streams count; nil for all.
    let tasks: Set<Int>?
    let optima: [(task: Int, optimum: Double)]

    /// A program that goes on from a checkpoint without asking this one refuses other changes.
    private var mayChange: String {
        Experiment.mayChangeOnResume.map { "\"\($0)\"" }.joined(separator: ", ")
    }

    /// The configuration's own text is kept as it is, so that no number changes on its way through another encoder.
    var json: String {
        get throws {
            let tasks = tasks.map { "[\($0.sorted().map { "\($0)" }.joined(separator: ", "))]" } ?? "null"
            let optima = optima.map { "\"\($0.task)\": \($0.optimum)" }.joined(separator: ", ")
            let encoder = JSONEncoder()
            encoder.outputFormatting = .withoutEscapingSlashes
            let path = String(decoding: try encoder.encode(checkpoint), as: UTF8.self)
            return """
                {
                "checkpoint": \(path),
                "finished": \(isFinished),
                "tasks": \(tasks),
                "optima": {\(optima)},
                "may_change_on_resume": [\(mayChange)],
                "configuration": \(configuration.trimmingCharacters(in: .whitespacesAndNewlines))
                }
                """
        }
    }
}
