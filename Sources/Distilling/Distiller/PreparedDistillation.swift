import Distillation
package import Environments
package import Experiments
package import Foundation

/// A distillation as a program needs it that trains it in this one's place: what `distillery prepare` prints and
/// `python -m distillery.distil` reads, and the model that such a training begins with.
package struct PreparedDistillation {
    private let settings: DistilSettings
    private let description: CheckpointDescription
    /// Ids of the tasks whose streams count; nil for all.
    private let tasks: Set<Int>?
    /// The best possible returns of the tasks that may be learnt from, where streams are weighed by them.
    private let optima: [(task: Int, optimum: Double)]

    /// `settings`: those of this distillation, which may differ from the experiment's own.
    package init(_ experiment: Experiment, _ settings: DistilSettings, _ distribution: any TaskDistribution) throws {
        self.settings = settings
        description = CheckpointDescription(
            environment: distribution.environment, splitSeed: experiment.tasks.splitSeed, trainedTasks: [],
            testTasks: experiment.testTasks(of: distribution))
        let trainTasks = experiment.trainTasks(of: distribution)
        tasks = StreamSelection(settings.windows, tasks: trainTasks).tasks
        optima =
            settings.windows.weighting != .improvement
            ? []
            : try trainTasks.compactMap { id in
                try distribution.references(of: distribution.task(id)).optimum.map { (task: id, optimum: $0) }
            }
    }

    /// Writes the untrained model as a checkpoint of step 0, drawn from the settings' seed.
    package func writeUntrained(to folder: URL) throws {
        let untrained = try Checkpoint.untrained(
            settings.model, description, training: settings.training, windows: settings.windows)
        try untrained.checkpoint.write(to: folder, optimizer: untrained.optimizer)
    }

    /// One JSON document. `checkpoint`: the folder of the one to go on from; `isFinished`: there is nothing to do after it.
    ///
    /// The configuration's own text is kept as it is, so that no number changes on its way through another encoder.
    package func json(checkpoint: String, isFinished: Bool) throws -> String {
        let configuration = try CheckpointConfiguration(
            model: settings.model, description: description, training: settings.training, windows: settings.windows,
            step: 0, seconds: 0
        ).encoded()
        let tasks = tasks.map { "[\($0.sorted().map { "\($0)" }.joined(separator: ", "))]" } ?? "null"
        let optima = optima.map { "\"\($0.task)\": \($0.optimum)" }.joined(separator: ", ")
        // A program that goes on from a checkpoint without asking this one refuses other changes.
        let mayChange = Experiment.mayChangeOnResume.map { "\"\($0)\"" }.joined(separator: ", ")
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let path = String(decoding: try encoder.encode(checkpoint), as: UTF8.self)
        let text = String(decoding: configuration, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return """
            {
            "checkpoint": \(path),
            "finished": \(isFinished),
            "tasks": \(tasks),
            "optima": {\(optima)},
            "may_change_on_resume": [\(mayChange)],
            "configuration": \(text)
            }
            """
    }
}
