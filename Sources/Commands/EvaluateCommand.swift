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
            checkpoint counts; of a run of RL2 that is what its lifetime has learnt. What it was trained on is never \
            evaluated as held out. Example: distillery evaluate runs/quickstart/checkpoints/distiller/step-00020000 --workers 2
            With its curve in the terminal while it rises: distillery evaluate runs/quickstart --watch
            """)

    @Argument(help: "Folder of the checkpoint, or of its run.") var checkpoint: String
    @Option(help: "Tasks: test (held out) or train.") var split = Split.test
    @Option(help: "Episodes of each task and seed.") var episodes = 200
    @Option(help: "Seeds of each task.") var seeds = 4
    @Option(
        help: """
            Temperature of the softmax that actions are drawn from; 0 takes the most probable one (default: that of the \
            checkpoint's run, otherwise 1).
            """)
    var temperature: Double?
    @Option(
        help: """
            How many of the oldest transitions leave a full context together; more are faster (default: that of the \
            checkpoint's run, otherwise 1).
            """)
    var slide: Int?
    @Option(help: "Evaluators that work at the same time.") var workers = 2
    @Option(help: "Keep streams and catalogue in this folder; by default they are removed at the end.") var out: String?
    @Flag(inversion: .prefixedNo, help: "Evaluate with the context cleared at every episode, too.") var control = true
    @Option(
        name: .customLong("policy"),
        help: "Play the same tasks by this policy, too: random, optimum or source; may be given several times.")
    var policies: [String] = []
    @Flag(help: "Draw the return by episode in the terminal while it rises.") var watch = false
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
        let files = try Checkpoint(folder: source)
        let isLearnt = files.isLearntPolicy
        let description: CheckpointDescription
        if isLearnt {
            description = try LearntPolicyCheckpoint(files).description
        } else {
            description = try files.configuration().description
            _ = try files.makeModel()
        }
        let experiment = try experiment(of: description, at: source, isLearnt: isLearnt)
        try experiment.checkProcesses(collects: false, evaluates: true)
        let run = RunFolder(out: folder, experiment: experiment)
        let lock = try run.prepare(experiment, resume: false)
        let place = isLearnt ? "checkpoints/learner/\(LearntPolicy.name)" : "checkpoints/distiller"
        let store = CheckpointStore(folder: URL(fileURLWithPath: run.path).appendingPathComponent(place))
        let name = (isLearnt ? "\(LearntPolicy.name)/" : "") + (try store.adopt(source))
        let signals = try SignalWatcher()
        let supervisor = Supervisor(
            executable: try ChildProcess.ownExecutable(), folder: run.path, lock: lock,
            coordinatorArguments: [
                run.path, "--goal", "evaluate", "--checkpoint", name, "--split", split.rawValue,
            ] + listening.coordinatorArguments, roleArguments: listening.roleArguments(experiment),
            key: key, signals: signals, logger: makeLogger("supervisor"))
        var line = ProgressLine()
        let screen = watch ? EvaluationScreen(folder: run.path) : nil
        defer { try? screen?.close() }
        supervisor.onStatus = { json in
            let status = try ClusterStatus(json: json)
            if let screen { try screen.show(status) } else { line.show(status) }
        }
        let outcome = try supervisor.run()
        line.finish()
        try screen?.close()
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

    /// What is asked for by hand, in the experiment of the checkpoint's run or one that the checkpoint describes.
    private func experiment(
        of description: CheckpointDescription, at source: URL, isLearnt: Bool
    ) throws -> Experiment {
        let experiment = try experimentOfRun(at: source, of: description) ?? Experiment(evaluating: description)
        var settings = experiment.evaluate
        settings.episodes = episodes
        settings.seeds = seeds
        settings.control = control
        settings.baselines = policies
        settings.temperature = temperature ?? settings.temperature
        settings.slide = slide ?? settings.slide
        return try experiment.evaluating(
            split, by: settings, evaluators: workers, trainedTasks: description.trainedTasks.count,
            isLearnt: isLearnt)
    }

    /// Of the run that the checkpoint lies in, for its seed, temperature and slide. nil, said why, where it cannot be read
    /// or is about other tasks: then the checkpoint's own configuration describes the tasks.
    private func experimentOfRun(at source: URL, of description: CheckpointDescription) -> Experiment? {
        // RUN/checkpoints/distiller/step-00020000, or with a distillation's or a policy's name before the last.
        let files = ["../../..", "../../../.."].map {
            source.appendingPathComponent("\($0)/experiment.yaml").standardizedFileURL.path
        }
        guard let file = files.first(where: { FileManager.default.fileExists(atPath: $0) }) else { return nil }
        do {
            let experiment = try Experiment(path: file)
            if experiment.fits(description) { return experiment }
            printError("\(file) is about other tasks than the checkpoint; seed, temperature and slide are the defaults")
        } catch {
            printError("seed, temperature and slide are the defaults, since those of the run cannot be read: \(error)")
        }
        return nil
    }
}
