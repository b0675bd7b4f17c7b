import ArgumentParser
import Foundation
import Transport
import Wire

struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make the keys by which the processes of a cluster recognise each other.",
        discussion: "Example: distillery keys generate keys",
        subcommands: [KeysGenerateCommand.self, KeysListCommand.self])
}

struct KeysGenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Make a coordinator's key, and one for each node or client.",
        discussion: """
            DIR/coordinator.key stays on the coordinator's host; DIR/node.key goes to each host that joins, and with it \
            alone a node can; DIR/allowed/node.public lets it in, until that file is removed. Nothing is overwritten: \
            a later call with another name adds a key.
            Example: distillery keys generate keys
            A key may be used for every role unless --role says for which; one of `client` asks for status and may scale, \
            drain and stop a run, which the key of a worker may not.
            Example: distillery keys generate keys --node gpu-host-2
            Example: distillery keys generate keys --node lab --role actor --role evaluator
            Then: distillery launch EXPERIMENT.yaml --keys keys --bind tcp://0.0.0.0:5555
            and on gpu-host-2: distillery actor --coordinator tcp://HOST:5555 --keys gpu-host-2.key
            """)

    @Argument(help: ArgumentHelp("Folder of the keys.", valueName: "dir")) var folder: String
    @Option(help: "Names of the nodes' keys; the processes that `launch` and `run` start use \"node\".")
    var node: [String] = []
    @Option(
        help: ArgumentHelp(
            "What the holders may be: \(KeyRoles.names.map(\.name).joined(separator: ", ")); any of them where none is given.",
            valueName: "role"))
    var role: [String] = []

    func validate() throws {
        do { _ = try KeyRoles(names: role) } catch { throw ValidationError("\(error)") }
    }

    func run() throws {
        let keys = KeyFolder(URL(fileURLWithPath: folder).standardizedFileURL.path)
        for path in try keys.generate(nodes: node.isEmpty ? ["node"] : node, roles: role) { print(path) }
    }
}

struct KeysListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show which keys may connect.",
        discussion: "Example: distillery keys list keys")

    @Argument(help: ArgumentHelp("Folder of the keys.", valueName: "dir")) var folder: String

    func run() throws {
        let (clients, problems) = try KeyFolder(URL(fileURLWithPath: folder).standardizedFileURL.path).allowed()
        for (name, client) in clients.sorted(by: { $0.key < $1.key }) {
            let roles = client.roles.isEmpty ? "" : "  (\(client.roles.joined(separator: ", ")))"
            print("\(client.key)  \(name)\(roles)")
        }
        for problem in problems { printError(problem) }
        if !problems.isEmpty { throw ExitCode.failure }
    }
}
