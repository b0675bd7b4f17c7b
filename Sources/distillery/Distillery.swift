import ArgumentParser
import Cluster
import Glibc

@main
struct Distillery: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distillery",
        abstract: "Algorithm Distillation: collect learning histories, distil them, evaluate in context.",
        version: softwareVersion,
        subcommands: [
            RunCommand.self, LaunchCommand.self, CoordinatorCommand.self, ActorCommand.self, LearnerCommand.self,
            RecorderCommand.self, DistillerCommand.self, EvaluatorCommand.self, StatusCommand.self, ScaleCommand.self,
            DrainCommand.self, StopCommand.self, HistoriesCommand.self, DistillCommand.self, EvaluateCommand.self,
            PredictCommand.self, EnvironmentsCommand.self, BenchCommand.self, DoctorCommand.self,
            ReportCommand.self, KeysCommand.self,
        ]
    )

    /// As ArgumentParser's own, but wrong usage exits with 2.
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            if exitCode(for: error) == .validationFailure {
                printError(fullMessage(for: error))
                Glibc.exit(2)
            }
            exit(withError: error)
        }
    }
}
