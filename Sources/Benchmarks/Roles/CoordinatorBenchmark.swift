package import Coordination
import Environments
import Experience
package import Experiments
import Foundation
import Logging
import Neural
import Nodes
import Wire

/// What the coordinator costs with many nodes: the real state machine, real bytes, nodes that only say what honest ones
/// say, and simulated time.
///
/// Nodes send a heartbeat each second, take every lease and have done with it after ten seconds. Only the coordinator's
/// work is timed: decoding, deciding, writing down, encoding.
package struct CoordinatorBenchmark {
    /// The simulated time between two turns of the coordinator.
    private static let tickNanoseconds: UInt64 = 50_000_000
    /// How long a node keeps a lease before it reports the work as done, in simulated time.
    private static let leaseNanoseconds: UInt64 = 10_000_000_000
    /// Simulated seconds in which nodes join and take leases; not counted.
    private static let warmUpSeconds = 12
    /// Actors of each lifetime: with four in a process, each lifetime has two parts.
    private static let actorsPerLifetime = 8
    /// Actors that each actor process carries at most.
    private static let actorsPerProcess = 4
    /// One node of this many is a learner.
    private static let nodesPerLearner = 20

    /// Nodes of the simulated cluster; a recorder, a twentieth of them learners, the rest actor processes.
    package let nodes: Int
    /// Simulated time that is counted, after the warm-up.
    package let simulatedSeconds: Int
    private let journal: any RunJournal
    /// Whether a journal was given; the result's name says so, and the two can be compared.
    private let withCatalogue: Bool

    /// `journal`: where the coordinator writes things down; nil for nowhere.
    package init(nodes: Int, simulatedSeconds: Int, journal: (any RunJournal)?) {
        self.nodes = nodes
        self.simulatedSeconds = simulatedSeconds
        withCatalogue = journal != nil
        self.journal = journal ?? NoJournal()
    }

    /// The experiment that keeps so many nodes busy for so long. Lifetimes are as many as the processes can carry at
    /// once in all the rounds of ten seconds, so that no node runs out of work.
    package static func experiment(nodes: Int, simulatedSeconds: Int) throws -> Experiment {
        let learners = max(1, nodes / nodesPerLearner)
        let processes = max(2, nodes - learners - 1)
        let running = processes * actorsPerProcess / actorsPerLifetime
        let rounds = (simulatedSeconds + warmUpSeconds) * 1_000_000_000 / Int(leaseNanoseconds) + 2
        return try Experiment(
            yaml: """
                name: bench-coordinator
                tasks: {test: 16, train: 64}
                collect: {actors: \(actorsPerLifetime), lifetimes: \(1 + running * rounds / 64), test_lifetimes: 0}
                cluster:
                  learners: \(learners)
                  actor_processes: \(processes)
                  actors_per_process: \(actorsPerProcess)
                """, file: "the bench's experiment")
    }

    /// Simulates the warm-up and `simulatedSeconds`. Throws `ClusterError` where the cluster is not at work at the end.
    /// `folder`: for checkpoints. `share_of_core` is processor seconds to a simulated second: 0.1 means that the
    /// coordinator of a real run of this size would have a core busy for a tenth of the time, sockets not included.
    package func run(folder: String) throws -> BenchmarkResult {
        let experiment = try Self.experiment(nodes: nodes, simulatedSeconds: simulatedSeconds)
        var now: UInt64 = 1_000_000_000
        let coordinator = try Coordinator(
            context: ExperimentContext(experiment: experiment, folder: folder), run: "bench", folder: folder,
            goal: Coordinator.Goal(collects: true, distils: false, evaluates: false), journal: journal,
            checkpoints: CheckpointStore(folder: URL(fileURLWithPath: folder + "/checkpoints")),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }, now: now)
        let cluster = StubCluster(experiment: experiment, nodes: nodes, now: now)
        var cost = 0.0
        var messages = 0
        var outbox = Outbox()
        let ticks = (Self.warmUpSeconds + simulatedSeconds) * Int(1_000_000_000 / Self.tickNanoseconds)
        for tick in 0..<ticks {
            if tick == Self.warmUpSeconds * Int(1_000_000_000 / Self.tickNanoseconds) {
                cost = 0
                messages = 0
            }
            now += Self.tickNanoseconds
            let arriving = cluster.speak(now: now)
            messages += arriving.count
            let began = processSeconds()
            for (name, bytes) in arriving {
                try bytes.withUnsafeBytes {
                    try coordinator.receive($0, from: .peer(name), now: now, outbox: &outbox)
                }
            }
            try coordinator.tick(now: now, outbox: &outbox)
            try coordinator.commit(&outbox, now: now)
            cost += processSeconds() - began
            for item in outbox.items {
                for case .peer(let name) in item.addresses {
                    cluster.hear(try Envelope(decoding: item.bytes), name: name, at: now, lease: Self.leaseNanoseconds)
                }
            }
            outbox.removeAll()
        }
        let status = coordinator.status(now: now)
        guard status.nodes.count == cluster.count, status.lifetimes.running > 0, coordinator.failure.isEmpty else {
            throw ClusterError("the bench's cluster is not at work: \(status.lifetimes) \(coordinator.failure)")
        }
        return BenchmarkResult(
            name: withCatalogue ? "coordinator-with-catalogue" : "coordinator",
            configuration: ["nodes": .init(nodes), "simulated_seconds": .init(simulatedSeconds)],
            rates: [.messages: [Double(messages) / cost]],
            measured: [
                "share_of_core": cost / Double(simulatedSeconds), "cpu_seconds": cost,
                "messages_per_simulated_second": Double(messages) / Double(simulatedSeconds),
                "lifetimes_finished": Double(status.lifetimes.finished),
                "refused_messages": Double(coordinator.refusedMessages),
            ])
    }
}

