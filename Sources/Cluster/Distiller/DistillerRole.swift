import Distillation
import Environments
import Experiments
import Foundation
import Histories
package import Logging
package import Wire

/// Trains the transformer on the run's sealed streams and sends its checkpoints to the coordinator.
package final class DistillerRole: Role {
    package static let metricsIntervalMilliseconds: UInt64 = 1000
    /// Requests of checkpoint pieces are numbered from here, those of reports from 1.
    private static let firstUploadRequest: UInt64 = 1 << 32

    package let name = RoleName.distiller
    package let capacity = 0

    private var folder: String
    private let logger: Logger
    private var context: ExperimentContext?
    private var distillation: DistillationRun?
    private var upload: CheckpointUpload?
    private var lastUploadRequest = DistillerRole.firstUploadRequest
    private var reports = ReliableSender()
    private var nextMetrics: UInt64 = 0
    private var isReported = false
    private var refusedMessages = 0
    private var isDraining = false

    /// `folder`: the run's, on a file system that this node shares; nil for the folder that the coordinator names.
    package init(folder: String?, logger: Logger) {
        self.folder = folder ?? ""
        self.logger = logger
    }

    package func begin(_ welcome: Welcome, now: UInt64) throws {
        if let context { return try context.check(isStill: welcome) }
        context = try ExperimentContext(welcome)
        if folder.isEmpty { folder = welcome.folder }
    }

    /// Training goes on; what was on its way is sent anew.
    package func forgetLeases(now: UInt64) { upload?.restart() }

    package var isFinished: Bool { isDraining && reports.isEmpty && (upload?.isComplete ?? true) }

    /// Asked to leave in the middle of training, it leaves a checkpoint behind to go on from.
    package func drain(now: UInt64) {
        guard !isDraining else { return }
        isDraining = true
        if let distillation, !distillation.isFinished, upload?.isComplete ?? true { try? save(distillation) }
    }

    package var numbers: [String: Double] {
        var numbers = distillation?.numbers ?? [:]
        numbers["steps"] = distillation.map { Double($0.steps) }
        numbers["refused_messages"] = Double(refusedMessages)
        return numbers
    }

    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        switch envelope.message {
        case .acknowledgement where sender == .coordinator && envelope.request >= Self.firstUploadRequest:
            upload?.acknowledge(envelope.request)
            upload?.tick(now: now, outbox: &outbox)
        case .acknowledgement where sender == .coordinator: reports.acknowledge(envelope.request, by: sender)
        case .distil(let resumeFrom) where sender == .coordinator:
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            guard distillation == nil, let context else { return }
            distillation = try DistillationRun(
                experiment: context.experiment, distribution: context.distribution,
                histories: URL(fileURLWithPath: folder).appendingPathComponent("histories"),
                resumeFrom: resumeFrom.isEmpty
                    ? nil : URL(fileURLWithPath: folder).appendingPathComponent("checkpoints/distiller/\(resumeFrom)"))
            logger.info("streams loaded", metadata: ["transitions": "\(distillation?.transitions ?? 0)"])
        case .failure: break
        default: refusedMessages += 1
        }
    }

    package func work(now: UInt64, outbox: inout Outbox) throws -> Bool {
        guard let distillation, !isDraining, !distillation.isFinished else { return false }
        try distillation.step()
        if distillation.isFinished || distillation.isCheckpointDue, upload?.isComplete ?? true {
            try save(distillation)
        }
        return !distillation.isFinished
    }

    private func save(_ distillation: DistillationRun) throws {
        upload = CheckpointUpload(
            name: distillation.checkpointName, files: try distillation.checkpointFiles(),
            request: lastUploadRequest + 1)
    }

    package func tick(now: UInt64, outbox: inout Outbox) throws {
        reports.tick(now: now, outbox: &outbox)
        upload?.tick(now: now, outbox: &outbox)
        if let upload { lastUploadRequest = max(lastUploadRequest, upload.lastRequest) }
        guard let distillation else { return }
        if now >= nextMetrics || (distillation.isFinished && !isReported) {
            outbox.send(
                .metrics(Metrics(step: UInt64(distillation.steps), numbers: distillation.numbers)), to: .coordinator)
            nextMetrics = now + Self.metricsIntervalMilliseconds * 1_000_000
        }
        guard distillation.isFinished, !isReported, let upload else { return }
        if upload.name != distillation.checkpointName {
            // A periodic checkpoint was on its way when training ended.
            if upload.isComplete { try save(distillation) }
        } else if upload.isComplete {
            isReported = true
            reports.send(
                .distillationFinished(
                    DistillationFinished(checkpoint: upload.name, numbers: distillation.numbers)), to: .coordinator,
                now: now, outbox: &outbox)
        }
    }
}
