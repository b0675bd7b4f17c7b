import ArgumentParser
import Files
import Foundation
import Nodes

/// What a user of a cluster says of a job.
struct SlurmJobOptions: ParsableArguments {
    @Flag(help: "Print the batch script, and submit nothing.") var printOnly = false
    @Option(help: "Time limit of one job, as sbatch takes it: minutes, or days-hours:minutes:seconds.")
    var time: String?
    @Option(help: "Partition of the cluster.") var partition: String?
    @Option(help: "Account that the time is charged to.") var account: String?
    @Option(help: "Processors on each node; by default a run has whole nodes, and a worker that joins one processor.")
    var cpus: Int?
    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A further option of sbatch, for example --sbatch --mem=16G.", valueName: "option"))
    var sbatch: [String] = []

    func validate() throws {
        if let cpus, !(1...65_536).contains(cpus) { throw ValidationError("--cpus \(cpus): expected 1 to 65536") }
    }

    /// Those of the user stand last, since sbatch lets a later line count.
    var lines: [String] {
        let named = [("time", time), ("partition", partition), ("account", account)]
        return named.compactMap { name, value in value.map { "--\(name)=\($0)" } }
            + sbatch.map { $0.hasPrefix("-") ? $0 : "--\($0)" }
    }
}

/// A batch script: a head with its values, and one of the bodies of deploy/slurm.
struct SlurmScript {
    /// What the first line of comments says.
    let title: String
    /// One line of `#SBATCH` each.
    var options: [String] = []
    /// Variables of the shell that the body reads, in order.
    var values: [(name: String, value: String)] = []
    /// The run's experiment, which the script writes where the run's folder does not have one.
    var experiment: String?

    init(title: String) { self.title = title }

    /// Slurm reads some characters of a file's name in a way of its own, and has no escape for all of them.
    private static let refusedInPaths = CharacterSet(charactersIn: "%\"'\\").union(.newlines)
    private static let endOfExperiment = "END_OF_EXPERIMENT"

    /// What both kinds of jobs have in common, and the user's own. Throws `ClusterError` for a log that Slurm would write
    /// elsewhere.
    mutating func finishOptions(_ job: SlurmJobOptions, log: String) throws {
        let folder = URL(fileURLWithPath: log).deletingLastPathComponent().path
        guard folder.rangeOfCharacter(from: Self.refusedInPaths) == nil else {
            throw ClusterError("\(folder): Slurm takes no log into a folder with %, quotes or a backslash in its name")
        }
        options += ["--requeue", "--open-mode=append", "--signal=B:USR2@90", "--output=\"\(log)\""] + job.lines
    }

    func text(body: String) -> String {
        var lines = ["#!/usr/bin/env bash", "# \(title): docs/slurm.md."]
        if let run = values.first(where: { $0.name == "RUN" })?.value {
            lines.append("# Slurm writes into a folder that is there: mkdir -p \(Self.quoted(run + "/logs"))")
        }
        lines += options.map { "#SBATCH \($0)" } + [""]
        lines += values.map { "\($0.name)=\(Self.quoted($0.value))" } + [""]
        if let experiment {
            let end = experiment.hasSuffix("\n") ? "" : "\n"
            lines += [
                "[[ -e $RUN/experiment.yaml ]] || {", "    mkdir -p \"$RUN\"",
                "    cat >\"$RUN/experiment.yaml\" <<'\(Self.endOfExperiment)'",
                experiment + end + Self.endOfExperiment, "}", "",
            ]
        }
        return lines.joined(separator: "\n") + "\n" + body
    }

    /// As one word of a shell.
    private static func quoted(_ text: String) -> String {
        "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }

    /// Writes the script down and gives it to sbatch; the number of the job. Throws `ClusterError` with Slurm's words
    /// where that refuses it.
    static func submit(_ script: String, as path: String, logsIn logs: String) throws -> String {
        try Folder.create(logs)
        try AtomicFile.write(script, to: path)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sbatch", "--parsable", path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let answer = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ClusterError(
                "sbatch has not taken \(path) (exit code \(process.terminationStatus)); on a host without Slurm, "
                    + "--print-only prints the script")
        }
        // JOB, or JOB;CLUSTER.
        return String(answer.trimmingCharacters(in: .whitespacesAndNewlines).prefix { $0 != ";" })
    }
}
