import Distillation
import Experiments
import Foundation
package import Logging
import Models
package import Nodes
import Processes
import Transport
package import Wire

/// Trains by the project's own PyTorch, `python -m distillery.distil`, in a process of its own, on a GPU where there is one. The
/// process begins with the coordinator's last checkpoint, whichever engine made it, and writes checkpoints into a folder of
/// this host, from which the distiller sends them.
///
/// A piece of work is a look at the process. Where it fails it is started again from its last checkpoint after 1, 2 and 4 s;
/// the fourth failure in a row, without a new checkpoint between them, ends the node. Streams have to be sealed: where they
/// still grow (`distil.follow`) it waits until they do not. Without a lease the process trains on, and what it has made is
/// there when the lease comes back.
package final class PyTorchEngine: TrainingEngine {
    package static let failureLimit = 4
    package static let firstRestMilliseconds: UInt64 = 1000
    /// For importing PyTorch, reading the histories and compiling the model.
    package static let startLimitSeconds: UInt64 = 1800
    /// A process that is asked to leave has so long for the step that it is in and its last checkpoint.
    package static let endLimitSeconds: UInt64 = 60
    /// Of the loss that is told: the weight of a step in its exponential mean.
    private static let smoothing = 0.02

    private enum Phase {
        /// Nothing is leased.
        case idle
        /// The process is started once the histories are complete and the rest after a failure is over.
        case ready
        case running(PyTorchProcess)
        case over
    }

    package let progress = WorkProgress()
    private let python: String
    private let device: String
    private let logger: Logger
    private var folder: PyTorchFolder?
    private var order: TrainingOrder?
    private var phase = Phase.idle
    /// The training's files are in the folder.
    private var hasBegun = false
    /// Of the process at work, or of the one before: the last step that it told of, and the seconds at its start.
    private var last: PyTorchProcess.Step?
    private var smoothedLoss: Double?
    private var newSteps = 0
    private var secondsBefore = 0.0
    /// Steps of the newest checkpoint in the folder, and of the newest that was taken from there or came from the
    /// coordinator.
    private var newest: Int?
    private var taken = 0
    private var failures = 0
    private var lastFailure = ""
    /// A failure that the coordinator has not been told of.
    private var complaint: String?
    private var restsUntil: UInt64 = 0
    /// When the process last got on; of one that is to leave, when it was told.
    private var moved: UInt64 = 0
    /// Since when it waits: for the histories, or after a failure.
    private var waitsSince: UInt64?
    private var isDraining = false

    /// `python`: a path, or a name on PATH. `device`: `auto`, `cpu` or `cuda`.
    package init(python: String, device: String = "auto", logger: Logger) {
        self.python = python
        self.device = device
        self.logger = logger
    }

    package func take(_ order: TrainingOrder, now: UInt64) throws {
        let isSame = order.planned == self.order?.planned
        // What it has made while the training was not this node's counts.
        if isSame, case .running(let process) = phase, let steps = try? process.newSteps() {
            note(steps)
            lookForCheckpoints()
            moved = now
        }
        self.order = order
        if isSame, hasBegun, order.newest?.step ?? 0 <= steps ?? 0 { return }
        (phase, hasBegun, newest, last, smoothedLoss) = (.ready, false, nil, nil, nil)
        if !isSame { (failures, restsUntil, waitsSince) = (0, 0, nil) }
    }

    // MARK: - What it has

    /// Of the process at work; of a training that is over or stands still, of its last checkpoint.
    package var steps: Int? {
        guard let newest else { return nil }
        if case .running = phase { return max(newest, last?.step ?? 0) }
        return newest
    }

    package var isFinished: Bool { if case .over = phase { true } else { false } }
    package var isCheckpointDue: Bool { newest.map { $0 > taken } ?? false }

    package func checkpoint() throws -> EngineCheckpoint {
        guard let folder, var step = newest else { preconditionFailure("there is no training") }
        let files: [(name: String, content: Data)]
        do { files = try folder.files(ofStep: step) } catch {
            // The process keeps two: with a third it may have been deleted while it was read.
            guard let newer = folder.newestStep, newer > step else { throw error }
            step = newer
            files = try folder.files(ofStep: step)
        }
        (newest, taken) = (step, step)
        return EngineCheckpoint(name: Checkpoint.name(ofStep: step), step: step, files: files)
    }

    package var numbers: [String: Double] {
        guard let last, let settings = order?.planned.settings else { return [:] }
        let training = settings.training
        let share = max(
            Double(last.step) / Double(training.steps), training.maximumSeconds.map { last.seconds / $0 } ?? 0)
        let tokens = newSteps * training.batchSize * settings.model.dimensions.tokens
        return [
            "loss": smoothedLoss ?? last.loss, "learning_rate": last.learningRate, "gradient_norm": last.gradientNorm,
            "seconds": last.seconds, "progress": min(1, share),
            "tokens_per_second": Double(tokens) / max(1e-9, last.seconds - secondsBefore),
            "seconds_left": share > 0 ? max(0, last.seconds * (1 - share) / share) : 0,
        ]
    }

    package func waiting(now: UInt64) -> Waiting? {
        guard let waitsSince else { return nil }
        let why =
            failures > 0
            ? "PyTorch, after failure \(failures) of \(Self.failureLimit) in a row: \(lastFailure)"
            : "the histories to be complete: PyTorch trains on sealed streams"
        return Waiting(for: "", why: why, since: waitsSince, now: now)
    }

    package func takeComplaint() -> String? {
        defer { complaint = nil }
        return complaint
    }

    // MARK: - Work

    package func work(now: UInt64) throws -> Bool {
        switch phase {
        case .idle, .over: break
        case .ready:
            guard !isDraining, let order else { break }
            if order.isGrowing { waitsSince = waitsSince ?? now }
            guard !order.isGrowing, now >= restsUntil else { break }
            if failures == 0 { waitsSince = nil }
            do { try start(order, now: now) } catch { try fail("\(error)", now: now) }
        case .running(let process): try look(at: process, now: now)
        }
        return false
    }

    private func start(_ order: TrainingOrder, now: UInt64) throws {
        let folder = try folder ?? PyTorchFolder()
        self.folder = folder
        if !hasBegun {
            try folder.begin(order)
            hasBegun = true
            taken = order.newest?.step ?? 0
        }
        newest = folder.newestStep
        let configuration = try configuration()
        guard !configuration.isEnd(of: order.planned.settings.training) else { return phase = .over }
        (last, newSteps, secondsBefore, moved) = (nil, 0, configuration.seconds, now)
        let process = try PyTorchProcess(
            python: python, device: device, folder: folder, histories: order.histories.path)
        logger.info(
            "PyTorch trains",
            metadata: [
                "process": "\(process.identifier)", "from": "step \(configuration.step)", "log": "\(folder.output)",
            ])
        progress.note("begins with PyTorch")
        phase = .running(process)
    }

    /// Of the newest checkpoint in the folder.
    private func configuration() throws -> CheckpointConfiguration {
        guard let folder, let newest else { throw ClusterError("\(folder?.path ?? "") has lost its checkpoints") }
        return try Checkpoint(folder: folder.checkpoint(ofStep: newest)).configuration()
    }

    private func look(at process: PyTorchProcess, now: UInt64) throws {
        // Asked for first: what a process wrote before its end is then read below.
        let status = process.exit
        let steps: [PyTorchProcess.Step]
        do { steps = try process.newSteps() } catch {
            process.kill()
            return try fail("\(error)", now: now)
        }
        if !steps.isEmpty {
            note(steps)
            if !isDraining { moved = now }
        }
        if !steps.isEmpty || status != nil { lookForCheckpoints() }
        if let status { return try ended(process, status, now: now) }
        try endIfStill(process, now: now)
    }

    private func note(_ steps: [PyTorchProcess.Step]) {
        guard let step = steps.last else { return }
        if last == nil { progress.finish() }
        waitsSince = nil
        for step in steps {
            smoothedLoss = smoothedLoss.map { (1 - Self.smoothing) * $0 + Self.smoothing * step.loss } ?? step.loss
        }
        (last, newSteps) = (step, newSteps + steps.count)
    }

    /// A new one shows that training gets on: failures before it are no row any more.
    private func lookForCheckpoints() {
        guard let found = folder?.newestStep, found > newest ?? -1 else { return }
        (newest, failures) = (found, 0)
    }

    private func ended(_ process: PyTorchProcess, _ status: ExitStatus, now: UInt64) throws {
        progress.finish()
        if isDraining { return phase = .idle }
        guard status.isSuccess, let training = order?.planned.settings.training else {
            return try fail(process.reason(status), now: now)
        }
        guard (try? configuration())?.isEnd(of: training) == true else {
            return try fail("PyTorch ended without an error, before training was over", now: now)
        }
        logger.info("PyTorch has trained", metadata: ["step": "\(newest ?? 0)"])
        phase = .over
    }

    private func endIfStill(_ process: PyTorchProcess, now: UInt64) throws {
        guard let order else { return }
        let limit =
            isDraining
            ? Self.endLimitSeconds
            : last == nil ? Self.startLimitSeconds : UInt64(order.context.experiment.cluster.workLimitSeconds)
        let still = (max(now, moved) - moved) / nanosecondsPerMillisecond / 1000
        guard still >= limit else { return }
        lookForCheckpoints()
        process.kill()
        guard !isDraining else { return phase = .idle }
        try fail(
            last == nil
                ? "PyTorch has made no step \(still) s after its start, and was ended"
                : "PyTorch has made no step for \(still) s (cluster.work_limit_seconds), and was ended", now: now)
    }

    /// Throws `ClusterError` where it was one failure too many.
    private func fail(_ reason: String, now: UInt64) throws {
        progress.finish()
        phase = .ready
        (failures, lastFailure, complaint, waitsSince) = (failures + 1, reason, reason, waitsSince ?? now)
        guard failures < Self.failureLimit else {
            throw ClusterError("PyTorch failed \(failures) times in a row, the last time because: \(reason)")
        }
        let rest = Self.firstRestMilliseconds << UInt64(failures - 1)
        restsUntil = now + rest * nanosecondsPerMillisecond
        logger.warning("PyTorch failed", metadata: ["reason": "\(reason)", "again_in": "\(rest / 1000) s"])
    }

    package func drain(now: UInt64) {
        isDraining = true
        guard case .running(let process) = phase else { return }
        moved = now
        process.terminate()
    }

    package var isDrained: Bool {
        guard isDraining else { return false }
        if case .running = phase { return false }
        return true
    }
}
