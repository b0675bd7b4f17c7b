import ArgumentParser
import Coordination
import Experience
import Experiments
import Foundation
import Nodes
import Processes
import Reporting
import Supervision
import Wire

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Collect, distil, evaluate and report: the whole of an experiment.",
        discussion: """
            Starts all roles as processes of this machine and ends when the report is written. Ctrl-C ends it in good \
            order; --resume goes on. Example: distillery run deploy/experiments/quickstart.yaml --out runs/first
            """)

    @OptionGroup var options: ExperimentOptions
    @OptionGroup var listening: ListenOptions
    @OptionGroup var recorders: RecorderFolderOptions
    @OptionGroup var engine: EngineOptions
    @Option(help: "Folder of the run; by default runs/NAME.") var out: String?
    @Flag(help: "Go on with a run that was interrupted.") var resume = false
    @Option(
        help: ArgumentHelp(
            "Take over the sealed histories of another run of the same tasks and source, instead of collecting them.",
            valueName: "run"))
    var histories: String?

    func run() throws {
        let folder = try launch(
            options, listening, recorders, goal: .all, out: out, resume: resume, histories: histories,
            distillerArguments: engine.arguments)
        print("The report: \(try writeReport(of: folder.path))")
    }
}

struct LaunchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "launch", abstract: "Collect learning histories: the cluster alone.",
        discussion:
            "Example: distillery launch deploy/experiments/quickstart.yaml --set collect.actors=10 --out runs/ten")

    @OptionGroup var options: ExperimentOptions
    @OptionGroup var listening: ListenOptions
    @OptionGroup var recorders: RecorderFolderOptions
    @Option(help: "Folder of the run; by default runs/NAME.") var out: String?
    @Flag(help: "Go on with a run that was interrupted.") var resume = false

    func run() throws {
        let folder = try launch(options, listening, recorders, goal: .collect, out: out, resume: resume)
        print("The histories: \(folder.path)/histories")
        // The run's own copy of the experiment has every --set and --size in it.
        print("To distil them: distillery run \(folder.path)/experiment.yaml --histories \(folder.path) --out FOLDER")
    }
}

/// A catalogue that was lost is remade before a coordinator would take the run for one that has done nothing.
private func restoreCatalogue(of folder: RunFolder) throws {
    var line = ProgressLine()
    try RunIndex.restore(URL(fileURLWithPath: folder.path)) { done, total in
        line.show("the catalogue is lost: read \(done)/\(total) streams to remake it", phase: "index")
    }
    line.finish()
}

/// Before the coordinator looks at what there is.
private func take(_ histories: String, into folder: RunFolder, of experiment: Experiment) throws {
    var line = ProgressLine()
    let taken = try TakenHistories(
        from: URL(fileURLWithPath: histories), into: URL(fileURLWithPath: folder.path), of: experiment,
        softwareVersion: softwareVersion
    ) { done, total in
        line.show("taking over histories: read \(done)/\(total) streams", phase: "histories")
    }
    line.finish()
    guard taken.streams > 0 else { return }
    let rest = taken.left > 0 ? "; \(taken.left) lifetimes are not complete there and are collected anew" : ""
    printError("took over \(taken.streams) streams of \(histories)\(rest)")
}

/// Says what is about to happen, checks that it can, and supervises the cluster to its end.
private func launch(
    _ options: ExperimentOptions, _ listening: ListenOptions, _ recorders: RecorderFolderOptions, goal: GoalName,
    out: String?, resume: Bool, histories: String? = nil, distillerArguments: [String] = []
) throws -> RunFolder {
    let experiment = try options.read()
    let recorderFolders = try recorders.folders(for: experiment)
    let folder = RunFolder(out: out, experiment: experiment)
    let plan = try ExperimentPlan(experiment, cores: ProcessInfo.processInfo.activeProcessorCount)
    let key = try listening.keys.own()
    try plan.checkDisk(
        freeBytes: folder.freeBytes, existingBytes: folder.usedBytes, path: folder.path, collectsAlone: goal == .collect
    )
    printError(plan.text(takingOver: histories, collectsAlone: goal == .collect))
    try experiment.checkProcesses(collects: true, distils: goal == .all, evaluates: goal == .all)
    if let histories { try TakenHistories.check(URL(fileURLWithPath: histories), against: experiment) }
    let lock = try folder.prepare(experiment, resume: resume)
    if let histories { try take(histories, into: folder, of: experiment) }
    if resume { try restoreCatalogue(of: folder) }
    let signals = try SignalWatcher()
    var roleArguments = listening.roleArguments(experiment)
    roleArguments[.distiller, default: []] += distillerArguments
    let supervisor = Supervisor(
        executable: try ChildProcess.ownExecutable(), folder: folder.path, lock: lock,
        coordinatorArguments: [folder.path, "--goal", goal.rawValue] + listening.coordinatorArguments,
        roleArguments: roleArguments, recorderFolders: recorderFolders, key: key,
        signals: signals, logger: makeLogger("supervisor"))
    var line = ProgressLine()
    supervisor.onStatus = { line.show(try ClusterStatus(json: $0)) }
    let outcome: Supervisor.Outcome
    do { outcome = try supervisor.run() } catch {
        line.finish()
        throw error
    }
    line.finish()
    try exitUnlessComplete(outcome, advice: "--resume goes on with \(folder.path)")
    return folder
}
