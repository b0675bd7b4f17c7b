import ArgumentParser
import Cluster
import Experiments
import Foundation
import Logging
import Processes

/// Where the coordinator is.
struct ConnectionOptions: ParsableArguments {
    @Option(help: "The coordinator's endpoint, for example tcp://127.0.0.1:5555.")
    var coordinator: String

    @Flag(help: "Speak to and listen on addresses that other hosts reach, without authentication.")
    var insecure = false
}

/// An experiment file with what is changed in it.
struct ExperimentOptions: ParsableArguments {
    @Argument(help: "The experiment, a YAML file (docs/experiments.md).")
    var experiment: String

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("Override one key, for example collect.actors=100.", valueName: "key=value"))
    var overrides: [String] = []

    func read() throws -> Experiment { try Experiment(path: experiment, overrides: overrides) }
}

/// Logs to standard error, where a supervised role's log file is.
func makeLogger(_ label: String) -> Logger {
    var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
    logger.logLevel =
        ProcessInfo.processInfo.environment["DISTILLERY_LOG"].flatMap(Logger.Level.init(rawValue:)) ?? .info
    return logger
}

/// Ends the command with the shell's exit code for the signal that interrupted it: 130 for Ctrl-C.
func exitIfInterrupted(_ signal: Signal?) throws {
    if let signal { throw ExitCode(signal.exitCode) }
}

/// Ends the command where its cluster was ended before everything was done.
func exitUnlessComplete(_ outcome: Supervisor.Outcome, advice: String? = nil) throws {
    switch outcome {
    case .complete: return
    case .stopped:
        printError((["stopped"] + [advice].compactMap { $0 }).joined(separator: "; "))
        throw ExitCode(Signal.interrupt.exitCode)
    case .interrupted(let signal):
        printError((["interrupted"] + [advice].compactMap { $0 }).joined(separator: "; "))
        throw ExitCode(signal.exitCode)
    }
}
