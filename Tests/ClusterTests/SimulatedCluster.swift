import Cluster
import Environments
import Experiments
import Foundation
import Histories
import Logging
import TestSupport
import Transport
import Wire

/// A whole cluster in one thread: every role inside its session, messages through a simulated network, time by hand,
/// stream files on a real disk. Processes that end too early are started again, as the supervisor does.
final class SimulatedCluster {
    static let coordinatorName = "coordinator"
    private static let tickNanoseconds: UInt64 = 50_000_000
    private static let restartNanoseconds: UInt64 = 200_000_000
    /// Work that a node may do between two messages.
    private static let workLimit = 64

    let folder: String
    let clock: ManualClock
    let network: SimulatedNetwork<String>
    private(set) var coordinator: Coordinator
    let context: ExperimentContext
    private(set) var nodes: [String: NodeSession] = [:]
    /// What ended nodes that nobody killed.
    private(set) var faults: [String] = []
    /// Checksums of every rollout that reached a recorder, by stream and sequence.
    private(set) var brought: [StreamIdentifier: [UInt64: Set<UInt32>]] = [:]
    /// What recorders have acknowledged: the first sequence that need not be on disk.
    private(set) var acknowledged: [StreamIdentifier: UInt64] = [:]
    let journal = MemoryJournal()
    /// Policy versions that the rollouts at the recorder were made with.
    private(set) var versions: Set<UInt64> = []

    func forgetVersions() { versions = [] }

    private var started = 0
    /// When a coordinator that was killed comes back; nil while it is there.
    private var coordinatorReturns: UInt64?
    /// By which name a node that joined again goes now, and under which endpoint it listens.
    private var currentNames: [String: String] = [:]
    private var endpointNames: [String: String] = [:]
    private var mayStartAt: [RoleName: UInt64] = [:]
    private var outbox = Outbox()
    private var nextTick: UInt64 = 0
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init(yaml: String, seed: UInt64, conditions: NetworkConditions = NetworkConditions()) throws {
        folder = try makeTemporaryFolder()
        clock = ManualClock(now: 1_000_000_000)
        network = SimulatedNetwork(seed: seed, clock: clock, conditions: conditions)
        context = try ExperimentContext(experiment: Experiment(yaml: yaml, file: "the test"), folder: folder)
        coordinator = try Self.makeCoordinator(context, journal, logger, now: clock.now)
    }