/// Processor time of all threads of this process, in seconds (CLOCK_PROCESS_CPUTIME_ID): time in which other processes
/// had the processor is not in it.
private func processSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Nodes that say what honest ones would say, without doing it. Deterministic: heartbeats are spread over a second by
/// the node's index, and all that is said follows from `now` and from what was heard.
private final class StubCluster {
    /// A node as the coordinator sees it: whether it was welcomed, and when it speaks next. `steps` grows by 20,000 a
    /// heartbeat, so that the coordinator sees movement and a rate.
    private struct Node {
        let hello: Hello
        var isWelcome = false
        var nextHeartbeat: UInt64
        var steps = 0.0
    }

    private var nodes: [String: Node] = [:]
    /// Names in the order in which nodes speak, since a dictionary has none.
    private var order: [String] = []
    /// What nodes will say at a later moment, in the order of the moments. Appended with moments that never fall, since
    /// every lease lasts equally long.
    private var due: [(moment: UInt64, name: String, message: Message)] = []
    private var firstDue = 0
    /// What nodes say at the next turn. They are acknowledgements, and what is due.
    private var answers: [(name: String, bytes: [UInt8])] = []
    /// The node that reports streams as sealed; the first one.
    private var recorder = ""
    /// Number of the last request of any node: each is unique, as in an honest cluster.
    private var request: UInt64 = 0

    var count: Int { order.count }

    /// Names, hosts and endpoints are made up, 16 nodes a host. There are at least a recorder, all learners of the
    /// experiment and two actor processes.
    init(experiment: Experiment, nodes count: Int, now: UInt64) {
        let learners = experiment.cluster.learners
        for index in 0..<max(count, learners + 3) {
            let role: RoleName = index == 0 ? .recorder : index <= learners ? .learner : .actor
            let name = "\(role.rawValue)-\(index)"
            let hello = Hello(
                role: role, name: name, host: "host-\(index / 16)", process: index,
                endpoint: role == .actor ? "" : "tcp://10.0.0.1:\(10_000 + index)",
                capacity: role == .learner ? 64 : 0)
            nodes[name] = Node(hello: hello, nextHeartbeat: now + UInt64(index) * 997_001 % 1_000_000_000)
            order.append(name)
        }
        recorder = order[0]
    }

