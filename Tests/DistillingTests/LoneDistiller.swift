import Coordination
import Distilling
import Experience
import Experiments
import Foundation
import Logging
import Nodes
import Simulation
import Wire

/// A run whose streams are collected, and the checkpoints of a whole training on them: `step-00000002` and, the last,
/// `step-00000003`. Made once for all tests that need one; they work on copies.
final class CollectedRun: Sendable {
    static let yaml = smallExperiment(lockstep: false, trainTasks: 8, episodes: 4)
    static let first = "step-00000002"
    static let last = "step-00000003"
    static let shared = Result { try CollectedRun() }

    let folder: String

    private init() throws {
        folder = try makeTemporaryFolder()
        let cluster = try SimulatedCluster(
            yaml: Self.yaml, seed: 1, goal: Coordinator.Goal(collects: true, distils: true, evaluates: false))
        try cluster.run(milliseconds: 3_600_000)
        guard cluster.isFinished else { throw ClusterError("the run did not end: \(cluster.faults)") }
        for part in ["histories", "checkpoints"] {
            try FileManager.default.copyItem(atPath: "\(cluster.folder)/\(part)", toPath: "\(folder)/\(part)")
        }
    }

    /// Copies the histories, and the checkpoints that are named, into a run's folder.
    static func copy(checkpoints: [String], to folder: String) throws {
        let source = try shared.get().folder
        try FileManager.default.copyItem(atPath: source + "/histories", toPath: folder + "/histories")
        let store = folder + "/checkpoints/distiller"
        try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
        for name in checkpoints {
            try FileManager.default.copyItem(
                atPath: "\(source)/checkpoints/distiller/\(name)", toPath: "\(store)/\(name)")
        }
    }
}

/// A distiller alone, spoken to by hand.
final class LoneDistiller {
    let role: DistillerRole
    let store: CheckpointStore
    let folder: String
    var now: UInt64 = 1_000_000_000
    private var request: UInt64 = 0

    /// `engine`: what trains; nil for the one of its own process.
    init(checkpoints: [String] = [], engine: (any TrainingEngine)? = nil) throws {
        folder = try makeTemporaryFolder()
        try CollectedRun.copy(checkpoints: checkpoints, to: folder)
        store = CheckpointStore(folder: URL(fileURLWithPath: folder + "/checkpoints/distiller"))
        role = DistillerRole(
            folder: nil, engine: engine, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try begin()
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func begin() throws {
        try role.begin(
            Welcome(
                run: "test", experiment: Experiment(yaml: CollectedRun.yaml, file: "the test").yaml,
                heartbeatIntervalMilliseconds: 1000, silenceLimitMilliseconds: 5000, folder: folder), now: now)
    }

    /// What it answers to a message of the coordinator.
    @discardableResult
    func hear(_ message: Message, request: UInt64? = nil) throws -> [Envelope] {
        self.request += 1
        var outbox = Outbox()
        try role.receive(
            Envelope(message, request: request ?? self.request), from: .coordinator, now: now, outbox: &outbox)
        return try outbox.items.map { try Envelope(decoding: $0.bytes) }
    }

    /// A piece of work, and a tick some time later.
    func turn(after milliseconds: UInt64 = 50) throws -> [Envelope] {
        var outbox = Outbox()
        _ = try role.work(now: now, outbox: &outbox)
        now += milliseconds * 1_000_000
        try role.tick(now: now, outbox: &outbox)
        return try outbox.items.map { try Envelope(decoding: $0.bytes) }
    }

    /// Takes turns, storing what it sends as a coordinator does, until it says that training is over.
    /// Gives the report, the checkpoint pieces that came before it, and the metrics.
    func untilReport(turns: Int = 500) throws -> (report: Envelope?, pieces: [Envelope], metrics: [Metrics]) {
        var pieces: [Envelope] = []
        var metrics: [Metrics] = []
        for _ in 0..<turns {
            var waiting = try turn()
            while !waiting.isEmpty {
                let envelope = waiting.removeFirst()
                switch envelope.message {
                case .checkpointPiece(let piece):
                    pieces.append(envelope)
                    _ = try store.write(piece)
                    waiting += try hear(.acknowledgement, request: envelope.request)
                case .metrics(let numbers): metrics.append(numbers)
                case .distillationFinished: return (envelope, pieces, metrics)
                default: break
                }
            }
        }
        return (nil, pieces, metrics)
    }
}

extension Envelope {
    /// The checkpoint with which training ended, where this is the word of it.
    var finalCheckpoint: String? {
        if case .distillationFinished(let finished) = message { finished.checkpoint } else { nil }
    }

    var isAcknowledgement: Bool { if case .acknowledgement = message { true } else { false } }

    var failure: String? { if case .failure(let reason) = message { reason } else { nil } }

    /// The checkpoint that a distiller is to go on from, where this leases it the training.
    var resumeFrom: String? { if case .distil(let distil) = message { distil.resumeFrom } else { nil } }
}
