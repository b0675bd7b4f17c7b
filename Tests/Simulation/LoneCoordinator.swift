package import Coordination
import Experiments
import Foundation
import Histories
import Logging
import Nodes
package import Wire

/// A coordinator alone, spoken to by hand.
package final class LoneCoordinator {
    package let journal = MemoryJournal()
    package let coordinator: Coordinator
    package let folder: String
    package var now: UInt64
    private var outbox = Outbox()
    private var request: UInt64 = 0

    package init(
        _ yaml: String, goal: Coordinator.Goal = Coordinator.Goal(collects: true, distils: false, evaluates: false),
        finished: Coordination.Progress = Coordination.Progress(), now: UInt64 = 1_000_000_000,
        promptDisk: any DiskWork = ImmediateDiskWork(),
        prepare: (_ folder: String) throws -> Void = { _ in }
    ) throws {
        self.now = now
        folder = try makeTemporaryFolder()
        try prepare(folder)
        coordinator = try Coordinator(
            context: ExperimentContext(experiment: Experiment(yaml: yaml, file: "the test"), folder: folder),
            run: "test", folder: folder, goal: goal, journal: journal,
            checkpoints: CheckpointStore(folder: URL(fileURLWithPath: folder + "/checkpoints")),
            promptDisk: promptDisk,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, finished: finished,
            now: now)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// What it answers to a message, and to whom.
    package func say(_ message: Message, from name: String) throws -> [(to: String, envelope: Envelope)] {
        request += 1
        outbox.removeAll()
        try coordinator.receive(Envelope(message, request: request), from: .peer(name), now: now, outbox: &outbox)
        return try sent()
    }

    package func tick(after milliseconds: UInt64 = 50) throws -> [(to: String, envelope: Envelope)] {
        now += milliseconds * 1_000_000
        outbox.removeAll()
        try coordinator.tick(now: now, outbox: &outbox)
        return try sent()
    }

    package func join(_ role: RoleName, _ name: String, at endpoint: String? = nil, into number: Int = 0) throws {
        let endpoint = endpoint ?? "sim:\(name)"
        _ = try say(
            .hello(Hello(role: role, name: name, host: "h", process: 1, endpoint: endpoint, capacity: 0)), from: name)
        if role == .recorder { _ = try record(by: name, into: number) }
    }

    /// A recorder that has joined writes into the run's folder, or into one with another number.
    package func record(by name: String, into number: Int = 0) throws -> [(to: String, envelope: Envelope)] {
        let path = number == 0 ? folder : "\(folder)/recorder-\(number)"
        return try say(
            .recorderFolder(RecorderFolder(identity: FolderIdentity.make(path), path: path)), from: name)
    }

    private func sent() throws -> [(to: String, envelope: Envelope)] {
        try coordinator.commit(&outbox, now: now)
        return try outbox.items.flatMap { item in
            try item.addresses.map { address in
                guard case .peer(let name) = address else { throw ClusterError("\(address)") }
                return (name, try Envelope(decoding: item.bytes))
            }
        }
    }
}
