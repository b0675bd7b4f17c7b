import ArgumentParser
import Catalog
import Cluster
import Distillation
import Environments
import Experiments
import Foundation
import Processes
import Reporting

extension Split: ExpressibleByArgument {}

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Roll a checkpoint out on tasks and watch it learn in its context.",
        discussion: """
            CHECKPOINT is a folder with model.safetensors and config.json; what it was trained on is never evaluated as \
            held out. Example: distillery evaluate runs/quickstart/checkpoints/distiller/step-00020000 --workers 2
            """)

    @Argument(help: "Folder of the checkpoint.") var checkpoint: String
    @Option(help: "Tasks: test (held out) or train.") var split = Split.test
    @Option(help: "Episodes of each task and seed.") var episodes = 200
    @Option(help: "Seeds of each task.") var seeds = 4
    @Option(help: "Evaluators that work at the same time.") var workers = 2
    @Option(help: "Keep streams and catalogue in this folder; by default they are removed at the end.") var out: String?
    @Flag(inversion: .prefixedNo, help: "Evaluate with the context cleared at every episode, too.") var control = true
    @Flag(help: "Print one JSON document.") var json = false
    @OptionGroup var listening: ListenOptions

    func run() throws { try inFolder(out, temporary: "distillery-evaluation", evaluate) }

    private func evaluate(in folder: String) throws {
        let source = URL(fileURLWithPath: checkpoint).standardizedFileURL
        let configuration = try Checkpoint(folder: source).configuration()
        _ = try Checkpoint(folder: source).makeModel()
        let experiment = try experiment(of: configuration, at: source)
        try experiment.checkProcesses(collects: false, evaluates: true)
        let run = RunFolder(out: folder, experiment: experiment)
        let lock = try run.prepare(experiment, resume: false)
        let store = URL(fileURLWithPath: run.path).appendingPathComponent("checkpoints/distiller")
        try FileManager.default.createDirectory(at: store, withIntermediateDirectories: true)
        let name = String(source.lastPathComponent.prefix(64))
        try FileManager.default.copyItem(at: source, to: store.appendingPathComponent(name))
        let signals = try SignalWatcher()
        let supervisor = Supervisor(
            executable: try ChildProcess.ownExecutable(), folder: run.path, lock: lock,
            coordinatorArguments: [
                run.path, "--goal", "evaluate", "--checkpoint", name, "--split", split.rawValue,
            ] + listening.coordinatorArguments, roleArguments: listening.roleArguments(experiment),
            key: try listening.keys.node(), signals: signals, logger: makeLogger("supervisor"))
        var line = ProgressLine()
        supervisor.onStatus = { line.show($0.progressText, phase: $0.phase.rawValue) }
        let outcome = try supervisor.run()
        line.finish()
        try exitUnlessComplete(outcome)
        let ledger = try Ledger(path: run.path + "/catalog.sqlite", mode: .read)
        let summary = EvaluationSummary(
            checkpoint: source.path, split: split, returns: try ledger.evaluationReturns(), tasks: try ledger.tasks())
        try ledger.close()
        if json { try printJSON(summary) } else { print(summary.text) }
    }

    /// The experiment of the run that the checkpoint lies in, or one that its own configuration describes.
    private func experiment(of configuration: CheckpointConfiguration, at source: URL) throws -> Experiment {
        let run = source.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let file = run.appendingPathComponent("experiment.yaml").path
        let overrides = [
            "evaluate.episodes=\(episodes)", "evaluate.seeds=\(seeds)", "cluster.evaluators=\(workers)",
            "evaluate.control=\(control)",
        ]
        let description = configuration.description
        let experiment: Experiment
        if FileManager.default.fileExists(atPath: file) {
            experiment = try Experiment(path: file, overrides: overrides)
        } else {
            experiment = try Experiment(
                yaml: try yaml(of: description), file: "the checkpoint's config.json", overrides: overrides)
        }
        let tasks = try experiment.makeTasks()
        guard tasks.environment == description.environment else {
            throw ClusterError(
                "the checkpoint was trained on \(description.environment.name) \(description.environment.json), but "
                    + "\(file) is about \(tasks.environment.name) \(tasks.environment.json)")
        }
        let leaked = experiment.testTasks(of: tasks).map(\.id).filter(description.trainedTasks.contains)
        guard leaked.isEmpty else {
            throw ClusterError("the checkpoint was trained on tasks \(leaked) that \(file) holds out")
        }
        return split == .train
            ? try Experiment(
                yaml: experiment.yaml, file: file,
                overrides: ["evaluate.train_tasks=\(description.trainedTasks.count)"]) : experiment
    }

    private func yaml(of description: CheckpointDescription) throws -> String {
        let settings = try EnvironmentSettings(name: description.environment.name, json: description.environment.json)
        let all = try settings.makeTasks(split: TaskSplit(testTasks: 0, seed: 0)).tasks.count
        // A mapping in JSON is one in YAML; the name joins its settings, unquoted as in an experiment.
        let environment = "{name: \(description.environment.name), \(description.environment.json.dropFirst())"
        return """
            name: evaluation
            environment: \(environment)
            tasks: {test: \(all - description.trainedTasks.count), split_seed: \(description.splitSeed)}
            """
    }
}