    private static func makeCoordinator(
        _ context: ExperimentContext, _ journal: MemoryJournal, _ logger: Logger, now: UInt64
    ) throws -> Coordinator {
        try Coordinator(
            context: context, run: "test", folder: context.folder,
            goal: Coordinator.Goal(collects: true, distils: false, evaluates: false), journal: journal,
            checkpoints: CheckpointStore(folder: URL(fileURLWithPath: context.folder + "/checkpoints/distiller")),
            logger: logger, finished: journal.progress(), now: now)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var seconds: Double { Double(clock.now) * 1e-9 }

    func names(_ role: RoleName) -> [String] { nodes.filter { $0.value.role.name == role }.map(\.key).sorted() }

    // MARK: - Time

    /// Runs for so many simulated milliseconds, or until the coordinator is finished.
    func run(milliseconds: UInt64, until condition: (SimulatedCluster) -> Bool = { _ in false }) throws {
        let end = clock.now + milliseconds * nanosecondsPerMillisecond
        while clock.now < end, !isFinished, !condition(self) {
            if let delivery = network.receive(by: min(nextTick, end)) { try deliver(delivery) }
            guard clock.now >= nextTick else { continue }
            nextTick = clock.now + Self.tickNanoseconds
            try tick()
        }
    }

    var isFinished: Bool { coordinatorReturns == nil && coordinator.isFinished }

    private func tick() throws {
        if let moment = coordinatorReturns, clock.now >= moment {
            coordinator = try Self.makeCoordinator(context, journal, logger, now: clock.now)
            coordinatorReturns = nil
        }
        if coordinatorReturns == nil {
            try coordinator.tick(now: clock.now, outbox: &outbox)
            flush(from: Self.coordinatorName)
        }
        for name in nodes.keys.sorted() { step(name) { try $0.tick(now: $1, outbox: &$2) } }
        if coordinatorReturns == nil { startMissing() }
    }

    private func deliver(_ delivery: SimulatedNetwork<String>.Delivery) throws {
        let envelope = try Envelope(decoding: delivery.bytes)
        guard delivery.to != Self.coordinatorName else {
            guard coordinatorReturns == nil else { return }
            try coordinator.receive(envelope, from: .peer(delivery.from), now: clock.now, outbox: &outbox)
            return flush(from: Self.coordinatorName)
        }
        let sender: Address =
            delivery.from == Self.coordinatorName
            ? .coordinator : isServer(delivery.to) ? .peer(delivery.from) : .endpoint(endpoint(delivery.from))
        if nodes[delivery.to] != nil { note(envelope, at: delivery.to) }
        step(delivery.to) { try $0.receive(envelope, from: sender, now: $1, outbox: &$2) }
    }

    /// Lets a node take a call and then work, and sends what it wants sent.
    private func step(_ name: String, _ call: (NodeSession, UInt64, inout Outbox) throws -> Void) {
        guard let node = nodes[name] else { return }
        do {
            try call(node, clock.now, &outbox)
            for _ in 0..<Self.workLimit where try !node.work(now: clock.now, outbox: &outbox) { break }
        } catch {
            faults.append("\(name) at \(seconds) s: \(error)")
            outbox.removeAll()
            return kill(name)
        }
        noteAcknowledgements(of: node)
        flush(from: name)
        if node.mustRejoin { rejoin(name, node) }
        guard node.isFinished else { return }
        outbox.send(.drain(node: name), to: .coordinator)
        flush(from: name)
        nodes[name] = nil
    }

    // MARK: - Messages

    private func isServer(_ name: String) -> Bool { name.hasPrefix("learner") || name.hasPrefix("recorder") }
    private func endpoint(_ name: String) -> String { "sim:" + (endpointNames[name] ?? name) }
    private func name(at endpoint: String) -> String {
        let first = String(endpoint.dropFirst(4))
        return currentNames[first] ?? first
    }

    /// The node goes on under another name; its endpoint stays.
    private func rejoin(_ name: String, _ node: NodeSession) {
        let first = endpointNames.removeValue(forKey: name) ?? name
        let new = "\(node.role.name.rawValue)-\(started)"
        started += 1
        nodes[name] = nil
        network.forget(name)
        endpointNames[new] = first
        currentNames[first] = new
        nodes[new] = node.renewed(name: new, now: clock.now)
    }

    private func flush(from sender: String) {
        for item in outbox.items {
            for address in item.addresses {
                switch address {
                case .coordinator: network.send(item.bytes, from: sender, to: Self.coordinatorName)
                case .peer(let name): network.send(item.bytes, from: sender, to: name)
                case .endpoint(let text): network.send(item.bytes, from: sender, to: name(at: text))
                }
            }
        }
        outbox.removeAll()
    }

    private func note(_ envelope: Envelope, at receiver: String) {
        guard receiver.hasPrefix("recorder"), case .rollouts(let rollouts) = envelope.message else { return }
        for header in rollouts.content.headers {
            let stream = StreamIdentifier(lifetime: rollouts.content.lifetime, actor: header.actor)
            versions.insert(header.policyVersion)
            brought[stream, default: [:]][header.sequence, default: []].insert(header.checksum)
        }
    }

    private func noteAcknowledgements(of node: NodeSession) {
        guard node.role.name == .recorder else { return }
        for item in outbox.items {
            guard let envelope = try? Envelope(decoding: item.bytes),
                case .rolloutsDurable(let durable) = envelope.message
            else { continue }
            for stream in durable.streams {
                let identifier = StreamIdentifier(lifetime: durable.lifetime, actor: stream.actor)
                acknowledged[identifier] = max(acknowledged[identifier] ?? 0, stream.nextSequence)
            }
        }
    }

    /// Bytes from somebody who may be anybody.
    func inject(_ message: Wire.Message, from sender: String, to receiver: String) {
        network.send(Envelope(message, request: 7).encoded(), from: sender, to: receiver)
    }

    // MARK: - Processes

    private func startMissing() {
        for (role, count) in coordinator.deployment.processes where role != .coordinator && role != .supervisor {
            while names(role).count < count, clock.now >= mayStartAt[role] ?? 0 { start(role) }
        }
    }

    @discardableResult
    func start(_ role: RoleName) -> String {
        let name = "\(role.rawValue)-\(started)"
        started += 1
        nodes[name] = NodeSession(
            role: makeRole(role), name: name, host: "host", process: started,
            endpoint: role == .learner || role == .recorder ? endpoint(name) : "", now: clock.now)
        return name
    }

    private func makeRole(_ role: RoleName) -> any Role {
        switch role {
        case .actor: ActorRole(capacity: 0)
        case .learner: LearnerRole(capacity: 0)
        case .recorder: RecorderRole(folder: nil, logger: logger)
        default: fatalError("not part of the simulation")
        }
    }

    /// As by SIGKILL; another process takes its place a little later.
    func kill(_ name: String) {
        guard name != Self.coordinatorName else {
            network.forget(name)
            coordinatorReturns = clock.now + Self.restartNanoseconds
            return
        }
        guard let node = nodes.removeValue(forKey: name) else { return }
        network.forget(name)
        mayStartAt[node.role.name] = clock.now + Self.restartNanoseconds
    }
}

/// What the coordinator wrote down; another coordinator takes it up.
final class MemoryJournal: RunJournal {
    private(set) var sealed: [StreamIdentifier: (rows: UInt64, rollouts: UInt64)] = [:]
    private(set) var ended: Set<LifetimeIdentifier> = []
    private(set) var attempts: [LifetimeIdentifier: UInt64] = [:]
    private(set) var endings = 0
    private(set) var results: [FinishedJob] = []
    private var starts: UInt64 = 0

