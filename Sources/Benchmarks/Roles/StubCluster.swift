import Experience
import Experiments
import Histories
import Wire

/// How many nodes a stub cluster has, and what becomes of them.
struct StubPlan {
    static let defaultLeaseNanoseconds: UInt64 = 10_000_000_000

    var recorders = 1
    let learners: Int
    let actorProcesses: Int
    /// How long a node keeps a lease before it reports the work as done, in simulated nanoseconds.
    var leaseNanoseconds = Self.defaultLeaseNanoseconds
    /// Transitions of each stream.
    var rowsPerStream: UInt64 = 10_000
    /// Actor processes and learners that die in a simulated second, without a word. Each has its place taken by a new
    /// process a second later.
    var deathsPerSecond = 0
}

/// What became of the leases that the coordinator gave to nodes; all of them are in one of the other counts in the end.
struct LeaseCounts: Equatable {
    var given = 0
    /// The holder reported the work as done.
    var finished = 0
    /// The coordinator took it back.
    var takenBack = 0
    /// The holder died with it.
    var lost = 0

    var isBalanced: Bool { given == finished + takenBack + lost }
}

/// Nodes that say what honest ones would say, without doing it.
final class StubCluster {
    /// What a node holds of a lifetime: the learning of it, or some of its actors.
    private struct Lease: Hashable {
        let lifetime: LifetimeIdentifier
        let attempt: UInt64
        /// Nil for a learner's.
        let actors: Range<Int>?
        let incarnation: UInt64
    }

    /// A node as the coordinator sees it: whether it was welcomed, and when it speaks next.
    private struct Node {
        let hello: Hello
        var isWelcome = false
        var nextHeartbeat: UInt64
        var steps = 0.0
        var leases: Set<Lease> = []
        /// Leases that it has had, since orders are told again.
        var known: Set<Lease> = []
    }

    private static let secondNanoseconds: UInt64 = 1_000_000_000
    /// A learner whose actors are not all done yet looks again after this.
    private static let lookNanoseconds: UInt64 = 500_000_000

    private let plan: StubPlan
    private let actorsPerLifetime: Int
    private var nodes: [String: Node] = [:]
    private var order: [String] = []
    /// What nodes will have done at a later turn, by its moment.
    private var due: [UInt64: [(name: String, lease: Lease, recorder: String)]] = [:]
    /// What nodes say at the next turn.
    private var answers: [(name: String, bytes: [UInt8])] = []
    private var recorders: [String: String] = [:]
    private var finishedActors: [LifetimeIdentifier: Int] = [:]
    private var request: UInt64 = 0
    private var started = 0
    private var deaths = 0
    private var nextDeaths: UInt64
    private(set) var leases = LeaseCounts()

    var count: Int { order.count }

    init(_ plan: StubPlan, experiment: Experiment, now: UInt64) {
        self.plan = plan
        actorsPerLifetime = experiment.collect.actors
        nextDeaths = now + Self.secondNanoseconds
        let roles: [(RoleName, Int)] = [
            (.recorder, plan.recorders), (.learner, plan.learners), (.actor, plan.actorProcesses),
        ]
        for (role, count) in roles {
            for _ in 0..<count { start(role, at: now + UInt64(started) * 997_001 % Self.secondNanoseconds) }
        }
    }

    private func start(_ role: RoleName, at moment: UInt64) {
        let name = "\(role.rawValue)-\(started)"
        let hello = Hello(
            role: role, name: name, host: "host-\(started / 16)", process: started,
            endpoint: role == .actor ? "" : "tcp://10.0.0.1:\(10_000 + started)",
            capacity: role == .learner ? 64 : 0)
        if role == .recorder { recorders[hello.endpoint] = name }
        nodes[name] = Node(hello: hello, nextHeartbeat: moment)
        order.append(name)
        started += 1
    }

