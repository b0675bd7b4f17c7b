import Foundation
package import Logging
package import Processes
import Transport
package import Wire

/// Starts the processes of a cluster on this machine, starts those that fail again, and ends them all.
///
/// How many there should be of each role is the coordinator's word; the supervisor only sees to it.
package final class Supervisor {
    package static let coordinatorStartMilliseconds = 30_000
    package static let stopMilliseconds = 10_000
    private static let turnMilliseconds = 50
    private static let statusIntervalNanoseconds: UInt64 = 1_000_000_000

    /// Name of the file in the run's folder that holds the coordinator's endpoint while it runs.
    package static let endpointFile = "coordinator.endpoint"

    private let executable: String
    private let folder: String
    private let logger: Logger
    private let signals: SignalWatcher
    private let clock = SystemClock()
    private let coordinatorArguments: [String]
    private let roleArguments: [RoleName: [String]]
    private var coordinator: ChildProcess?
    private var roles: [RoleName: SupervisedRole] = [:]
    private var nextRequest: UInt64 = 0
    /// Called with the cluster's status about once a second.
    package var onStatus: (ClusterStatus) -> Void = { _ in }

    /// `coordinatorArguments`: after `distillery coordinator`; `roleArguments`: what a role gets beside its address.
    package init(
        executable: String, folder: String, coordinatorArguments: [String],
        roleArguments: [RoleName: [String]] = [:], signals: SignalWatcher, logger: Logger
    ) {
        self.executable = executable
        self.folder = folder
        self.coordinatorArguments = coordinatorArguments
        self.roleArguments = roleArguments
        self.signals = signals
        self.logger = logger
    }

    /// Runs the cluster to its end. Gives back the signal that ended it, if one did; throws `ClusterError` when the run
    /// failed. No process is left behind either way.
    package func run() throws -> Signal? {
        defer { endAll() }
        try FileManager.default.createDirectory(atPath: folder + "/logs", withIntermediateDirectories: true)
        let endpoint = try startCoordinator()
        let context = try MessageContext()
        var options = SocketOptions()
        let name = "supervisor-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0...UInt32.max))"
        options.identity = try PeerIdentity(name)
        let socket = try DealerSocket(context, options: options)
        try socket.connect(endpoint)
        let poller = Poller()
        poller.add(socket)
        let signalToken = poller.add(descriptor: signals.descriptor)
        let hello = Hello(
            role: .supervisor, name: name, host: hostName(),
            process: Int(ProcessInfo.processInfo.processIdentifier), endpoint: "", capacity: 0)
        var isWelcome = false
        var nextStatus: UInt64 = 0
        var interruption: Signal?
        var stopDeadline: UInt64?
        while true {
            let isReady = try poller.wait(milliseconds: Self.turnMilliseconds)
            let now = clock.now
            if isReady, poller.isReadable(signalToken) {
                while let signal = signals.next() {
                    guard signal.asksToEnd, interruption == nil else { continue }
                    interruption = signal
                    stopDeadline = now + UInt64(Self.stopMilliseconds) * 1_000_000
                    _ = try socket.send(Envelope(.stop, request: 1).encoded())
                }
            }
            while let message = try socket.receive() {
                switch try message.withUnsafeBytes({ try Envelope(decoding: $0) }) {
                case let envelope where envelope.isWelcome: isWelcome = true
                // The machine was busy for so long that the coordinator took us for gone.
                case let envelope where envelope.isStop: isWelcome = false
                case let envelope:
                    if case .deployment(let deployment) = envelope.message {
                        _ = try socket.send(Envelope(.acknowledgement, request: envelope.request).encoded())
                        for role in RoleName.allCases {
                            roles[role, default: SupervisedRole()].desired = deployment.processes[role] ?? 0
                        }
                        if !deployment.failure.isEmpty { throw ClusterError(deployment.failure) }
                        if deployment.finished, stopDeadline == nil {
                            stopDeadline = now + UInt64(Self.stopMilliseconds) * 1_000_000
                        }
                    } else if case .statusAnswer(let json) = envelope.message {
                        onStatus(try ClusterStatus(json: json))
                    }
                }
            }
            if now >= nextStatus {
                _ = try socket.send(
                    Envelope(isWelcome ? .heartbeat(Heartbeat()) : .hello(hello)).encoded())
                if isWelcome { _ = try socket.send(Envelope(.statusRequest, request: 2).encoded()) }
                nextStatus = now + (isWelcome ? Self.statusIntervalNanoseconds : 100_000_000)
            }
            if let coordinator, let status = coordinator.exitStatus {
                // Of a run that had nothing left to do it may be gone before we have met.
                guard status.isSuccess else { throw died("the coordinator", coordinator, status) }
                return interruption
            }
            if let stopDeadline, now > stopDeadline { return interruption }
            if stopDeadline == nil { try tend(endpoint: endpoint, now: now) } else { _ = collectExits(now: now) }
        }
    }

    private func startCoordinator() throws -> String {
        let file = folder + "/" + Self.endpointFile
        try? FileManager.default.removeItem(atPath: file)
        let process = try ChildProcess(
            executable: executable, arguments: ["coordinator"] + coordinatorArguments,
            log: folder + "/logs/coordinator-0.log")
        coordinator = process
        for _ in 0..<(Self.coordinatorStartMilliseconds / Self.turnMilliseconds) {
            if let endpoint = try? String(contentsOfFile: file, encoding: .utf8), endpoint.hasSuffix("\n") {
                return String(endpoint.dropLast())
            }
            if let status = process.exitStatus { throw died("the coordinator", process, status) }
            usleep(UInt32(Self.turnMilliseconds) * 1000)
        }
        throw died("the coordinator did not say where it listens; it", process, .exited(code: 0))
    }

    /// Starts what is missing, takes note of what has ended.
    private func tend(endpoint: String, now: UInt64) throws {
        if let (role, process, status) = collectExits(now: now) {
            throw died(
                "the \(role.rawValue) failed \(SupervisedRole.failureLimit) times in a row; the last one", process,
                status)
        }
        for role in RoleName.allCases {
            while roles[role]?.mayStart(now: now) == true {
                let number = roles[role]?.nextNumber() ?? 0
                let process = try ChildProcess(
                    executable: executable,
                    arguments: [role.rawValue, "--coordinator", endpoint] + (roleArguments[role] ?? []),
                    log: folder + "/logs/\(role.rawValue)-\(number).log")
                roles[role]?.running.append(SupervisedRole.Running(process: process, started: now))
            }
        }
    }

    private func collectExits(now: UInt64) -> (RoleName, ChildProcess, ExitStatus)? {
        for role in RoleName.allCases {
            let fatal = roles[role]?.collectExits(now: now) { process, status in
                guard !status.isSuccess else { return }
                logger.warning(
                    "a process failed",
                    metadata: [
                        "role": "\(role.rawValue)", "process": "\(process.identifier)", "exit": "\(status)",
                        "log": "\(process.log)",
                    ])
            }
            if let (process, status) = fatal { return (role, process, status) }
        }
        return nil
    }

    private func died(_ who: String, _ process: ChildProcess, _ status: ExitStatus) -> ClusterError {
        let lines = process.lastLines(8).joined(separator: "\n    ")
        return ClusterError("\(who) \(status); the end of its log \(process.log):\n    \(lines)")
    }

    private func endAll() {
        let all = roles.values.flatMap { $0.running.map(\.process) } + (coordinator.map { [$0] } ?? [])
        ChildProcess.end(all, graceMilliseconds: 3000)
        try? FileManager.default.removeItem(atPath: folder + "/" + Self.endpointFile)
    }
}

extension Envelope {
    fileprivate var isWelcome: Bool { if case .welcome = message { true } else { false } }
    fileprivate var isStop: Bool { if case .stop = message { true } else { false } }
}
