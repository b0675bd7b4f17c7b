import ArgumentParser
import Foundation
import Supervision

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