    /// Everything that is said until `now`, where `now` is the moment of the turn that follows the last one.
    func speak(now: UInt64) -> [(name: String, bytes: [UInt8])] {
        defer { answers.removeAll(keepingCapacity: true) }
        if now >= nextDeaths {
            nextDeaths += Self.secondNanoseconds
            for _ in 0..<plan.deathsPerSecond { die(now: now) }
        }
        for name in order {
            guard var node = nodes[name], now >= node.nextHeartbeat else { continue }
            node.nextHeartbeat += Self.secondNanoseconds
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
        for (name, lease, recorder) in due.removeValue(forKey: now) ?? [] {
            finish(lease, of: name, at: recorder, now: now)
        }
        return answers
    }

    /// Some actor process or learner says nothing any more, and another comes. Which one depends on the number of the
    /// death alone.
    private func die(now: UInt64) {
        deaths += 1
        let first = plan.recorders
        guard order.count > first else { return }
        let draw = (UInt64(deaths) &* 0x9E37_79B9_7F4A_7C15) >> 33
        let index = first + Int(draw % UInt64(order.count - first))
        guard let node = nodes.removeValue(forKey: order[index]) else { return }
        leases.lost += node.leases.count
        order.swapAt(index, order.count - 1)
        order.removeLast()
        start(node.hello.role, at: now + Self.secondNanoseconds)
    }

    /// A node has done what was leased to it, where it still has the lease.
    private func finish(_ lease: Lease, of name: String, at recorder: String, now: UInt64) {
        guard nodes[name]?.leases.contains(lease) == true else { return }
        guard let actors = lease.actors else {
            // A lifetime ends when all its actors have lived theirs.
            guard finishedActors[lease.lifetime, default: 0] >= actorsPerLifetime else {
                due[now + Self.lookNanoseconds, default: []].append((name, lease, recorder))
                return
            }
            leases.finished += 1
            nodes[name]?.leases.remove(lease)
            return say(
                .lifetimeFinished(
                    LifetimeFinished(
                        lifetime: lease.lifetime, attempt: lease.attempt,
                        numbers: ["final_return": 16, "episodes": 500, "updates": 1000, "transitions": 80_000])),
                from: name)
        }
        for actor in actors { seal([actor], of: lease.lifetime, by: recorder) }
        finishedActors[lease.lifetime, default: 0] += actors.count
        leases.finished += 1
        nodes[name]?.leases.remove(lease)
        say(
            .carryingFinished(
                CarryingFinished(
                    lifetime: lease.lifetime, firstActor: actors.lowerBound, incarnation: lease.incarnation)),
            from: name)
    }

    private func seal(_ actors: [Int], of lifetime: LifetimeIdentifier, by recorder: String) {
        let streams = actors.map { StreamsSealed.Stream(actor: $0, rows: plan.rowsPerStream, rollouts: 500) }
        say(.streamsSealed(StreamsSealed(lifetime: lifetime, streams: streams)), from: recorder)
    }

    private func say(_ message: Message, from name: String) {
        request += 1
        answers.append((name, Envelope(message, request: request).encoded()))
    }

    /// Takes what the coordinator says to a node in the turn at `now`: leases fall due, requests are acknowledged at
    /// once.
    func hear(_ envelope: Envelope, name: String, at now: UInt64) {
        // The dead hear nothing.
        guard nodes[name] != nil else { return }
        switch envelope.message {
        case .welcome(let welcome): begin(name, welcome)
        case .learnLifetime(let learn):
            let lease = Lease(lifetime: learn.lifetime, attempt: learn.attempt, actors: nil, incarnation: 0)
            // With every attempt all of its actors are leased anew.
            if take(lease, name, recorder: "", now: now) { finishedActors[learn.lifetime] = 0 }
        case .carryActors(let carry):
            _ = take(
                Lease(
                    lifetime: carry.lifetime, attempt: carry.attempt, actors: carry.actors,
                    incarnation: carry.incarnation),
                name, recorder: recorders[carry.recorderEndpoint] ?? "", now: now)
        case .releaseLifetime(let release): drop(release, of: name)
        case .sealStreams(let order): seal(order.actors, of: order.lifetime, by: name)
        default: break
        }
        guard envelope.request != 0 else { return }
        answers.append((name, Envelope(.acknowledgement, request: envelope.request).encoded()))
    }

    /// A recorder says which folder is its own; the first one has the run's.
    private func begin(_ name: String, _ welcome: Welcome) {
        nodes[name]?.isWelcome = true
        guard nodes[name]?.hello.role == .recorder else { return }
        let path = name == order.first ? welcome.folder : "\(welcome.folder)/\(name)"
        guard let identity = try? FolderIdentity.make(path) else { return }
        let folder = RecorderFolder(identity: identity, path: path)
        answers.append((name, Envelope(.recorderFolder(folder), request: 1 << 62).encoded()))
    }

    /// False where the node has, or had, the lease already.
    private func take(_ lease: Lease, _ name: String, recorder: String, now: UInt64) -> Bool {
        guard nodes[name]?.known.insert(lease).inserted == true else { return false }
        nodes[name]?.leases.insert(lease)
        leases.given += 1
        due[now + plan.leaseNanoseconds, default: []].append((name, lease, recorder))
        return true
    }

    private func drop(_ release: ReleaseLifetime, of name: String) {
        let dropped = nodes[name]?.leases.filter {
            $0.lifetime == release.lifetime && $0.attempt <= release.attempt
        }
        for lease in dropped ?? [] { nodes[name]?.leases.remove(lease) }
        leases.takenBack += dropped?.count ?? 0
    }
}
