import ArgumentParser
import Cluster
import Foundation
import Wire

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What a running cluster is at, and what is waiting for whom.",
        discussion: "Example: distillery status --coordinator $(cat runs/quickstart/coordinator.endpoint) --watch")

    @OptionGroup var connection: ConnectionOptions
    @Flag(help: "Show it again every second until Ctrl-C.") var watch = false
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        if watch && json { throw ValidationError("--watch and --json exclude each other") }
    }

    func run() throws {
        let client = try ControlClient(connection)
        repeat {
            let (status, document) = try client.status()
            if watch { print("\u{1B}[H\u{1B}[2J", terminator: "") }
            print(json ? document : status.text)
            if watch { sleep(1) }
        } while watch
    }
}

struct ScaleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale", abstract: "Change how many actors a running cluster carries.",
        discussion: "Example: distillery scale actors=200 --coordinator tcp://127.0.0.1:5555")

    @Argument(help: "actors=NUMBER") var target: String
    @OptionGroup var connection: ConnectionOptions

    func validate() throws { _ = try actors() }

    private func actors() throws -> Int {
        guard target.hasPrefix("actors="), let number = Int(target.dropFirst(7)), (0...65_536).contains(number) else {
            throw ValidationError("\(target): expected actors=NUMBER with a number from 0 to 65536")
        }
        return number
    }

    func run() throws { try ControlClient(connection).scale(actors: try actors()) }
}

struct DrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Let one node hand over its work and leave.",
        discussion: "Example: distillery drain actor-host-4711-99 --coordinator tcp://127.0.0.1:5555")

    @Argument(help: "The node's name, as `status` shows it.") var node: String
    @OptionGroup var connection: ConnectionOptions

    func run() throws { try ControlClient(connection).drain(node: node) }
}

struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "End a running cluster in good order; it can be resumed.",
        discussion: "Example: distillery stop --coordinator tcp://127.0.0.1:5555")

    @OptionGroup var connection: ConnectionOptions

    func run() throws { try ControlClient(connection).stop() }
}

extension ClusterStatus {
    private static let listedQuarantines = 10

    /// For a person at a terminal.
    var text: String {
        var lines = [
            "\(run): \(phase.rawValue) for \(Int(secondsOfPhase)) s (\(Int(seconds)) s in all)",
            "lifetimes: \(lifetimes.finished) of \(lifetimes.total) finished, \(lifetimes.running) running, "
                + "\(lifetimes.queued) queued",
            "environment steps: \(Int(environmentSteps)), \(Int(environmentStepsPerSecond)) a second",
        ]
        if let loss = distillation["loss"] {
            lines.append("distiller: step \(distillationStep), loss \((loss * 1e4).rounded() / 1e4)")
        }
        if jobs.total > 0 {
            lines.append("evaluation: \(jobs.finished) of \(jobs.total) jobs, \(jobs.running) running")
        }
        if !quarantined.isEmpty {
            lines.append("quarantined streams: \(quarantined.count)")
            lines += quarantined.prefix(Self.listedQuarantines).map { "  \($0.stream): \($0.reason)" }
        }
        if !failure.isEmpty { lines.append("failed: \(failure)") }
        let refused = numbers.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { "\($0.key) \(Int($0.value))" }
        if !refused.isEmpty { lines.append("  the coordinator: \(refused.joined(separator: ", "))") }
        for node in nodes {
            let state = node.isLeaving ? " leaving" : node.waitingFor.isEmpty ? "" : " waits for \(node.waitingFor)"
            let numbers = node.numbers.sorted { $0.key < $1.key }.map { "\($0.key) \(Int($0.value))" }
            lines.append("  \(node.name): \(numbers.joined(separator: ", "))\(state)")
        }
        return lines.joined(separator: "\n")
    }
}
