import Collecting
import Coordination
import Distilling
import Experiments
import Logging
import Nodes
import Simulation
import Testing
import Wire

/// What reached one role in an undisturbed run, told to another of its kind without the steps around it that count as
/// progress by themselves.
@Suite("A step of work that lasts") struct WorkProgressTests {
    private struct Arrival {
        let bytes: [UInt8]
        let sender: Address
    }

    private func makeRole(_ name: RoleName) throws -> any Role {
        switch name {
        case .learner: LearnerRole(capacity: 1)
        case .distiller: DistillerRole(folder: nil, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        case .evaluator: EvaluatorRole()
        default: throw ClusterError("\(name) has no long steps")
        }
    }

    @Test(
        "gets on part by part: an update of a learner, loading and a step of a distiller, an evaluator's decisions",
        arguments: [RoleName.learner, .distiller, .evaluator])
    func parts(name: RoleName) throws {
        let cluster = try SimulatedCluster(
            yaml: smallExperiment(lockstep: false, trainTasks: 2), seed: 3,
            goal: Coordinator.Goal(collects: true, distils: true, evaluates: true))
        var arrivals: [Arrival] = []
        var first: String?
        cluster.tamperArriving = { bytes, sender, receiver in
            guard receiver.hasPrefix(name.rawValue), first ?? receiver == receiver else { return bytes }
            first = receiver
            let isServer = name == .learner
            let address: Address =
                sender == SimulatedCluster.coordinatorName
                ? .coordinator : isServer ? .peer(sender) : .endpoint("sim:\(sender)")
            arrivals.append(Arrival(bytes: bytes, sender: address))
            return bytes
        }
        try cluster.run(milliseconds: patienceMilliseconds)
        #expect(cluster.isFinished)

        let role = try makeRole(name)
        let progress = try #require(role.progress)
        var counts: [String: UInt64] = [:]
        var now: UInt64 = 1_000_000_000
        for arrival in arrivals {
            now += 1_000_000
            let envelope = try Envelope(decoding: arrival.bytes)
            var outbox = Outbox()
            let before = progress.count
            if case .welcome(let welcome) = envelope.message {
                try role.begin(welcome, now: now)
            } else {
                try role.receive(envelope, from: arrival.sender, now: now, outbox: &outbox)
                for _ in 0..<64 where try !role.work(now: now, outbox: &outbox) { break }
            }
            counts["\(envelope.message)".prefix { $0 != "(" }.description, default: 0] += progress.count - before
        }
        switch name {
        case .learner: #expect(try #require(counts["rollouts"]) > 8, "\(counts)")
        // Two lifetimes of three files each, and three steps of one micro-batch or more.
        case .distiller: #expect(counts.values.reduce(0, +) >= 9, "\(counts)")
        default: #expect(counts.values.reduce(0, +) > 10, "\(counts)")
        }
    }
}
