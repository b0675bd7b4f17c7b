import Coordination
import Environments
import Experience
import Foundation
import Synchronization
import Transport
import Wire

/// Sends to each process that listens what is well formed and must be refused, as fast as sockets take it.
final class HostilePeer: Sendable {
    /// How a connection behaves.
    enum Manner: String, CaseIterable {
        case reader
        /// Reads no answer.
        case deaf
        /// Connects anew under another name as soon as it is not read.
        case restless
    }

    private static let messagesOfTurn = 16
    private static let restMicroseconds: UInt32 = 100
    private static let heartbeatSeconds = 0.5

    private struct State {
        var leases: [ClusterStatus.Lease] = []
        /// Counts up with what is known of the leases.
        var generation = 0
        var sent: [RoleName: UInt64] = [:]
        var mustStop = false
        var hasStopped = false
    }

    private let endpoints: [RoleName: String]
    private let manners: [Manner]
    private let state = Mutex(State())

    /// One connection of each of the `manners` to each endpoint.
    init(endpoints: [RoleName: String], manners: [Manner]) { (self.endpoints, self.manners) = (endpoints, manners) }

    /// Messages that sockets have taken.
    var sent: [RoleName: UInt64] { state.withLock { $0.sent } }

    /// Takes note of what there is to meddle with.
    func learn(_ status: ClusterStatus) {
        state.withLock { state in
            let leases = status.leases
            guard leases.map(\.attempt) != state.leases.map(\.attempt) || state.leases.isEmpty else { return }
            state.leases = leases
            state.generation += 1
        }
    }

    func start() {
        let thread = Thread { self.flood() }
        thread.name = "hostile"
        thread.start()
    }

    func stop() {
        state.withLock { $0.mustStop = true }
        while !state.withLock({ $0.hasStopped }) { usleep(1000) }
    }

    private func flood() {
        defer { state.withLock { $0.hasStopped = true } }
        do {
            let context = try MessageContext()
            let connections = try endpoints.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { role, endpoint in
                try manners.map { try HostileConnection(context, role, endpoint, $0) }
            }
            var generation = 0
            while !state.withLock({ $0.mustStop }) {
                let (leases, now) = state.withLock { ($0.leases, $0.generation) }
                if now != generation {
                    generation = now
                    let messages = HostileRollouts(leases)
                    for connection in connections { connection.arm(messages) }
                }
                var count = 0
                for connection in connections {
                    let sent = try connection.turn(messages: Self.messagesOfTurn, heartbeat: Self.heartbeatSeconds)
                    count += sent
                    state.withLock { $0.sent[connection.role, default: 0] += UInt64(sent) }
                }
                if count == 0 { usleep(Self.restMicroseconds) }
            }
        } catch { printError("the hostile peer ends: \(error)") }
    }
}

/// One connection of a hostile peer, of one thread.
private final class HostileConnection {
    private static let patienceSeconds = 0.1

    let role: RoleName
    private let manner: HostilePeer.Manner
    private let context: MessageContext
    private let endpoint: String
    private var name = ""
    private var socket: DealerSocket
    private var messages: [Frame] = []
    private var next = 0
    private var lastHeartbeat = Date.distantPast
    private var stuckSince: Date?

    init(_ context: MessageContext, _ role: RoleName, _ endpoint: String, _ manner: HostilePeer.Manner) throws {
        (self.role, self.manner, self.context, self.endpoint) = (role, manner, context, endpoint)
        (name, socket) = try Self.connect(context, endpoint, manner)
    }

    private static func connect(
        _ context: MessageContext, _ endpoint: String, _ manner: HostilePeer.Manner
    ) throws -> (String, DealerSocket) {
        let name = "hostile-\(manner.rawValue)-\(UInt32.random(in: 0 ... .max))"
        var options = SocketOptions()
        options.identity = try PeerIdentity(name)
        options.lingerMilliseconds = 0
        // The library would end this process by an assertion when it pings a server that has closed a connection which
        // is not read.
        if manner == .deaf { options.heartbeatIntervalMilliseconds = 0 }
        let socket = try DealerSocket(context, options: options)
        try socket.connect(endpoint)
        return (name, socket)
    }

    func arm(_ hostile: HostileRollouts) {
        messages = hostile.messages(to: role).map { Frame(Envelope($0, request: 1).encoded()) }
        next = 0
    }

    /// - Returns: messages that the socket has taken.
    func turn(messages limit: Int, heartbeat: Double) throws -> Int {
        if manner != .deaf { while try socket.receive() != nil {} }
        if role == .coordinator, Date().timeIntervalSince(lastHeartbeat) > heartbeat { try beMember() }
        guard !messages.isEmpty else { return 0 }
        for sent in 0..<limit {
            guard try socket.send(messages[next % messages.count]) == .sent else {
                if manner == .restless, sent == 0 { try beImpatient() }
                return sent
            }
            stuckSince = nil
            next += 1
        }
        return limit
    }

