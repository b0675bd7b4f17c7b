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
        let prepared = try PreparedDistillation(experiment, settings, distribution)
        let folder = begin.resumeFrom ?? place.folder.appendingPathComponent(Checkpoint.name(ofStep: 0))
        if begin.resumeFrom == nil {
            try prepared.writeUntrained(to: folder)
        } else {
            for change in try DistillationRun.changes(experiment, settings, distribution, since: folder) {
                printError("goes on with another setting: \(change)")
            }
        }
        print(try prepared.json(checkpoint: folder.path, isFinished: begin.isEnd))
    }
}
