package import ArgumentParser
import Glibc
import MessagePassing
import Nodes
import Processes

/// The command line with all its commands, of `distillery` itself and of any other executable that links this module.
/// What such a program adds to a registry before `main` is there in each of its processes: roles are started by the
/// path of the executable that runs.
package struct Distillery: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "distillery",
        abstract: "Algorithm Distillation: collect learning histories, distil them, evaluate in context.",
        version: versionText,
        subcommands: [
            RunCommand.self, LaunchCommand.self, CoordinatorCommand.self, ActorCommand.self, LearnerCommand.self,
            RecorderCommand.self, DistillerCommand.self, EvaluatorCommand.self, StatusCommand.self, ScaleCommand.self,
            DrainCommand.self, StopCommand.self, HistoriesCommand.self, DistillCommand.self, PrepareCommand.self,
            EvaluateCommand.self,
            PredictCommand.self, AttentionCommand.self, EnvironmentsCommand.self, BenchCommand.self, DoctorCommand.self,
            ReportCommand.self, KeysCommand.self, SlurmCommand.self,
        ]
    )

    package init() {}

    private static var versionText: String {
        let options = Build.options + (isBuiltWithMPI ? ["MPI"] : [])
        return "distillery \(softwareVersion)\ncommit \(Build.commit ?? "unknown")\n\(options.joined(separator: ", "))"
    }

    /// Runs the command that this process's arguments name, on the calling thread, and ends the process with its exit
    /// code: as ArgumentParser's own, but wrong usage exits with 2, and results that cannot be written with 1.
    package static func main() {
        StandardStreams.open()
        // A limit on the size of files (`ulimit -f`) is an error of the write that meets it, as a full disk is.
        signal(SIGXFSZ, SIG_IGN)
        do {
            try checkArguments()
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let code = exitCode(for: error)
            if code == .validationFailure {
                printError(fullMessage(for: error))
                Glibc.exit(2)
            }
            // Help and version are thrown, too.
            guard code == .success else { exit(withError: error) }
            print(fullMessage(for: error))
        }
        guard let failure = StandardStreams.flushOutput() else { Glibc.exit(0) }
        printError("Error: \(failure)")
        Glibc.exit(1)
    }

    /// An empty path would be this folder, where nothing was meant to be written. Without keys is an empty `--keys`.
    private static func checkArguments() throws {
        let arguments = CommandLine.arguments
        for (position, argument) in arguments.enumerated() where argument.isEmpty {
            guard position > 0, arguments[position - 1] != "--keys" else { continue }
            throw ValidationError(
                "the argument after '\(arguments[position - 1])' is empty; is a variable not set?")
        }
    }
}
