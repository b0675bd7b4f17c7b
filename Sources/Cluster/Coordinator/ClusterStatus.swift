import Environments
import Foundation
package import Wire

/// What `distillery status --json` prints.
package struct ClusterStatus: Sendable, Codable {
    package struct Node: Sendable, Codable {
        package var name: String
        package var role: RoleName
        package var host: String
        package var process: Int
        package var endpoint: String
        package var silentMilliseconds: Int
        package var waitingFor: String
        package var isLeaving: Bool
        package var numbers: [String: Double]
    }

    package struct Lifetimes: Sendable, Codable {
        package var queued: Int
        package var running: Int
        package var finished: Int
        package var total: Int
    }

    /// A stream whose file was damaged and moved aside.
    package struct Quarantine: Sendable, Codable {
        package var stream: String
        package var reason: String
    }

    package struct Jobs: Sendable, Codable {
        package var finished: Int
        package var running: Int
        package var total: Int
    }

    package var run: String
    package var phase: RunPhase
    package var seconds: Double
    package var secondsOfPhase: Double
    package var lifetimes: Lifetimes
    package var environmentSteps: Double
    package var environmentStepsPerSecond: Double
    package var distillationStep: UInt64
    package var distillation: [String: Double]
    package var jobs: Jobs
    package var quarantined: [Quarantine]
    package var nodes: [Node]
    package var failure: String
    /// What the coordinator has counted itself: `refused_connections`, `undecodable_messages`, ...
    package var numbers: [String: Double]

    package init(json: String) throws { self = try JSONDecoder().decode(ClusterStatus.self, from: Data(json.utf8)) }
}

extension Coordinator {
    func statusJSON(now: UInt64) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(status(now: now)), as: UTF8.self)
    }

    private var quarantinedStreams: [ClusterStatus.Quarantine] {
        quarantined.map { ClusterStatus.Quarantine(stream: $0.path, reason: $1) }.sorted { $0.stream < $1.stream }
    }

    package func status(now: UInt64) -> ClusterStatus {
        let states = lifetimes.values.map(\.state)
        return ClusterStatus(
            run: run, phase: phase, seconds: Double(now - began) * 1e-9,
            secondsOfPhase: Double(now - phaseBegan) * 1e-9,
            lifetimes: ClusterStatus.Lifetimes(
                queued: states.count { $0 == .queued }, running: states.count { $0 == .running || $0 == .ending },
                finished: states.count { $0 == .finished }, total: states.count),
            environmentSteps: environmentSteps, environmentStepsPerSecond: rate.perSecond,
            distillationStep: distillationStep, distillation: distillation,
            jobs: ClusterStatus.Jobs(
                finished: jobs.count(where: \.isFinished), running: jobs.count { $0.node != nil && !$0.isFinished },
                total: jobs.count),
            quarantined: quarantinedStreams,
            nodes: nodes.values.sorted { $0.hello.name < $1.hello.name }.map { node in
                ClusterStatus.Node(
                    name: node.hello.name, role: node.hello.role, host: node.hello.host, process: node.hello.process,
                    endpoint: node.hello.endpoint,
                    silentMilliseconds: now > node.lastHeard ? Int((now - node.lastHeard) / 1_000_000) : 0,
                    waitingFor: node.waitingFor, isLeaving: node.isLeaving, numbers: node.numbers)
            }, failure: failure,
            numbers: ["refused_messages": Double(refusedMessages)].merging(counters, uniquingKeysWith: +))
    }
}

extension ClusterStatus {
    fileprivate init(
        run: String, phase: RunPhase, seconds: Double, secondsOfPhase: Double, lifetimes: Lifetimes,
        environmentSteps: Double, environmentStepsPerSecond: Double, distillationStep: UInt64,
        distillation: [String: Double], jobs: Jobs, quarantined: [Quarantine], nodes: [Node], failure: String,
        numbers: [String: Double]
    ) {
        self.run = run
        self.phase = phase
        self.seconds = seconds
        self.secondsOfPhase = secondsOfPhase
        self.lifetimes = lifetimes
        self.environmentSteps = environmentSteps
        self.environmentStepsPerSecond = environmentStepsPerSecond
        self.distillationStep = distillationStep
        self.distillation = distillation
        self.jobs = jobs
        self.quarantined = quarantined
        self.nodes = nodes
        self.failure = failure
        self.numbers = numbers
    }
}
