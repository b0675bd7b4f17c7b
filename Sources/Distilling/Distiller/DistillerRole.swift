import Distillation
import Environments
import Experience
import Experiments
import Foundation
package import Logging
package import Nodes
import Transport
package import Wire

/// Has one distillation of the plan at a time trained on the run's streams and sends its checkpoints to the coordinator.
///
/// Training is the engine's (`TrainingEngine`); this is the talk about it. The streams are read from the run's folder, which
/// has to be shared with the recorder; everything else goes through the coordinator. It trains only what is leased to it,
/// and what its engine has in memory outlives a lease: a coordinator that has died leases it again, and training goes on where
/// it stood unless another distiller has come further. With the lease of another distillation it is dropped.
///
/// Its end is told in two steps: the checkpoint of the last step is stored, then `DistillationFinished` names it.
/// The checkpoint alone would do, since it says by itself that training is over.
package final class DistillerRole: Role {
    package static let metricsIntervalMilliseconds: UInt64 = 1000
    /// A report that was refused is made again after this time.
    package static let refusedReportMilliseconds: UInt64 = 10_000
    /// Requests of checkpoint pieces are numbered from here, those of reports from 1.
    private static let firstUploadRequest: UInt64 = 1 << 32

    package let name = RoleName.distiller
    package let capacity = 0
    package var progress: WorkProgress? { engine.progress }

    private var folder: String
    private let engine: any TrainingEngine
    private let logger: Logger
    private var context: ExperimentContext?
    /// What the engine has in memory, and what is leased to it while `isLeased`; nil before the first lease.
    private var planned: PlannedDistillation?
    /// Whether `planned` is this node's, by the name that it has now; without a lease it stands still.
    private var isLeased = false
    /// Number of the command that leased it last; one that was sent again may come after a later one.
    private var lastCommand: UInt64 = 0
    private var upload: CheckpointUpload?
    private var lastUploadRequest = DistillerRole.firstUploadRequest
    /// The newest checkpoint that the coordinator has, as far as this node knows.
    private var stored: (name: String, step: Int)?
    /// Reports of the end; numbered from 1.
    private var reports = ReliableSender()
    private var nextMetrics: UInt64 = 0
    private var nextReport: UInt64 = 0
    /// The end of training was told by the name that the node has now.
    private var isReported = false
    private var refusedMessages = 0
    private var isDraining = false

    /// `folder`: the run's, on a file system that this node shares; nil for the folder that the coordinator names.
    /// `engine`: what trains; nil for this process.
    package init(folder: String?, engine: (any TrainingEngine)? = nil, logger: Logger) {
        self.folder = folder ?? ""
        self.engine = engine ?? SwiftEngine(logger: logger)
        self.logger = logger
    }

    package func begin(_ welcome: Welcome, now: UInt64) throws {
        if let context { return try context.check(isStill: welcome.experiment, in: welcome.folder) }
        context = try ExperimentContext(yaml: welcome.experiment, folder: welcome.folder)
        if folder.isEmpty { folder = welcome.folder }
    }

    /// What is in memory stays there. Under its new name the node has nothing until the coordinator leases it again;
    /// then training goes on, what was on its way is sent anew, and an end that was told is told again.
    package func forgetLeases(now: UInt64) {
        isLeased = false
        lastCommand = 0
        reports = ReliableSender()
        isReported = false
        nextReport = 0
        upload?.restart()
    }

    package var isFinished: Bool {
        isDraining && (!isLeased || (engine.isDrained && reports.isEmpty && (upload?.isComplete ?? true)))
    }

    /// Asked to leave in the middle of training, it leaves a checkpoint behind to go on from.
    package func drain(now: UInt64) {
        guard !isDraining else { return }
        isDraining = true
        engine.drain(now: now)
        if isLeased { try? saveIfDue() }
    }

    package var distillation: String { planned?.name ?? "" }

    package var numbers: [String: Double] {
        var numbers = engine.numbers
        numbers["steps"] = engine.steps.map(Double.init)
        numbers["refused_messages"] = Double(refusedMessages)
        return numbers
    }

    package func waiting(now: UInt64) -> Waiting? { isLeased ? engine.waiting(now: now) : nil }

    /// Answers to pieces of checkpoints and answers to reports are told apart by their numbers
    /// (`firstUploadRequest`).
    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        switch envelope.message {
        case .acknowledgement where sender == .coordinator && envelope.request >= Self.firstUploadRequest:
            upload?.acknowledge(envelope.request)
            if let upload, upload.isComplete { stored = (upload.name, upload.step) }
            upload?.tick(now: now, outbox: &outbox)
        case .acknowledgement where sender == .coordinator: reports.acknowledge(envelope.request, by: sender)
        case .failure(let reason) where sender == .coordinator && envelope.request >= Self.firstUploadRequest:
            try upload?.refuse(envelope.request, reason: reason, now: now)
        case .failure(let reason) where sender == .coordinator && reports.refuse(envelope.request, by: sender):
            reportWasRefused(reason, now: now)
        case .distil(let distil) where sender == .coordinator:
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            try takeUp(distil, command: envelope.request, now: now)
        case .failure: break
        default: refusedMessages += 1
        }
    }

    /// The coordinator does not have the checkpoint that was reported: it gets it anew, and then the report.
    private func reportWasRefused(_ reason: String, now: UInt64) {
        logger.warning("the end of training is refused", metadata: ["reason": "\(reason)"])
        stored = nil
        isReported = false
        nextReport = now + Self.refusedReportMilliseconds * nanosecondsPerMillisecond
    }

    /// A distillation is leased to this node: for the first time, or again. What it has of it in memory it goes on with,
    /// unless another distiller has come further. Throws `ClusterError` for one that the experiment does not have.
    private func takeUp(_ distil: Distil, command: UInt64, now: UInt64) throws {
        guard let context, command > lastCommand else { return }
        lastCommand = command
        isLeased = true
        let isAnother = distil.distillation != planned?.name
        if isAnother { try begin(distil.distillation, of: context.experiment) }
        guard let planned else { return }
        isReported = false
        let step = Checkpoint.step(of: Checkpoint.parts(of: distil.resumeFrom).name)
        if let step { stored = (distil.resumeFrom, step) }
        if !isAnother, let step, let steps = engine.steps, step > steps { upload = nil }
        try engine.take(
            TrainingOrder(
                planned: planned, context: context, run: URL(fileURLWithPath: folder),
                newest: step.map { (distil.resumeFrom, $0) }, isGrowing: distil.isGrowing), now: now)
    }

    /// Another distillation than the one in memory. A checkpoint of that one that is on its way is another distiller's to
    /// send.
    private func begin(_ name: String, of experiment: Experiment) throws {
        guard let found = try experiment.distillations().first(where: { $0.name == name }) else {
            throw ClusterError("the experiment has no distillation \(name): the coordinator is of another version")
        }
        lastUploadRequest = max(lastUploadRequest, upload?.lastRequest ?? 0)
        (planned, upload, stored) = (found, nil, nil)
    }

    package func work(now: UInt64, outbox: inout Outbox) throws -> Bool {
        guard isLeased else { return false }
        let hasMore = try engine.work(now: now)
        try saveIfDue()
        if let complaint = engine.takeComplaint() { outbox.send(.failure(complaint), to: .coordinator) }
        return hasMore
    }

    private func saveIfDue() throws {
        if engine.isCheckpointDue, upload?.isComplete ?? true { try save() }
    }

    /// Takes a checkpoint and begins to send it.
    private func save() throws {
        guard let planned else { return }
        // Numbers of an earlier upload must never come again: a late acknowledgement would stand for another piece.
        lastUploadRequest = max(lastUploadRequest, upload?.lastRequest ?? 0) + 1
        let checkpoint = try engine.checkpoint()
        upload = CheckpointUpload(
            name: planned.checkpoint(checkpoint.name), step: checkpoint.step, files: checkpoint.files,
            request: lastUploadRequest)
    }

    package func tick(now: UInt64, outbox: inout Outbox) throws {
        reports.tick(now: now, outbox: &outbox)
        guard isLeased else { return }
        upload?.tick(now: now, outbox: &outbox)
        sendMetrics(now: now, outbox: &outbox)
        try reportEnd(now: now, outbox: &outbox)
    }

    /// Once a second, and at the end: not acknowledged, for the next ones replace them.
    private func sendMetrics(now: UInt64, outbox: inout Outbox) {
        guard now >= nextMetrics || engine.isFinished && !isReported else { return }
        outbox.send(
            .metrics(Metrics(step: UInt64(engine.steps ?? stored?.step ?? 0), numbers: engine.numbers)),
            to: .coordinator)
        nextMetrics = now + Self.metricsIntervalMilliseconds * nanosecondsPerMillisecond
    }

    /// Training is over, here or already in the checkpoint that it was to go on from: says so once the coordinator has
    /// the checkpoint of its last step.
    private func reportEnd(now: UInt64, outbox: inout Outbox) throws {
        guard engine.isFinished, let steps = engine.steps, !isReported, now >= nextReport, upload?.isComplete ?? true
        else { return }
        guard let stored, stored.step == steps else { return try save() }
        isReported = true
        reports.send(
            .distillationFinished(DistillationFinished(checkpoint: stored.name, numbers: engine.numbers)),
            to: .coordinator, now: now, outbox: &outbox)
    }
}
