import Files
import Foundation
package import Logging
import Monitoring
import Nodes
package import Processes
import Transport
package import Wire

/// Starts the processes of a cluster on this machine, starts those that fail again, and ends them all.
///
/// How many there should be of each role is the coordinator's word; the supervisor only sees to it. The coordinator is
/// one of its processes too, and comes back at the endpoint that it had.
///
/// `run` is one loop of turns of 50 ms: signals, messages of the coordinator, a heartbeat and a question for the
/// status each second, ends of processes, starts of those that are missing. To the coordinator it is a node of the
/// role supervisor; the two speak by the run's ordinary protocol, `Deployment` and `EndProcess` one way,
/// `ProcessEnded` the other.
///
/// The kernel ends the children with their parent, so that a killed supervisor leaves none behind.
package final class Supervisor {
    /// How a run came to its end.
    package enum Outcome: Sendable {
        /// Everything was done.
        case complete
        /// `distillery stop`, or a coordinator that was asked to end.
        case stopped
        /// A signal to this process (Ctrl-C, SIGTERM) has ended the run; `--resume` goes on.
        case interrupted(Signal)
    }

    /// A coordinator that has not written its endpoint into the run's folder by then has failed to start.
    package static let coordinatorStartMilliseconds = 30_000
    /// A coordinator that says nothing for so long hangs: it is ended and started again.
    package static let coordinatorSilenceMilliseconds: UInt64 = 15_000
    /// After the end, or a signal, the coordinator and its nodes have so long to leave before their processes are
    /// ended.
    package static let stopMilliseconds = 10_000
    private static let turnMilliseconds = 50
    private static let statusIntervalNanoseconds: UInt64 = 1_000_000_000
    private static let helloIntervalNanoseconds: UInt64 = 100_000_000
    /// How much of a turn is for starting processes: sockets and signals wait no longer than this and one start
    /// more.
    private static let startNanosecondsPerTurn: UInt64 = 25_000_000

    /// Name of the file in the run's folder that holds the coordinator's endpoint while it runs.
    package static let endpointFile = "coordinator.endpoint"

    private let executable: String
    private let folder: String
    /// Held until no process of the run is left.
    private let lock: RunLock
    private let logger: Logger
    private let signals: SignalWatcher
    /// A stop of this process (Ctrl-Z) is no silence of the coordinator.
    private let clock = WorkingClock()
    private let coordinatorArguments: [String]
    private let roleArguments: [RoleName: [String]]
    private let recorderFolders: [String]
    private var key: OwnKey?
    private var roles: [RoleName: SupervisedRole] = [.coordinator: SupervisedRole(desired: 1)]
    private let hello: Hello
    /// The coordinator's, as it wrote it into the run's folder; a later coordinator is bound to the same.
    private var endpoint = ""
    private var isWelcome = false
    /// Number of the command that the last deployment came with: an earlier one may come late.
    private var lastDeployment: UInt64 = 0
    private var nextStatus: UInt64 = 0
    private var lastHeard: UInt64 = 0
    private var interruption: Signal?
    private var wasStopped = false
    private var stopDeadline: UInt64?
    /// Called with the cluster's status, a JSON document, about once a second; what it throws ends the run.
    package var onStatus: (_ json: String) throws -> Void = { _ in }

    /// - Parameters:
    ///   - executable: `distillery` itself.
    ///   - folder: the run's; logs go to `logs/ROLE-N.log` in it.
    ///   - lock: of `folder`.
    ///   - coordinatorArguments: what follows `distillery coordinator`.
    ///   - roleArguments: what a role gets beside the coordinator's address.
    ///   - recorderFolders: where the recorders write, by their numbers; by default the first writes into `folder`, and
    ///     the others into `recorder-1`, `recorder-2`, ... in it.
    ///   - key: nil in a cluster without keys.
    package init(
        executable: String, folder: String, lock: RunLock, coordinatorArguments: [String],
        roleArguments: [RoleName: [String]] = [:], recorderFolders: [String] = [], key: OwnKey? = nil,
        signals: SignalWatcher, logger: Logger
    ) {
        self.executable = executable
        self.folder = folder
        self.lock = lock
        self.coordinatorArguments = coordinatorArguments
        self.roleArguments = roleArguments
        self.recorderFolders = recorderFolders
        self.key = key
        self.signals = signals
        self.logger = logger
        let process = ProcessInfo.processInfo.processIdentifier
        hello = Hello(
            role: .supervisor,
            name: boundName(
                "supervisor-\(process)-\(UInt32.random(in: 0...UInt32.max))", to: key?.node.secret.publicKey),
            host: hostName(), process: Int(process), endpoint: "", capacity: ProcessRoom.now().processes)
    }

    /// Runs the cluster to its end; throws `ClusterError` when the run failed. No process is left behind either way.
    package func run() throws -> Outcome {
        defer { endAll() }
        lock.admitCoordinator()
        try Folder.create(folder + "/logs")
        guard try startCoordinator() else { return interruption.map(Outcome.interrupted) ?? .stopped }
        let context = try MessageContext()
        var options = SocketOptions()
        options.identity = try PeerIdentity(hello.name)
        if let key { options.security = key.node.security }
        // The coordinator that it has started itself, on this host, whatever address that announces.
        options.insecure = true
        let socket = try DealerSocket(context, options: options)
        try socket.connect(endpoint)
        let poller = Poller()
        poller.add(socket)
        let signalToken = poller.add(descriptor: signals.descriptor)
        lastHeard = clock.now
        while true {
            let isReady = try poller.wait(milliseconds: Self.turnMilliseconds)
            let now = clock.now
            if isReady, poller.isReadable(signalToken) { try takeSignals(socket, now: now) }
            while let message = try socket.receive() {
                lastHeard = now
                try take(try message.withUnsafeBytes { try Envelope(decoding: $0) }, socket, now: now)
            }
            try speak(socket, now: now)
            guard try hasEnded(socket, now: now) else { continue }
            if let interruption { return .interrupted(interruption) }
            return wasStopped ? .stopped : .complete
        }
    }

    // MARK: - Messages

    /// The first signal to end asks the coordinator to stop; later ones change nothing, since the end is bounded
    /// already.
    private func takeSignals(_ socket: DealerSocket, now: UInt64) throws {
        while let signal = signals.next() {
            guard signal.asksToEnd, interruption == nil else { continue }
            interruption = signal
            stopDeadline = now + UInt64(Self.stopMilliseconds) * nanosecondsPerMillisecond
            _ = try socket.send(Envelope(.stop, request: 1).encoded())
        }
    }

    /// A message of the coordinator. Throws `ClusterError` with the coordinator's reason where the run cannot go
    /// on.
    private func take(_ envelope: Envelope, _ socket: DealerSocket, now: UInt64) throws {
        switch envelope.message {
        case .welcome: isWelcome = true
        // The coordinator was restarted, or the machine was so busy that it took us for gone.
        case .rejoin: isWelcome = false
        case .deployment(let deployment):
            _ = try socket.send(Envelope(.acknowledgement, request: envelope.request).encoded())
            // One that was sent again may come after a later one.
            guard envelope.request > lastDeployment else { return }
            lastDeployment = envelope.request
            for role in RoleName.allCases where role != .coordinator {
                roles[role, default: SupervisedRole()].desired = deployment.processes[role] ?? 0
            }
            if !deployment.failure.isEmpty { throw ClusterError(deployment.failure) }
            wasStopped = deployment.stopped
            if deployment.finished, stopDeadline == nil {
                stopDeadline = now + UInt64(Self.stopMilliseconds) * nanosecondsPerMillisecond
            }
        case .endProcess(let process):
            _ = try socket.send(Envelope(.acknowledgement, request: envelope.request).encoded())
            for role in RoleName.allCases where roles[role]?.end(process: process) == true {
                logger.warning(
                    "a process that is silent or shows no progress is ended", metadata: ["process": "\(process)"])
            }
        case .statusAnswer(let json): try onStatus(json)
        default: break
        }
    }

    /// Says hello until the coordinator has answered, then once a second that the supervisor lives.
    private func speak(_ socket: DealerSocket, now: UInt64) throws {
        guard now >= nextStatus else { return }
        _ = try socket.send(Envelope(isWelcome ? .heartbeat(Heartbeat()) : .hello(hello)).encoded())
        if isWelcome { _ = try socket.send(Envelope(.statusRequest, request: 2).encoded()) }
        nextStatus = now + (isWelcome ? Self.statusIntervalNanoseconds : Self.helloIntervalNanoseconds)
    }

    // MARK: - Processes

    /// False when a signal asked for the end before the coordinator was there.
    private func startCoordinator() throws -> Bool {
        let file = folder + "/" + Self.endpointFile
        try? FileManager.default.removeItem(atPath: file)
        let process = try start(.coordinator, now: clock.now)
        for _ in 0..<(Self.coordinatorStartMilliseconds / Self.turnMilliseconds) {
            if let text = try? String(contentsOfFile: file, encoding: .utf8), text.hasSuffix("\n") {
                endpoint = String(text.dropLast())
                return true
            }
            while let signal = signals.next() { if signal.asksToEnd { interruption = signal } }
            if interruption != nil { return false }
            if let status = process.exitStatus { throw died("the coordinator", process, status) }
            usleep(UInt32(Self.turnMilliseconds) * 1000)
        }
        throw died("the coordinator did not say where it listens; it", process, .exited(code: 0))
    }

    /// Starts what is missing, takes note of what has ended; true when there is nothing more to do.
    private func hasEnded(_ socket: DealerSocket, now: UInt64) throws -> Bool {
        let isEnding = stopDeadline != nil
        let coordinatorWas = roles[.coordinator]?.running.first
        var ended: [Int32] = []
        let fatal = collectExits(now: now, ended: &ended)
        for process in ended { _ = try socket.send(Envelope(.processEnded(Int(process))).encoded()) }
        if let (role, failure) = fatal, !isEnding { throw died(role, failure) }
        // Of a run that had nothing left to do it may be gone before we have met.
        if let ended = coordinatorWas?.process.exitStatus {
            if ended.isSuccess || isEnding { return true }
            isWelcome = false
            lastHeard = now
        }
        if let stopDeadline, now > stopDeadline { return true }
        guard !isEnding else { return false }
        if let message = try key?.look(now: now) { logger.error("\(message)") }
        // A coordinator that refuses us is well.
        if key?.isLost == true { lastHeard = now }
        if now > lastHeard, (now - lastHeard) / nanosecondsPerMillisecond > Self.coordinatorSilenceMilliseconds {
            logger.error("the coordinator is silent; it is ended and started again")
            if let coordinatorWas { roles[.coordinator]?.end(process: Int(coordinatorWas.process.identifier)) }
            lastHeard = now
        }
        try startMissing(now: now)
        return false
    }

    /// Starts as many missing processes as a turn has time for; the others are started in the turns after it.
    private func startMissing(now: UInt64) throws {
        let deadline = clock.now + Self.startNanosecondsPerTurn
        for role in RoleName.allCases {
            while clock.now < deadline, roles[role]?.mayStart(now: now) == true {
                do { try start(role, now: now) } catch let error as ProcessError {
                    logger.warning("a process cannot be started", metadata: ["reason": "\(error)"])
                    guard roles[role]?.failedToStart(now: now) == true else { break }
                    throw ClusterError(
                        "a process of the \(role.rawValue) could not be started again and again: \(error)")
                }
            }
        }
    }

    @discardableResult
    private func start(_ role: RoleName, now: UInt64) throws -> ChildProcess {
        let number = roles[role]?.nextNumber() ?? 0
        let place = roles[role]?.freePlace ?? 0
        var environment = ProcessInfo.processInfo.environment
        // One process can listen there: the coordinator.
        if role != .coordinator { environment[MonitoringAddress.variable] = nil }
        let process = try ChildProcess(
            executable: executable, arguments: arguments(of: role, place),
            log: folder + "/logs/\(role.rawValue)-\(number).log",
            environment: environment)
        roles[role]?.running.append(SupervisedRole.Running(process: process, started: now, place: place))
        return process
    }

    private func arguments(of role: RoleName, _ place: Int) -> [String] {
        guard role == .coordinator else {
            return [role.rawValue, "--coordinator", endpoint] + (roleArguments[role] ?? [])
                + (role == .recorder ? recorderFolder(place).map { ["--folder", $0] } ?? [] : [])
        }
        // The nodes look for it where it was.
        return [role.rawValue] + coordinatorArguments + (endpoint.isEmpty ? [] : ["--restarted", "--bind", endpoint])
    }

    /// Nil for the run's own.
    private func recorderFolder(_ place: Int) -> String? {
        if place < recorderFolders.count { return recorderFolders[place] }
        return place == 0 ? nil : "\(folder)/recorder-\(place)"
    }

    private func collectExits(now: UInt64, ended: inout [Int32]) -> (RoleName, SupervisedRole.LastFailure)? {
        for role in RoleName.allCases {
            let fatal = roles[role]?.collectExits(now: now) { process, status in
                ended.append(process.identifier)
                guard !status.isSuccess else { return }
                logger.warning(
                    "a process failed",
                    metadata: [
                        "role": "\(role.rawValue)", "process": "\(process.identifier)", "exit": "\(status)",
                        "log": "\(process.log)",
                    ])
            }
            if let fatal { return (role, fatal) }
        }
        return nil
    }

    private func died(_ role: RoleName, _ failure: SupervisedRole.LastFailure) -> ClusterError {
        let what = failure.wasSilent ? "said nothing and was ended" : "failed"
        return died(
            "the \(role.rawValue) \(what) \(failure.count) times in a row; the last one", failure.process,
            failure.status)
    }

    private func died(_ who: String, _ process: ChildProcess, _ status: ExitStatus) -> ClusterError {
        let lines = process.lastLines(8).joined(separator: "\n    ")
        return ClusterError("\(who) \(status); the end of its log \(process.log):\n    \(lines)")
    }

    /// Asks all processes to end, and kills after 3 s those that have not.
    private func endAll() {
        ChildProcess.end(roles.values.flatMap { $0.running.map(\.process) }, graceMilliseconds: 3000)
        try? FileManager.default.removeItem(atPath: folder + "/" + Self.endpointFile)
    }
}
