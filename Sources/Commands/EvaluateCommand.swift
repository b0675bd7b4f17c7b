import ArgumentParser
import Catalog
import Coordination
import Distillation
import Environments
import Experiments
import Foundation
import Processes
import Reporting
import Supervision

extension Split: ExpressibleByArgument {}

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Roll a checkpoint out on tasks and watch it learn in its context.",
        discussion: """
            CHECKPOINT is a folder with model.safetensors and config.json, wherever it lies, or a run, of which the last \
            checkpoint counts. What it was trained on is never evaluated as held out. Example: distillery evaluate runs/quickstart/checkpoints/distiller/step-00020000 --workers 2
            """)

    @Argument(help: "Folder of the checkpoint, or of its run.") var checkpoint: String
    @Option(help: "Tasks: test (held out) or train.") var split = Split.test
    @Option(help: "Episodes of each task and seed.") var episodes = 200
    @Option(help: "Seeds of each task.") var seeds = 4
    @Option(help: "Evaluators that work at the same time.") var workers = 2
    @Option(help: "Keep streams and catalogue in this folder; by default they are removed at the end.") var out: String?
    @Flag(inversion: .prefixedNo, help: "Evaluate with the context cleared at every episode, too.") var control = true
    @Option(
        name: .customLong("policy"),
        help: "Play the same tasks by this policy, too: random, optimum or source; may be given several times.")
    var policies: [String] = []
    @Flag(help: "Print one JSON document.") var json = false
    @OptionGroup var listening: ListenOptions

    func run() throws { try inFolder(out, temporary: "distillery-evaluation", evaluate) }

    func validate() throws {
        for (option, value, limit) in [
            ("--episodes", episodes, 1_000_000), ("--seeds", seeds, 1_000), ("--workers", workers, 1_024),
        ] where !(1...limit).contains(value) {
            throw ValidationError("\(option) \(value): expected 1 to \(limit)")
        }
    }

    private func evaluate(in folder: String) throws {
        let key = try listening.keys.own()
        let source = try CheckpointStore.locate(checkpoint)
        let configuration = try Checkpoint(folder: source).configuration()
        _ = try Checkpoint(folder: source).makeModel()
        let experiment = try experiment(of: configuration.description, at: source)
        try experiment.checkProcesses(collects: false, evaluates: true)
        let run = RunFolder(out: folder, experiment: experiment)
        let lock = try run.prepare(experiment, resume: false)
        let store = CheckpointStore(
            folder: URL(fileURLWithPath: run.path).appendingPathComponent("checkpoints/distiller"))
        let name = try store.adopt(source)
        let signals = try SignalWatcher()
        let supervisor = Supervisor(
            executable: try ChildProcess.ownExecutable(), folder: run.path, lock: lock,
            coordinatorArguments: [
                run.path, "--goal", "evaluate", "--checkpoint", name, "--split", split.rawValue,
            ] + listening.coordinatorArguments, roleArguments: listening.roleArguments(experiment),
            key: key, signals: signals, logger: makeLogger("supervisor"))
        var line = ProgressLine()
        supervisor.onStatus = { line.show(try ClusterStatus(json: $0)) }
        let outcome = try supervisor.run()
        line.finish()
        try exitUnlessComplete(outcome)
        let ledger = try Ledger(path: run.path + "/catalog.sqlite", mode: .read)
        let summary = EvaluationSummary(
            checkpoint: source.path, split: split,
            returns: try ledger.evaluationReturns().map { recorded($0, in: URL(fileURLWithPath: run.path)) },
            tasks: try ledger.tasks())
        try ledger.close()
        if json { try printJSON(summary) } else { print(summary.text) }
    }

    /// The returns of the recorded streams or, where one of them cannot be read, those that the evaluator has told.
    private func recorded(_ returns: EvaluationReturns, in run: URL) -> EvaluationReturns {
        do { return try returns.recorded(in: run) } catch {
            printError("the returns of \(returns.evaluation.evaluation) are as they were told: \(error)")
            return returns
        }
    }

    /// That of the run that the checkpoint lies in where it is about the same tasks, for its seed and temperature;
    /// otherwise what the checkpoint's own configuration describes.
    private func experiment(of description: CheckpointDescription, at source: URL) throws -> Experiment {
        // RUN/checkpoints/distiller/step-00020000, or with a distillation's name before the last.
        var run = source.deletingLastPathComponent().deletingLastPathComponent()
        var ofRun: Experiment?
        for _ in 0..<2 where ofRun == nil {
            run.deleteLastPathComponent()
            ofRun = try? Experiment(path: run.appendingPathComponent("experiment.yaml").path)
        }
        let experiment =
            try ofRun.flatMap { $0.fits(description) ? $0 : nil } ?? Experiment(evaluating: description)
        return try experiment.evaluating(
            split, episodes: episodes, seeds: seeds, control: control, baselines: policies,
            evaluators: workers,
            trainedTasks: description.trainedTasks.count)
    }
}
