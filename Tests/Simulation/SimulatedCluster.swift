import Catalog
import Collecting
package import Coordination
import Environments
package import Experience
package import Experiments
import Foundation
import Logging
package import Nodes
package import TestSupport
import Transport
package import Wire

/// A whole cluster in one thread: every role inside its session, messages through a simulated network, time by hand,
/// stream files on a real disk. Processes that end too early are started again, as the supervisor does.
package final class SimulatedCluster {
    package static let coordinatorName = "coordinator"
    private static let tickNanoseconds: UInt64 = 50_000_000
    static let restartNanoseconds: UInt64 = 200_000_000
    /// Work that a node may do between two messages.
    private static let workLimit = 64
    /// A step of training is longer than what others do in a turn, and a run is to last while it is disturbed.
    private static let trainingLimit = 1

    package let folder: String
    package let clock: ManualClock
    package let network: SimulatedNetwork<String>
    package internal(set) var coordinator: Coordinator
    package let context: ExperimentContext
    package internal(set) var nodes: [String: NodeSession] = [:]
    /// What ended nodes that nobody killed.
    package private(set) var faults: [String] = []
    package let witness = Witness()
    /// What recorders have acknowledged: the first sequence that need not be on disk.
    package var acknowledged: [StreamIdentifier: UInt64] {
        Dictionary(witness.acknowledged.map { ($0.key.stream, $0.value) }, uniquingKeysWith: max)
    }
    /// May change what anybody sends, to whom: bugs are planted here.
    package var tamper: ((_ item: Outbox.Item, _ sender: String) -> [Outbox.Item])?
    /// May change what reaches somebody: bugs are planted here too.
    package var tamperArriving: ((_ bytes: [UInt8], _ sender: String, _ receiver: String) -> [UInt8]?)?
    package let journal = MemoryJournal()
    /// Sees everything that is sent.
    package var onSend: ((_ bytes: [UInt8], _ sender: String) -> Void)?
    /// Says which processes on its host have ended, and ends those that it is told to; nil where nobody does.
    package internal(set) var supervisor: SimulatedSupervisor?
    /// Whether no recorder's disk has room left.
    package var isDiskFull: Bool {
        get { disk.isFull }
        set { disk.isFull = newValue }
    }
    /// The folder of the recorder whose disk alone has no room left.
    package var fullFolder: String? {
        get { disk.fullFolder }
        set { disk.fullFolder = newValue }
    }
    /// Whether streams grow on a disk of their recorder's host, and come into its folder when they end.
    package var growsElsewhere = false
    /// Which of the run's folders each recorder writes into.
    var recorderNumbers: [String: Int] = [:]
    /// Streams whose files somebody damaged.
    package internal(set) var damaged: Set<StreamIdentifier> = []
    /// Those of them that were damaged while no recorder lived, which could have known what they held.
    package internal(set) var damagedUnseen: Set<StreamIdentifier> = []
    /// Nodes that ended because they had not heard the coordinator for as long as they wait.
    package private(set) var givenUp = 0
    let goal: Coordinator.Goal
    /// Policy versions that the rollouts at the recorder were made with.
    package private(set) var versions: Set<UInt64> = []

    package func forgetVersions() { versions = [] }

    /// Whether a recorder or a learner that takes another's place listens where that one did.
    package var keepsAddresses = false
    /// Whether the next process of a role runs on another kind of processor.
    package var startsElsewhere: Set<RoleName> = []
    /// Numbers of the processes that do.
    var elsewhere: Set<Int> = []
    package let traffic = Traffic()
    /// What `status` says of who waits for whom; bugs are planted here.
    package var waits: (Coordinator, _ now: UInt64) -> [ClusterStatus.Wait] = { $0.status(now: $1).waits }
    /// Nodes that were refused for long while `status` did not name them.
    package private(set) var refusedUnnamed: Set<String> = []
    /// All nodes that were refused for long.
    package private(set) var refusedForLong: Set<String> = []
    private var nextLook: UInt64 = 0
    /// So often it is looked at what lasts.
    private static let lookNanoseconds: UInt64 = 1_000_000_000
    package let learning = WatchedLearning()

    let disk = SimulatedDisk()
    var held: [String: UInt64] = [:]
    /// When the coordinator was last heard.
    var lastWord: [String: UInt64] = [:]
    /// By which number its host knows a node's process.
    var processes: [String: Int] = [:]
    var started = 0
    /// When a coordinator that was killed comes back; nil while it is there.
    var coordinatorReturns: UInt64?
    /// By which name a node that joined again goes now, and under which endpoint it listens.
    var currentNames: [String: String] = [:]
    var endpointNames: [String: String] = [:]
    var mayStartAt: [RoleName: UInt64] = [:]
    var outbox = Outbox()
    private var nextTick: UInt64 = 0
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// `catalogue`: whether the run has one, in its folder. `disk`: what the first coordinator's states of learners wait
    /// for. `prepare` gets the folder before anybody looks at it.
    package init(
        yaml: String, seed: UInt64, conditions: NetworkConditions = NetworkConditions(),
        goal: Coordinator.Goal = Coordinator.Goal(collects: true, distils: false, evaluates: false),
        catalogue: Bool = false, disk work: any DiskWork = ImmediateDiskWork(),
        prepare: (_ folder: String) throws -> Void = { _ in }
    ) throws {
        folder = try makeTemporaryFolder()
        clock = ManualClock(now: 1_000_000_000)
        network = SimulatedNetwork(seed: seed, clock: clock, conditions: conditions)
        context = try ExperimentContext(experiment: Experiment(yaml: yaml, file: "the test"), folder: folder)
        self.goal = goal
        try prepare(folder)
        if catalogue {
            journal.next = try LedgerJournal(
                ledger: Ledger(path: folder + "/catalog.sqlite", mode: .create), context: context,
                folder: URL(fileURLWithPath: folder))
        }
        coordinator = try Self.makeCoordinator(context, goal, journal, logger, work, now: clock.now)
        witness.starts += 1
    }

    private static func makeCoordinator(
        _ context: ExperimentContext, _ goal: Coordinator.Goal, _ journal: MemoryJournal, _ logger: Logger,
        _ work: any DiskWork = ImmediateDiskWork(), now: UInt64
    ) throws -> Coordinator {
        try Coordinator(
            context: context, run: "test", folder: context.folder, goal: goal, journal: journal,
            checkpoints: CheckpointStore(folder: URL(fileURLWithPath: context.folder + "/checkpoints/distiller")),
            disk: work, logger: logger, finished: journal.progress(), now: now)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    package var seconds: Double { Double(clock.now) * 1e-9 }

    package func names(_ role: RoleName) -> [String] { nodes.filter { $0.value.role.name == role }.map(\.key).sorted() }

    // MARK: - Time

    /// Runs for so many simulated milliseconds, or until the coordinator is finished.
    package func run(milliseconds: UInt64, until condition: (SimulatedCluster) -> Bool = { _ in false }) throws {
        let end = clock.now + milliseconds * nanosecondsPerMillisecond
        while clock.now < end, !isFinished, !condition(self) {
            if let delivery = network.receive(by: min(nextTick, end)) { try deliver(delivery) }
            guard clock.now >= nextTick else { continue }
            nextTick = clock.now + Self.tickNanoseconds
            try tick()
        }
    }

    package var isFinished: Bool { coordinatorReturns == nil && coordinator.isFinished }

    private func tick() throws {
        if let moment = coordinatorReturns, clock.now >= moment {
            coordinator = try Self.makeCoordinator(context, goal, journal, logger, now: clock.now)
            coordinatorReturns = nil
            witness.starts += 1
        }
        if isCoordinatorAtWork {
            try coordinator.tick(now: clock.now, outbox: &outbox)
            flush(from: Self.coordinatorName)
        }
        if clock.now >= nextLook {
            nextLook = clock.now + Self.lookNanoseconds
            noteUnnamedRefusals()
            learning.look(at: nodes.values.flatMap(\.role.learning), now: clock.now)
        }
        if supervisor != nil, clock.now >= held[SimulatedSupervisor.name] ?? 0 {
            supervisor?.tick(now: clock.now, outbox: &outbox)
            flush(from: SimulatedSupervisor.name)
        }
        for name in nodes.keys.sorted() where clock.now >= held[name] ?? 0 {
            step(name) { try $0.tick(now: $1, outbox: &$2) }
        }
        if coordinatorReturns == nil { startMissing() }
    }

    private func noteUnnamedRefusals() {
        guard isCoordinatorAtWork else { return }
        let refused = traffic.refusedForLong(now: clock.now).filter { nodes[$0] != nil }
        guard !refused.isEmpty, coordinator.failure.isEmpty else { return }
        refusedForLong.formUnion(refused)
        let waits = waits(coordinator, clock.now)
        for name in refused
        where !waits.contains(where: { $0.who == name || $0.whom == name || $0.why.contains(name) }) {
            refusedUnnamed.insert(name)
        }
    }

    private func deliver(_ delivery: SimulatedNetwork<String>.Delivery) throws {
        witness.hear(delivery.bytes, from: delivery.from, to: delivery.to)
        guard let bytes = tamperArriving.map({ $0(delivery.bytes, delivery.from, delivery.to) }) ?? delivery.bytes
        else {
            return
        }
        if let until = held[delivery.to] {
            guard clock.now >= until else {
                network.put(bytes, from: delivery.from, to: delivery.to, at: until)
                return
            }
            held[delivery.to] = nil
        }
        guard delivery.to != Self.coordinatorName else {
            guard coordinatorReturns == nil else { return }
            learning.hear(bytes)
            try bytes.withUnsafeBytes {
                try coordinator.receive($0, from: .peer(delivery.from), now: clock.now, outbox: &outbox)
            }
            return flush(from: Self.coordinatorName)
        }
        guard delivery.to != SimulatedSupervisor.name else { return supervise(bytes) }
        if delivery.from == Self.coordinatorName { lastWord[delivery.to] = clock.now }
        let sender: Address =
            delivery.from == Self.coordinatorName
            ? .coordinator : isServer(delivery.to) ? .peer(delivery.from) : .endpoint(endpoint(delivery.from))
        if nodes[delivery.to] != nil { note(delivery.bytes, at: delivery.to) }
        step(delivery.to) { session, now, outbox in
            try asHeard(bytes, by: delivery.to).withUnsafeBytes {
                try session.receive($0, from: sender, now: now, outbox: &outbox)
            }
        }
    }

    /// Lets a node take a call and then work, and sends what it wants sent.
    private func step(_ name: String, _ call: (NodeSession, UInt64, inout Outbox) throws -> Void) {
        guard let node = nodes[name] else { return }
        do {
            try call(node, clock.now, &outbox)
            let limit = node.role.name == .distiller ? Self.trainingLimit : Self.workLimit
            for _ in 0..<limit where try !node.work(now: clock.now, outbox: &outbox) { break }
        } catch {
            if isUnheard(name) { givenUp += 1 } else { faults.append("\(name) at \(seconds) s: \(error)") }
            outbox.removeAll()
            return kill(name)
        }
        flush(from: name)
        if node.mustRejoin { rejoin(name, node) }
        guard node.isFinished else { return }
        outbox.send(.drain(node: name), to: .coordinator)
        flush(from: name)
        nodes[name] = nil
        processes[name] = nil
    }

    /// A node that the coordinator's word has not reached for as long as it waits is right to end.
    private func isUnheard(_ name: String) -> Bool {
        let limit = NodeSession.coordinatorSilenceLimitMilliseconds * nanosecondsPerMillisecond
        return clock.now >= (lastWord[name] ?? 0) + limit
    }

    // MARK: - Messages

    private func isServer(_ name: String) -> Bool { name.hasPrefix("learner") || name.hasPrefix("recorder") }
    func endpoint(_ name: String) -> String { "sim:" + (endpointNames[name] ?? name) }
    private func name(at endpoint: String) -> String {
        let first = String(endpoint.dropFirst(4))
        return currentNames[first] ?? first
    }

    /// The node goes on under another name; its endpoint stays.
    func rejoin(_ name: String, _ node: NodeSession) {
        let first = endpointNames.removeValue(forKey: name) ?? name
        let new = "\(node.role.name.rawValue)-\(started)"
        started += 1
        nodes[name] = nil
        network.forget(name)
        endpointNames[new] = first
        currentNames[first] = new
        nodes[new] = node.renewed(name: new, now: clock.now)
        processes[new] = processes.removeValue(forKey: name)
        recorderNumbers[new] = recorderNumbers.removeValue(forKey: name)
        lastWord[new] = clock.now
    }

    func flush(from sender: String) {
        if sender == Self.coordinatorName {
            do { try coordinator.commit(&outbox, now: clock.now) } catch {
                faults.append("the journal at \(seconds) s: \(error)")
            }
        }
        for item in tamper.map({ tamper in outbox.items.flatMap { tamper($0, sender) } }) ?? outbox.items {
            onSend?(item.bytes, sender)
            if sender.hasPrefix("recorder") { witness.recorderSays(item.bytes) }
            for address in item.addresses {
                switch address {
                case .coordinator: send(item.bytes, from: sender, to: Self.coordinatorName)
                case .peer(let name):
                    if sender == Self.coordinatorName { witness.command(item.bytes, to: name) }
                    if sender.hasPrefix("recorder") { witness.recorderSays(item.bytes, to: name) }
                    send(item.bytes, from: sender, to: name)
                case .endpoint(let text): send(item.bytes, from: sender, to: name(at: text))
                }
            }
        }
        outbox.removeAll()
    }

    private func send(_ bytes: [UInt8], from sender: String, to receiver: String) {
        traffic.note(bytes, from: sender, to: receiver, now: clock.now)
        network.send(bytes, from: sender, to: receiver)
    }

    private func note(_ bytes: [UInt8], at receiver: String) {
        guard receiver.hasPrefix("recorder"), bodyNumber(of: bytes) == 32,
            let envelope = try? Envelope(decoding: bytes), case .rollouts(let rollouts) = envelope.message
        else { return }
        witness.bring(rollouts)
        for header in rollouts.content.headers { versions.insert(header.policyVersion) }
    }

    /// Bytes from somebody who may be anybody.
    package func inject(_ message: Message, from sender: String, to receiver: String) {
        network.send(Envelope(message, request: 7).encoded(), from: sender, to: receiver)
    }

    /// The number of actors that the cluster is to carry, by a client who asks until it is heard; false while the
    /// coordinator cannot hear anybody.
    package func scale(to actors: Int) -> Bool { ask(.scale(actors: actors)) }

    /// Asks a node to leave, in the same way.
    package func drain(_ name: String) -> Bool { ask(.drain(node: name)) }

    /// Ends the run in good order.
    func stop() -> Bool { ask(.stop) }

    private func ask(_ message: Message) -> Bool {
        guard isCoordinatorAtWork else { return false }
        let bytes = Envelope(message, request: 7).encoded()
        let error = bytes.withUnsafeBytes { deliver($0, from: .peer("client"), to: Self.coordinatorName) }
        return error == nil
    }

    /// The coordinator is there and nothing holds it up.
    package var isCoordinatorAtWork: Bool {
        coordinatorReturns == nil && clock.now >= held[Self.coordinatorName] ?? 0
    }
}

/// The room that recorders find on their disks.
final class SimulatedDisk {
    /// Nowhere is room.
    var isFull = false
    /// There is none.
    var fullFolder: String?

    func freeBytes(_ folder: String) -> UInt64? { isFull || folder == fullFolder ? 0 : freeDiskBytes(folder) }
}
