import Collecting
import Coordination
import Distilling
import Experiments
import Foundation
import Logging
import Nodes
import TestSupport
import Transport
import Wire

/// A cluster at its honest work, to which anybody may say anything: the one entry of all such tests.
///
/// An input is one message: a byte that names the receiver, one that names the sender, and what is said. What must not
/// happen is told by `problems`, a crash apart.
package final class FuzzedCluster {
    package enum Receiver: UInt8, CaseIterable {
        case decoder, coordinator, actor, learner, recorder, evaluator, distiller
        /// A node that the coordinator has not taken in.
        case newcomer
    }

    private static let inputsPerTurn = 64
    private static let inputsPerCluster = 20_000
    private static let messagesUnderWay = 10_000
    private static let turnMilliseconds: UInt64 = 100

    /// What went wrong, with the input that did it.
    package private(set) var problems: [String] = []
    package private(set) var inputs = 0
    package private(set) var undecodable = 0
    package private(set) var clusters = 0
    /// Runs that came to their end, stopped and failed ones too.
    package private(set) var ended = 0
    /// Roles ended by a word of their coordinator, who may.
    package private(set) var endedByCoordinator = 0
    package private(set) var largest: [String: Double] = [:]
    /// Sees what honest nodes say to each other.
    package var onSend: ((_ bytes: [UInt8], _ sender: String) -> Void)?

    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private var sentKinds: [UInt8: Int] = [:]
    private var cluster: SimulatedCluster
    private var inputsOfCluster = 0
    private var lone: [Receiver: NodeSession] = [:]
    private var outbox = Outbox()

    package init() throws {
        cluster = try Self.makeCluster(number: 0)
        listen()
    }

    private static func makeCluster(number: UInt64) throws -> SimulatedCluster {
        try SimulatedCluster(
            yaml: smallExperiment(lockstep: number % 2 == 1, trainTasks: 2, episodes: 200, rolloutLength: 3),
            seed: number, goal: Coordinator.Goal(collects: true, distils: true, evaluates: true), catalogue: true)
    }

    private func beginAnew() throws {
        clusters += 1
        inputsOfCluster = 0
        lone = [:]
        cluster = try Self.makeCluster(number: UInt64(clusters))
        listen()
    }

    /// Counts kinds by the first byte of the body's tag, which tells most of them apart.
    private func listen() {
        sentKinds = [:]
        cluster.onSend = { [unowned self] bytes, sender in
            sentKinds[(WireField.parse(bytes)?.last?.number).map { UInt8(truncatingIfNeeded: $0) } ?? 0, default: 0] +=
                1
            onSend?(bytes, sender)
        }
    }

    // MARK: - Inputs

    /// Takes one input. Throws only where the test itself cannot go on.
    package func take(_ input: UnsafeRawBufferPointer) throws {
        guard input.count >= 2, let receiver = Receiver(rawValue: input[0] % UInt8(Receiver.allCases.count)) else {
            return
        }
        let message = UnsafeRawBufferPointer(rebasing: input[2...])
        let envelope = try? Envelope(decoding: message)
        if envelope == nil { undecodable += 1 }
        inputs += 1
        inputsOfCluster += 1
        switch receiver {
        case .decoder: if let envelope { try check(envelope, input) }
        case .coordinator: tellCoordinator(message, envelope, sender: input[1], input)
        default: tell(receiver, message, envelope, sender: input[1], input)
        }
        guard inputsOfCluster % Self.inputsPerTurn == 0 else { return }
        try turn()
    }

    /// What was decoded must be encoded again, and decoded to what encodes to the same.
    private func check(_ envelope: Envelope, _ input: UnsafeRawBufferPointer) throws {
        let bytes = envelope.encoded()
        guard let again = try? Envelope(decoding: bytes), again.encoded() == bytes else {
            return note("what was decoded cannot be encoded", input)
        }
        // What a distiller may get written: a store that nobody reads.
        guard case .checkpointPiece(let piece) = envelope.message else { return }
        let folder = URL(fileURLWithPath: cluster.folder + "/lies")
        do { _ = try CheckpointStore(folder: folder).write(piece) } catch is ClusterError {}
    }

    private func tellCoordinator(
        _ message: UnsafeRawBufferPointer, _ envelope: Envelope?, sender: UInt8, _ input: UnsafeRawBufferPointer
    ) {
        switch envelope?.message {
        // Whoever is heard may do this; it would only end the test.
        case .stop?: return
        // The run would rightly end with a checkpoint that is none.
        case .checkpointPiece?, .distillationFinished?, .learnerCheckpoint?: if sender % 3 != 0 { return }
        case .scale(let actors)? where (7...WireProtocol.actorLimit).contains(actors): return
        default: break
        }
        let refused = cluster.coordinator.refusedMessages
        // Who has a newcomer's name gets its answers, and can have it refused.
        let names = cluster.nodes.filter(\.value.isWelcome).keys.sorted()
        let name = sender % 3 == 0 || names.isEmpty ? "stranger-\(sender % 7)" : names[Int(sender / 3) % names.count]
        if let error = cluster.deliver(message, from: .peer(name), to: SimulatedCluster.coordinatorName) {
            note("the coordinator ended: \(error)", input)
        }
        if envelope == nil, cluster.coordinator.refusedMessages != refused + 1 { note("not counted", input) }
        if !cluster.coordinator.failure.isEmpty { note("the run failed: \(cluster.coordinator.failure)", input) }
    }

    private func tell(
        _ receiver: Receiver, _ message: UnsafeRawBufferPointer, _ envelope: Envelope?, sender: UInt8,
        _ input: UnsafeRawBufferPointer
    ) {
        let address = address(of: sender, to: receiver)
        guard let (name, session) = session(of: receiver, alone: address == .coordinator) else { return }
        let undecodable = session.undecodableMessages
        let refused = session.numbers["refused_messages"] ?? 0
        let wasWelcome = session.isWelcome
        var failure: (any Error)?
        if let name {
            failure = cluster.deliver(message, from: address, to: name)
        } else {
            do { try session.receive(message, from: address, now: cluster.clock.now, outbox: &outbox) } catch {
                failure = error
                lone[receiver] = nil
            }
            outbox.removeAll()
        }
        if let failure {
            guard address == .coordinator else { return note("ended by a peer: \(failure)", input) }
            endedByCoordinator += 1
            return
        }
        if envelope == nil {
            if session.undecodableMessages != undecodable + 1 { note("not counted", input) }
        } else if let envelope, wasWelcome, address != .coordinator, !receiver.takes(envelope.message) {
            if session.numbers["refused_messages"] ?? 0 != refused + 1 { note("not counted as refused", input) }
        }
    }

    /// Somebody of that role: at work in the cluster, or alone where the cluster has none just now, or where it is to
    /// hear lies from its coordinator, who may well end it.
    private func session(of receiver: Receiver, alone: Bool) -> (name: String?, session: NodeSession)? {
        if !alone, let role = receiver.role, let name = cluster.names(role).first, let session = cluster.nodes[name] {
            return (name, session)
        }
        if let session = lone[receiver], !session.isFinished, !session.mustRejoin { return (nil, session) }
        guard let role = makeRole(receiver) else { return nil }
        let session = NodeSession(
            role: role, name: "lone", host: "h", process: 1, endpoint: "", now: cluster.clock.now)
        if receiver != .newcomer {
            let welcome = Welcome(
                run: "test", experiment: cluster.context.experiment.yaml, heartbeatIntervalMilliseconds: 1000,
                silenceLimitMilliseconds: 5000, folder: cluster.folder)
            try? session.receive(
                Envelope(.welcome(welcome)), from: .coordinator, now: cluster.clock.now, outbox: &outbox)
        }
        lone[receiver] = session
        return (nil, session)
    }

    private func makeRole(_ receiver: Receiver) -> (any Role)? {
        switch receiver {
        case .actor, .newcomer: ActorRole(capacity: 0)
        case .learner: LearnerRole(capacity: 0)
        case .evaluator: EvaluatorRole()
        case .distiller: DistillerRole(folder: nil, logger: logger)
        // On a folder of its own, since another has the lock on the run's.
        case .recorder: RecorderRole(folder: cluster.folder + "/lone", logger: logger)
        case .decoder, .coordinator: nil
        }
    }

    private func address(of sender: UInt8, to receiver: Receiver) -> Address {
        let isServer = receiver == .learner || receiver == .recorder
        let names = cluster.nodes.keys.sorted().filter { $0.hasPrefix("actor") == isServer }
        guard sender % 4 != 0 else { return .coordinator }
        let name = sender % 4 == 1 || names.isEmpty ? "stranger-\(sender % 7)" : names[Int(sender / 4) % names.count]
        return isServer ? .peer(name) : .endpoint("sim:" + name)
    }

    // MARK: - Time

    /// Lets the cluster work, and looks at how large it has become.
    private func turn() throws {
        try cluster.run(milliseconds: Self.turnMilliseconds)
        for (receiver, session) in lone {
            do {
                try session.tick(now: cluster.clock.now, outbox: &outbox)
                _ = try session.work(now: cluster.clock.now, outbox: &outbox)
            } catch { lone[receiver] = nil }
            outbox.removeAll()
        }
        for fault in cluster.faults { problems.append("after \(inputs) inputs: \(fault)") }
        grow("under_way", Double(cluster.network.underWayCount))
        if cluster.network.underWayCount > Self.messagesUnderWay {
            let kinds = sentKinds.sorted { $0.value > $1.value }.prefix(4)
            problems.append("after \(inputs) inputs: a storm of \(cluster.network.underWayCount) messages: \(kinds)")
        }
        grow("nodes", Double(cluster.coordinator.status(now: cluster.clock.now).nodes.count))
        for name in cluster.names(.recorder) {
            grow("open_streams", cluster.nodes[name]?.role.numbers["open_streams"] ?? 0)
        }
        guard cluster.coordinator.isFinished || inputsOfCluster >= Self.inputsPerCluster || !cluster.faults.isEmpty
        else { return }
        if cluster.coordinator.isFinished { ended += 1 }
        try beginAnew()
    }

    private func grow(_ what: String, _ size: Double) { largest[what] = max(size, largest[what] ?? 0) }

    private func note(_ problem: String, _ input: UnsafeRawBufferPointer) {
        let bytes = input.prefix(400).map { String($0, radix: 16) }.joined(separator: " ")
        problems.append("\(problem); input \(inputs), \(input.count) bytes: \(bytes)")
    }
}

extension FuzzedCluster.Receiver {
    fileprivate var role: RoleName? {
        switch self {
        case .decoder, .newcomer: nil
        case .coordinator: .coordinator
        case .actor: .actor
        case .learner: .learner
        case .recorder: .recorder
        case .evaluator: .evaluator
        case .distiller: .distiller
        }
    }

    /// Whether the role takes such a message from a peer; everything else it has to count.
    fileprivate func takes(_ message: Message) -> Bool {
        switch (self, message) {
        case (.learner, .joinLifetime), (.learner, .rollouts), (.recorder, .openStreams), (.recorder, .rollouts),
            (.actor, .streamsOpened), (.actor, .rolloutsDurable), (.actor, .rolloutAnswer),
            (.evaluator, .streamsOpened), (.evaluator, .rolloutsDurable), (.newcomer, _):
            true
        // Complaints are not answered; only servers count them.
        case (.actor, .failure), (.evaluator, .failure), (.distiller, .failure): true
        // A server says that it is there.
        case (.actor, .acknowledgement), (.evaluator, .acknowledgement): true
        default: false
        }
    }
}