/// Returns in context of one evaluation, and of its control.
private struct EvaluationSummary: Encodable {
    struct Curve: Encodable {
        /// Mean over tasks and seeds, by episode.
        let meanReturns: [Double]
        /// Mean over the last ten episodes.
        let finalReturn: Double
        let shareOfOptimum: Double?
        /// Share of (task, seed) pairs whose last ten episodes reach more than half of the optimum.
        let pairsAboveHalf: Double?
    }

    let checkpoint: String
    let split: Split
    let tasks: Int
    let seeds: Int
    let inContext: Curve
    let control: Curve?
    let meanOptimum: Double?

    init(checkpoint: String, split: Split, returns: [EvaluationReturns], tasks: [TaskRecord]) {
        self.checkpoint = checkpoint
        self.split = split
        let optimum = Dictionary(uniqueKeysWithValues: tasks.map { ($0.id, $0.optimalReturn) })
        let played = returns.filter { $0.evaluation.kind == .inContext }
        self.tasks = played.count
        seeds = played.first?.returns.count ?? 0
        let optima = played.compactMap { optimum[$0.evaluation.task] ?? nil }
        meanOptimum = optima.isEmpty ? nil : optima.reduce(0, +) / Double(optima.count)
        inContext = Self.curve(played, optimum)
        let controls = returns.filter { $0.evaluation.kind == .control }
        control = controls.isEmpty ? nil : Self.curve(controls, optimum)
    }

    private static func curve(_ returns: [EvaluationReturns], _ optimum: [Int: Double?]) -> Curve {
        let curves = LearningCurves(returns.map { $0.returns.map { $0.map(Double.init) } })
        let final = curves.finalMean ?? 0
        let finals = zip(returns, curves.finals).flatMap { entry, finals in
            finals.map { (optimum: optimum[entry.evaluation.task] ?? nil, return: $0) }
        }
        let optima = finals.compactMap(\.optimum)
        let isKnown = !optima.isEmpty && optima.count == finals.count
        let best = optima.reduce(0, +) / Double(max(1, optima.count))
        let above = zip(finals, optima).count { $0.return > $1 / 2 }
        return Curve(
            meanReturns: curves.means, finalReturn: final, shareOfOptimum: isKnown ? final / best : nil,
            pairsAboveHalf: isKnown ? Double(above) / Double(finals.count) : nil)
    }

    var text: String {
        var lines = ["\(checkpoint): \(tasks) \(split.rawValue) tasks, \(seeds) seeds each"]
        for (name, curve) in [("in context", inContext)]
            + (control.map { [("context cleared at every episode", $0)] } ?? [])
        {
            let episodes = Array(Set([1, 2, 5, 10, 20, 50, 100, 150, 200, curve.meanReturns.count])).sorted()
                .filter { $0 <= curve.meanReturns.count }
            lines.append("\(name): mean return by episode")
            lines.append(
                "  " + episodes.map { "\($0): \(fixed(curve.meanReturns[$0 - 1], 2))" }.joined(separator: "  "))
            let share = curve.shareOfOptimum.map { ", \(fixed(100 * $0, 1)) % of the optimum" } ?? ""
            let pairs = curve.pairsAboveHalf.map { ", \(fixed(100 * $0, 0)) % of pairs above half of it" } ?? ""
            lines.append("  last ten episodes: \(fixed(curve.finalReturn, 2))\(share)\(pairs)")
        }
        return lines.joined(separator: "\n")
    }
}