    private func beImpatient() throws {
        let now = Date()
        guard let since = stuckSince else { return stuckSince = now }
        guard now.timeIntervalSince(since) > Self.patienceSeconds else { return }
        stuckSince = nil
        socket.close()
        (name, socket) = try Self.connect(context, endpoint, manner)
        lastHeartbeat = .distantPast
    }

    /// The coordinator hears reports of members alone. While a run collects, an evaluator has nothing to do.
    private func beMember() throws {
        lastHeartbeat = Date()
        let hello = Hello(role: .evaluator, name: name, host: "nowhere", process: 1, endpoint: "", capacity: 1)
        _ = try socket.send(Envelope(.hello(hello)).encoded())
        _ = try socket.send(Envelope(.heartbeat(Heartbeat())).encoded())
    }
}

/// What is well formed and must be refused, made of the leases that others have.
private struct HostileRollouts {
    private static let rowsOfRollout = 20

    private let leases: [ClusterStatus.Lease]

    init(_ leases: [ClusterStatus.Lease]) { self.leases = leases }

    func messages(to role: RoleName) -> [Message] {
        leases.flatMap { lease in lease.parts.flatMap { messages(to: role, lease, $0) } }
    }

    private func messages(
        to role: RoleName, _ lease: ClusterStatus.Lease, _ part: ClusterStatus.Part
    ) -> [Message] {
        let lifetime = LifetimeIdentifier(task: lease.task, repetition: lease.repetition)
        let actors = part.firstActor..<(part.firstActor + max(part.actors, 1))
        let unknown = LifetimeIdentifier(task: lease.task, repetition: lease.repetition + 1)
        switch role {
        case .coordinator:
            return [
                .lifetimeFinished(LifetimeFinished(lifetime: lifetime, attempt: lease.attempt, numbers: ["x": 1])),
                .carryingFinished(
                    CarryingFinished(
                        lifetime: lifetime, firstActor: part.firstActor, incarnation: part.incarnation)),
                .streamsSealed(
                    StreamsSealed(lifetime: lifetime, streams: actors.map { .init(actor: $0, rows: 1, rollouts: 1) })),
                .streamQuarantined(
                    StreamQuarantined(lifetime: lifetime, actor: part.firstActor, reason: "a hostile peer says so")),
                .streamsRefused(
                    StreamsRefused(
                        lifetime: lifetime, firstActor: part.firstActor, incarnation: part.incarnation, above: .max,
                        reason: "a hostile peer says so")),
                .learnerCheckpoint(
                    LearnerCheckpoint(
                        lifetime: lifetime, attempt: lease.attempt, version: .max,
                        state: [UInt8](repeating: 1, count: 1 << 16))),
                .evaluationResult(EvaluationResult(job: 7, returns: [1])),
                .checkpointRequest(CheckpointRequest(checkpoint: "step-1", file: "model.safetensors", offset: 0)),
            ]
        case .recorder, .learner:
            let others = [part.incarnation, part.incarnation &- 1, part.incarnation + (1 << 16)].flatMap {
                incarnation in
                [UInt64(0), 1 << 40].map {
                    rollouts(lifetime, lease.attempt, actors, incarnation: incarnation, sequence: $0)
                }
            }
            let ask: Message =
                role == .recorder
                ? .openStreams(
                    OpenStreams(
                        lifetime: lifetime, actors: actors, incarnation: part.incarnation + 1, firstPolicyVersion: 0))
                : .joinLifetime(
                    JoinLifetime(
                        lifetime: lifetime, attempt: lease.attempt, actors: actors, incarnation: part.incarnation + 1))
            return others + [ask, rollouts(unknown, 1, actors, incarnation: 0, sequence: 0)]
        default: return []
        }
    }

    /// Rollouts of a walk that stands still in a corner of Dark Room.
    private func rollouts(
        _ lifetime: LifetimeIdentifier, _ attempt: UInt64, _ actors: Range<Int>, incarnation: UInt64, sequence: UInt64
    ) -> Message {
        let rows = actors.count * Self.rowsOfRollout
        let layout = RolloutLayout(observation: .multiDiscrete(counts: [9, 9]), action: .discrete(count: 5))
        var content = RolloutBatch(
            lifetime: lifetime,
            headers: actors.map {
                RolloutHeader(
                    actor: $0, incarnation: incarnation, sequence: sequence, policyVersion: 1, firstEpisode: sequence,
                    length: Self.rowsOfRollout, finishedEpisodes: 0, checksum: 0, isLast: false)
            },
            bytes: RolloutBytes(
                Dictionary(
                    uniqueKeysWithValues: RolloutColumn.ofRows.map {
                        ($0, [UInt8](repeating: 0, count: rows * layout.width(of: $0)))
                    })))
        content.seal(layout)
        return .rollouts(Rollouts(attempt: attempt, firstActor: actors.lowerBound, batch: 1, content: content))
    }
}
