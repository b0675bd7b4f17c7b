import Experience
import Experiments
import Wire

/// Nodes that say what honest ones would say, without doing it.
final class StubCluster {
    /// A node as the coordinator sees it: whether it was welcomed, and when it speaks next.
    private struct Node {
        let hello: Hello
        var isWelcome = false
        var nextHeartbeat: UInt64
        var steps = 0.0
    }

    private var nodes: [String: Node] = [:]
    private var order: [String] = []
    /// What nodes will say at a later moment, in the order of the moments.
    private var due: [(moment: UInt64, name: String, message: Message)] = []
    private var firstDue = 0
    /// What nodes say at the next turn.
    private var answers: [(name: String, bytes: [UInt8])] = []
    private var recorder = ""
    private var request: UInt64 = 0

    var count: Int { order.count }

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

    /// Everything that is said until `now`.
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
    /// at once.
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
