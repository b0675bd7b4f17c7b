import ArgumentParser
import Cluster
import Environments
import Experiments
import Foundation
import Processes

struct DistillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distill", abstract: "Train a transformer on a folder of streams, without a cluster.",
        discussion: """
            Example: distillery distill deploy/experiments/quickstart.yaml --histories runs/quickstart/histories \
            --out checkpoints --set distil.training.seed=2
            """)

    @OptionGroup var options: ExperimentOptions
    @Option(help: "Folder of sealed streams, or of a run.") var histories: String
    @Option(help: "Folder for the checkpoints.") var out: String
    @Flag(help: "Go on from the latest checkpoint in the folder.") var resume = false

    func run() throws {
        let experiment = try options.read()
        let folder = URL(fileURLWithPath: out)
        let store = CheckpointStore(folder: folder)
        if let latest = store.latest, !resume {
            throw ClusterError(
                "\(out) has checkpoints (\(latest)): go on from them by --resume, or choose another --out")
        }
        let signals = try SignalWatcher([.interrupt, .terminate])
        let training = try DistillationRun(
            experiment: experiment, distribution: try experiment.makeTasks(),
            histories: URL(fileURLWithPath: histories),
            resumeFrom: resume ? store.latest.map { folder.appendingPathComponent($0) } : nil)
        for path in training.quarantined { printError("left out, its recorder has given it up: \(path)") }
        printError("\(training.streams) streams, \(training.transitions) transitions")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var line = ProgressLine()
        var signal: Signal?
        while !training.isFinished, signal == nil {
            try training.step()
            line.show(distillationText(step: training.steps, training.numbers), phase: "distil")
            if training.isCheckpointDue { _ = try training.save(in: folder) }
            signal = signals.next()
        }
        line.finish()
        print(try training.save(in: folder).path)
        try exitIfInterrupted(signal)
    }
}