    /// Everything that is said until `now`. First come hellos and heartbeats, then ends of leases, each a request with
    /// a number of its own; at last the acknowledgements from the turn before. All are bytes, as they would arrive from
    /// a socket.
    func speak(now: UInt64) -> [(name: String, bytes: [UInt8])] {
        defer { answers.removeAll(keepingCapacity: true) }
        for name in order {
            guard var node = nodes[name], now >= node.nextHeartbeat else { continue }
            node.nextHeartbeat += 1_000_000_000
            node.steps += 20_000
            nodes[name] = node
            guard node.isWelcome else {
                answers.append((name, Envelope(.hello(node.hello)).encoded()))
                continue
            }
            let numbers = [
                "environment_steps": node.steps, "actors": 4, "unacknowledged_bytes": 4096, "refused_messages": 0,
            ]
            answers.append((name, Envelope(.heartbeat(Heartbeat(numbers: numbers))).encoded()))
        }
        while firstDue < due.count, due[firstDue].moment <= now {
            request += 1
            answers.append((due[firstDue].name, Envelope(due[firstDue].message, request: request).encoded()))
            firstDue += 1
        }
        return answers
    }

    /// Takes what the coordinator says to a node: leases fall due after `lease` nanoseconds, requests are acknowledged
    /// at once. A learner reports its lifetime's end; for a part the recorder reports each stream as sealed, and then
    /// the actor process that it has finished.
    func hear(_ envelope: Envelope, name: String, at now: UInt64, lease: UInt64) {
        switch envelope.message {
        case .welcome: nodes[name]?.isWelcome = true
        case .learnLifetime(let learn):
            due.append(
                (
                    now + lease, name,
                    .lifetimeFinished(
                        LifetimeFinished(
                            lifetime: learn.lifetime, attempt: learn.attempt,
                            numbers: ["final_return": 16, "episodes": 500, "updates": 1000, "transitions": 80_000]))
                ))
        case .carryActors(let carry):
            for actor in carry.actors {
                due.append(
                    (
                        now + lease, recorder,
                        .streamsSealed(
                            StreamsSealed(
                                lifetime: carry.lifetime, streams: [.init(actor: actor, rows: 10_000, rollouts: 500)]))
                    ))
            }
            due.append(
                (
                    now + lease, name,
                    .carryingFinished(
                        CarryingFinished(
                            lifetime: carry.lifetime, firstActor: carry.actors.lowerBound,
                            incarnation: carry.incarnation))
                ))
        default: break
        }
        guard envelope.request != 0 else { return }
        answers.append((name, Envelope(.acknowledgement, request: envelope.request).encoded()))
    }
}

/// Writes nothing down: what remains is the coordinator's own work, without the catalogue's.
private final class NoJournal: RunJournal {
    func lifetimeQueued(_ lifetime: LifetimeIdentifier, task: Task, actors: Int) throws {}
    func lifetimeStarted(_ lifetime: LifetimeIdentifier, attempt: UInt64, learner: String, actors: Int) throws {}
    func lifetimeEnded(_ lifetime: LifetimeIdentifier, numbers: [String: Double]) throws {}
    func streamSealed(_ stream: StreamIdentifier, rows: UInt64, rollouts: UInt64) throws {}
    func streamQuarantined(_ stream: StreamIdentifier, reason: String) throws {}
    func scaled(_ scale: Scale) throws {}
    func nodeJoined(_ hello: Hello) throws {}
    func nodeLeft(_ name: String, reason: String) throws {}
    func phaseBegan(_ phase: RunPhase) throws {}
    func metrics(_ source: String, _ metrics: Metrics) throws {}
    func checkpointStored(_ name: String, numbers: [String: Double]) throws {}
    func distillationFinished(_ checkpoint: String) throws {}
    func evaluated(_ job: EvaluationJob, split: Split, returns: [Float]) throws {}
    func commit() throws {}
}
