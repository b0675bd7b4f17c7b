import ArgumentParser
import Coordination
import Distilling
import Environments
import Experience
import Experiments
import Foundation
import Nodes
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
    @Option(help: "Which of the experiment's distillations, where it has variants or several seeds: such as ed-seed-1.")
    var distillation: String?
    @Flag(help: "Go on from the latest checkpoint in the folder.") var resume = false

    func run() throws {
        let experiment = try chosen(of: try options.read())
        let folder = URL(fileURLWithPath: out)
        let lock = try DirectoryLock(path: folder.path + "/.distill.lock", holder: "distill command")
        defer { withExtendedLifetime(lock) {} }
        let store = CheckpointStore(folder: folder)
        if let latest = store.latest, !resume {
            throw ClusterError(
                "\(out) has checkpoints (\(latest)): go on from them by --resume, or choose another --out")
        }
        let signals = try SignalWatcher([.interrupt, .terminate])
        var line = ProgressLine()
        defer { line.finish() }
        let newest = try store.newest(for: experiment.distil.training) { name, problem in
            printError("\(out)/\(name) is damaged and was set aside: \(problem)")
        }
        for name in store.strangers { printError("\(out)/\(name) is no checkpoint, and is left alone") }
        let distribution = try experiment.makeTasks()
        let resumeFrom = newest.map { folder.appendingPathComponent($0.name) }
        if let newest, newest.isEnd, let resumeFrom {
            _ = try DistillationRun.changes(experiment, distribution, since: resumeFrom)
            printError("training is finished already")
            return print(resumeFrom.path)
        }
        let loading = DistillationLoading(
            experiment: experiment, distribution: distribution, histories: URL(fileURLWithPath: histories),
            resumeFrom: resumeFrom)
        let training = try load(loading, &line, signals)
        for change in training.changes { printError("goes on with another setting: \(change)") }
        for path in training.quarantined { printError("left out, it is damaged: \(path)") }
        printError("\(training.streams) streams, \(training.transitions) transitions")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var signal: Signal?
        while !training.isFinished, signal == nil {
            try training.step()
            line.show(distillationText(step: training.steps, training.numbers), phase: "distil")
            if training.isCheckpointDue { try save(training, in: store) }
            signal = signals.next()
        }
        line.finish()
        print(try save(training, in: store).path)
        try exitIfInterrupted(signal)
    }

    /// The experiment with the distillation that is asked for as its only one.
    private func chosen(of experiment: Experiment) throws -> Experiment {
        let planned = try experiment.distillations()
        let names = planned.map(\.name).joined(separator: ", ")
        guard let distillation else {
            guard planned.count == 1 else {
                throw ClusterError(
                    "the experiment has \(planned.count) distillations; --distillation names one: \(names)")
            }
            return experiment.distilling(planned[0])
        }
        guard let found = planned.first(where: { $0.name == distillation }) else {
            throw ClusterError("the experiment has no distillation \(distillation); expected one of \(names)")
        }
        return experiment.distilling(found)
    }

    private func load(
        _ loading: DistillationLoading, _ line: inout ProgressLine, _ signals: SignalWatcher
    ) throws -> DistillationRun {
        while true {
            if let training = try loading.advance() { return training }
            line.show(readingText(loading.numbers), phase: "read")
            try exitIfInterrupted(signals.next())
        }
    }

    @discardableResult
    private func save(_ training: DistillationRun, in store: CheckpointStore) throws -> URL {
        let checkpoint = try training.save(in: store.folder)
        try store.retain(training.keptCheckpoints)
        return checkpoint
    }
}
