import Coordination
import Experience
import Experiments
import Foundation
import Processes
import Wire

/// The processes of environments are killed, and nothing else, in a cluster that collects: what it costs beside times
/// without kills, by turns in one run, so that other work of the machine meets both.
package struct EnvironmentDrill {
    /// Of a turn without kills, and of one with them.
    private static let turnSeconds = 30.0
    /// Undisturbed work before the first turn, in which every spare process has started.
    private static let settlingSeconds = 15.0
    private static let actors = 32
    private static let processes = 2

    private let minutes: Double
    private let every: Double
    private let python: String
    private let random: Philox

    /// - Parameters:
    ///   - minutes: of the turns with kills, in all; those without take as long.
    ///   - every: seconds between two kills.
    ///   - python: with the packages distillery[environment].
    ///   - seed: of the choice of victims.
    package init(minutes: Double, every: Double, python: String, seed: UInt64) {
        self.minutes = minutes
        self.every = every
        self.python = python
        random = Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0))
    }

    /// What one turn has brought.
    private struct Turn {
        var rate = 0.0
        var kills = 0
    }

    /// Takes twice `minutes` and the time in which all streams are verified. `folder`: a new one, of the run. Throws where
    /// the cluster ends by itself.
    package func carryOut(in folder: String, _ monitor: BenchmarkMonitor) throws -> BenchmarkResult {
        let cluster = try ClusterUnderDrill(try experiment(), folder: folder, monitor)
        defer { cluster.stop() }
        try cluster.wait { status in
            status.nodes.count { $0.role == .actor && ($0.numbers["environment_steps"] ?? 0) > 0 } == Self.processes
        }
        try pause(until: Date() + Self.settlingSeconds, cluster)
        var calm: [Double] = []
        var disturbed: [Turn] = []
        for turn in 0..<max(1, Int((60 * minutes / Self.turnSeconds).rounded())) {
            calm.append(try self.turn(cluster, kills: false, 0).rate)
            let kills = disturbed.reduce(0) { $0 + $1.kills }
            disturbed.append(try self.turn(cluster, kills: true, kills))
            monitor.say(
                "environments: turn \(turn + 1): \(Int(calm[turn])) transitions a second undisturbed, "
                    + "\(Int(disturbed[turn].rate)) with \(disturbed[turn].kills) kills")
        }
        let failures = try status(of: cluster).nodes.reduce(0) { $0 + ($1.numbers["failed_environments"] ?? 0) }
        cluster.stop()
        let undisturbed = calm.reduce(0, +)
        return BenchmarkResult(
            name: "environments",
            configuration: [
                "actors": .init(Self.actors), "actor_processes": .init(Self.processes),
                "kill_every_seconds": .number(every),
            ],
            rates: [.transitions: disturbed.map(\.rate)],
            measured: [
                "kills": Double(disturbed.reduce(0) { $0 + $1.kills }), "failed_environments": failures,
                "undisturbed_transitions_per_second": undisturbed / Double(calm.count),
                "percent_of_undisturbed": 100 * disturbed.reduce(0) { $0 + $1.rate } / undisturbed,
            ].merging(try StreamFindings(of: cluster).numbers) { $1 })
    }

    /// Transitions a second that the recorder has taken; `before`: kills of earlier turns. The last kill is followed by the
    /// time between two, so that what it costs is in the same turn.
    private func turn(_ cluster: ClusterUnderDrill, kills: Bool, _ before: Int) throws -> Turn {
        var turn = Turn()
        let (first, began) = (try transitions(of: cluster), Date())
        let end = began + Self.turnSeconds
        while kills, Date() + every <= end + 0.5 {
            try kill(before + turn.kills, cluster)
            turn.kills += 1
            try pause(until: began + Double(turn.kills) * every, cluster)
        }
        try pause(until: end, cluster)
        let last = try transitions(of: cluster)
        turn.rate = (last - first) / Date().timeIntervalSince(began)
        return turn
    }

    private func pause(until end: Date, _ cluster: ClusterUnderDrill) throws {
        while Date() < end {
            try cluster.checked()
            usleep(20_000)
        }
    }

    /// Kills the environment that one of the actor processes acts in: its oldest child, since spares are started later.
    private func kill(_ number: Int, _ cluster: ClusterUnderDrill) throws {
        var victim: Int32?
        while victim == nil {
            let carriers = try status(of: cluster).nodes.filter {
                $0.role == .actor && ($0.numbers["actors"] ?? 0) > 0
            }.map { Int32($0.process) }.sorted()
            let words = random.words(.other, episode: UInt64(number), step: 0)
            if !carriers.isEmpty { victim = Self.oldestChild(of: carriers[Int(words.x) % carriers.count]) }
            if victim == nil { usleep(20_000) }
        }
        if let victim { Foundation.kill(victim, SIGKILL) }
    }

    private static func oldestChild(of parent: Int32) -> Int32? {
        let numbers = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        let children = numbers.compactMap { number in
            ProcessEntry(number).flatMap { entry in
                entry.parent == parent && !entry.isDead ? (number: number, started: Int(entry.started) ?? 0) : nil
            }
        }
        return children.min { ($0.started, $0.number) < ($1.started, $1.number) }?.number
    }

    /// The coordinator is not disturbed, but may be slow to answer.
    private func status(of cluster: ClusterUnderDrill) throws -> ClusterStatus {
        while true {
            if let status = try cluster.checked().status() { return status }
            usleep(20_000)
        }
    }

    private func transitions(of cluster: ClusterUnderDrill) throws -> Double {
        try status(of: cluster).nodes.first { $0.role == .recorder }?.numbers["transitions"] ?? 0
    }

    /// CartPole's copies of one lifetime, in as many processes as there are actor processes.
    private func experiment() throws -> Experiment {
        // More than can be lived in the time: a pole that nobody holds falls after 10 steps.
        let episodes = 5_000 + Int(20_000 * minutes)
        return try Experiment(
            yaml: """
                name: environments
                environment:
                  name: external
                  class: distillery.environment.examples:CartPole
                  command: ["\(python)", -m, distillery.environment]
                  description:
                    observation: "Box(-3.4028234663852886e+38, 3.4028234663852886e+38, (4,), float32)"
                    action: Discrete(2)
                    horizon: 200
                    tasks: 24
                tasks: {test: 1, train: 1}
                source: {algorithm: q-lambda, hidden: [32], rollout_length: 16, sequence_length: 16, overlap: 8}
                collect: {actors: \(Self.actors), lifetimes: 1, test_lifetimes: 0, end: {episodes_per_actor: \(episodes)}}
                cluster: {learners: 1, actor_processes: \(Self.processes)}
                evaluate: {train_tasks: 1}
                """, file: "the drill's experiment")
    }
}
