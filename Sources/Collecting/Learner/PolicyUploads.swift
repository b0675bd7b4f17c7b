import Distillation
import Experience
import Experiments
import Nodes
import Wire

/// What lifetimes have learnt, on its way to the coordinator: the end of such a lifetime is reported once the checkpoint
/// is stored, so that no end is written down whose policy could still be lost.
struct PolicyUploads {
    private struct Item {
        var upload: CheckpointUpload
        /// To report then.
        let end: LifetimeFinished
        let since: UInt64
    }

    private var items: [LifetimeIdentifier: Item] = [:]
    /// Number of the first piece of the last upload. It begins above all other numbers of a learner's messages; each
    /// upload has more of them than it can have pieces and refusals.
    private var lastFirst: UInt64 = 1 << 33
    private static let requestsOfUpload: UInt64 = 1 << 24

    /// All are stored, or were forgotten.
    var isEmpty: Bool { items.isEmpty }

    /// The lifetime whose policy has waited longest to be stored, and since when.
    var oldest: (lifetime: LifetimeIdentifier, since: UInt64)? {
        items.min { ($0.value.since, $0.key.task) < ($1.value.since, $1.key.task) }.map { ($0.key, $0.value.since) }
    }

    mutating func begin(
        _ checkpoint: Checkpoint, _ planned: PlannedPolicy, version: UInt64, end: LifetimeFinished, now: UInt64
    ) {
        lastFirst += Self.requestsOfUpload
        let upload = CheckpointUpload(
            name: planned.checkpoint(version: version), step: Int(clamping: version),
            files: [
                (Checkpoint.modelFile, checkpoint.model), (Checkpoint.configFile, checkpoint.config),
            ], request: lastFirst)
        items[planned.lifetime] = Item(upload: upload, end: end, since: now)
    }

    /// Sends what is due.
    mutating func tick(now: UInt64, outbox: inout Outbox) {
        for lifetime in items.keys { items[lifetime]?.upload.tick(now: now, outbox: &outbox) }
    }

    /// A piece is stored. Gives the end that can be reported where it was the last one.
    mutating func acknowledge(_ request: UInt64, now: UInt64, outbox: inout Outbox) -> LifetimeFinished? {
        for lifetime in items.keys { items[lifetime]?.upload.acknowledge(request) }
        if let stored = items.first(where: { $0.value.upload.isComplete }) {
            items[stored.key] = nil
            return stored.value.end
        }
        tick(now: now, outbox: &outbox)
        return nil
    }

    /// The coordinator will not take a piece. Throws `ClusterError` where it has said so too often.
    mutating func refuse(_ request: UInt64, reason: String, now: UInt64) throws {
        for lifetime in items.keys { try items[lifetime]?.upload.refuse(request, reason: reason, now: now) }
    }

    /// Another learner has the lifetime now, or it is over.
    mutating func forget(_ lifetime: LifetimeIdentifier) { items[lifetime] = nil }
}