    /// For the next coordinator.
    func progress() -> Cluster.Progress {
        var progress = Cluster.Progress()
        progress.lifetimes = ended
        progress.attempts = attempts
        for stream in sealed.keys { progress.sealed[stream.lifetime, default: []].insert(stream.actor) }
        progress.jobs = Set(results)
        progress.starts = starts
        starts += 1
        return progress
    }

    func lifetimeQueued(_ lifetime: LifetimeIdentifier, task: Environments.Task, actors: Int) throws {}
    func lifetimeStarted(_ lifetime: LifetimeIdentifier, attempt: UInt64, learner: String) throws {
        attempts[lifetime] = attempt
    }
    func lifetimeEnded(_ lifetime: LifetimeIdentifier, numbers: [String: Double]) throws {
        ended.insert(lifetime)
        endings += 1
    }
    func streamSealed(_ stream: StreamIdentifier, rows: UInt64, rollouts: UInt64) throws {
        sealed[stream] = (rows, rollouts)
    }
    func nodeJoined(_ hello: Hello) throws {}
    func nodeLeft(_ name: String, reason: String) throws {}
    func phaseBegan(_ phase: RunPhase) throws {}
    func metrics(_ source: String, _ metrics: Metrics) throws {}
    func checkpointStored(_ name: String, numbers: [String: Double]) throws {}
    func distillationFinished(_ checkpoint: String) throws {}
    func evaluated(_ job: EvaluationJob, split: Split, returns: [Float]) throws {
        results.append(FinishedJob(evaluation: job.evaluation, task: job.task))
    }
}

/// In memory where the system has a place for that: the tests sync a thousand files.
func makeTemporaryFolder() throws -> String {
    let base = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
    let folder = "\(base)/distillery-cluster-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
}
