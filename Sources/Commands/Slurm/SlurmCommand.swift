import ArgumentParser
import Coordination
import Experiments
import Foundation
import Nodes
import Processes

/// `distillery slurm ...`: runs as batch jobs of Slurm. What happens in a job is said by the scripts of deploy/slurm;
/// here they get their values, and are submitted.
struct SlurmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slurm", abstract: "Submit a run to Slurm, or workers that join one.",
        discussion: """
            Example: distillery slurm deploy/experiments/quickstart.yaml --nodes 4 --time 60 --out runs/first
            More actors, on whatever is free: distillery slurm join --role actor --array 16 --coordinator runs/first
            """,
        subcommands: [SlurmRunCommand.self, SlurmJoinCommand.self], defaultSubcommand: SlurmRunCommand.self)
}

struct SlurmRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Submit a whole run: every role of its cluster over an allocation.",
        discussion: """
            Recorders, learners, actor processes, distillers and evaluators are as many as the experiment's `cluster` says, spread over \
            the nodes. The folder of the run has to be on storage that all nodes share. Near its time limit the job goes \
            into the queue again, and then on with the run.
            Example: distillery slurm EXPERIMENT.yaml --nodes 4 --time 60 --partition short --out /shared/runs/first
            """)

    @OptionGroup var options: ExperimentOptions
    @Option(help: "Nodes of the allocation.") var nodes: Int
    @OptionGroup var job: SlurmJobOptions
    @OptionGroup var keys: KeyOptions
    @Option(
        help: """
            Folder on every node's own disk in which streams grow, such as /local/scratch; their sealed files go to the \
            folder of the run, and so does what still grows when the job ends in good order.
            """)
    var localDisk: String?
    @Option(help: "What to do: all, collect, distil or evaluate.") var goal = GoalName.all
    @Option(help: "Folder of the run; by default runs/NAME.") var out: String?
    @Flag(help: "Go on with a run that was interrupted.") var resume = false

    func validate() throws {
        guard (1...65_536).contains(nodes) else { throw ValidationError("--nodes \(nodes): expected 1 to 65536") }
        if let localDisk, !localDisk.hasPrefix("/") {
            throw ValidationError("--local-disk \(localDisk): expected an absolute path, the same on every node")
        }
    }

    func run() throws {
        let experiment = try options.read()
        let folder = RunFolder(out: out, experiment: experiment)
        let script = try self.script(of: experiment, in: folder)
        if job.printOnly { return print(script, terminator: "") }
        // Before the job begins nothing may hold the run's lock any more: its coordinator takes it.
        _ = try folder.prepare(experiment, resume: resume)
        let number = try SlurmScript.submit(script, as: folder.path + "/slurm.sbatch", logsIn: folder.path + "/logs")
        print(
            """
            job \(number); its log is \(folder.path)/logs/slurm-\(number).log
            distillery status --coordinator \(folder.path)/cluster.endpoint --keys \(keysPath(in: folder))
            """)
    }

    private func keysPath(in folder: RunFolder) -> String { keys.arguments.last ?? folder.path + "/keys" }

    private func script(of experiment: Experiment, in folder: RunFolder) throws -> String {
        let cluster = experiment.cluster
        let goals = goal.goal
        var script = SlurmScript(title: "\(experiment.name), a run of Distillery over an allocation of Slurm")
        script.options = [
            "--job-name=\(experiment.name)", "--nodes=\(nodes)", "--ntasks-per-node=1",
            job.cpus.map { "--cpus-per-task=\($0)" } ?? "--exclusive", "--no-kill",
        ]
        try script.finishOptions(job, log: folder.path + "/logs/slurm-%j.log")
        script.values = [
            ("RUN", folder.path), ("PROGRAM", try ChildProcess.ownExecutable()), ("GOAL", goal.rawValue),
            ("LEARNERS", "\(goals.collects ? cluster.learners : 0)"),
            ("ACTOR_PROCESSES", "\(goals.collects ? cluster.actorProcesses : 0)"),
            ("DISTILLERS", "\(goals.distils ? cluster.distillers : 0)"),
            ("EVALUATORS", "\(goals.evaluates ? cluster.evaluators : 0)"), ("RECORDERS", "\(cluster.recorders)"),
            ("LOCAL_DISK", localDisk ?? ""), ("PORT", "*"),
            ("KEYS", keysPath(in: folder)),
        ]
        script.experiment = experiment.yaml
        return script.text(body: SlurmScript.runBody)
    }
}

struct SlurmJoinCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Submit an array of workers that join a run which is at work in Slurm.",
        discussion: """
            They last as long as the run's own job and are needed, and wait with it where it waits to be started again. More \
            actors than an experiment has are carried where it says collect.elastic, after `distillery scale`.
            Example: distillery slurm join --role evaluator --array 8 --coordinator runs/first --partition preemptible
            """)

    /// Learners and recorders are where the run's own job is; its distillers, too.
    enum JoiningRole: String, ExpressibleByArgument, CaseIterable {
        case actor, evaluator
    }

    @Option(help: "What joins: actor or evaluator.") var role: JoiningRole
    @Option(help: "How many.") var array: Int
    @Option(help: ArgumentHelp("Folder of the run.", valueName: "run")) var coordinator: String
    @OptionGroup var job: SlurmJobOptions
    @OptionGroup var keys: KeyOptions

    func validate() throws {
        guard (1...65_536).contains(array) else { throw ValidationError("--array \(array): expected 1 to 65536") }
    }

    func run() throws {
        let folder = URL(fileURLWithPath: coordinator).standardizedFileURL.path
        guard FileManager.default.fileExists(atPath: folder + "/experiment.yaml") else {
            throw ClusterError("--coordinator \(coordinator): expected the folder of a run; it has no experiment.yaml")
        }
        let script = try self.script(in: folder)
        if job.printOnly { return print(script, terminator: "") }
        let number = try SlurmScript.submit(script, as: folder + "/slurm-\(role).sbatch", logsIn: folder + "/logs")
        print("job \(number); its logs are \(folder)/logs/slurm-\(number)-*.log")
    }

    private func script(in folder: String) throws -> String {
        var script = SlurmScript(title: "Workers that join \(folder), a run of Distillery in Slurm")
        script.options = ["--job-name=distillery-\(role)", "--array=1-\(array)", "--ntasks=1"]
        if let cpus = job.cpus { script.options.append("--cpus-per-task=\(cpus)") }
        try script.finishOptions(job, log: folder + "/logs/slurm-%A-%a.log")
        script.values = [
            ("RUN", folder), ("PROGRAM", try ChildProcess.ownExecutable()), ("ROLE", role.rawValue),
            ("KEYS", keys.arguments.last ?? folder + "/keys"),
        ]
        return script.text(body: SlurmScript.joinBody)
    }
}
