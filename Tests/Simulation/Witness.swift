import Collecting
package import Coordination
package import Experience
import Wire

/// What an outsider sees of a cluster: who was given which lease, what was brought to the recorder, what it called
/// durable. Says at once what must never happen.
package final class Witness {
    /// A rollout as it reached a recorder.
    package struct Brought: Hashable, Sendable {
        package let sequence: UInt64
        package let incarnation: UInt64
        package let checksum: UInt32
        package let length: Int
        package let generation: Int
    }

    /// What one carrier of a stream was told.
    package struct Acknowledged: Hashable, Sendable {
        package let stream: StreamIdentifier
        package let incarnation: UInt64
        /// Carriers of different generations never knew of each other, even where they have the same incarnation.
        package let generation: Int

        package init(stream: StreamIdentifier, incarnation: UInt64, generation: Int = 0) {
            self.stream = stream
            self.incarnation = incarnation
            self.generation = generation
        }
    }

    /// What somebody reported and was told to be taken.
    package enum Report: Hashable, Sendable {
        case distillationFinished(checkpoint: String)
        case result(FinishedJob)
    }

    private struct Request: Hashable {
        let sender: String
        let number: UInt64
    }

    private struct JobOfNode: Hashable {
        let node: String
        let job: UInt64
    }

    private enum Lease: Hashable {
        case learner(LifetimeIdentifier, attempt: UInt64)
        case carrier(LifetimeIdentifier, actor: Int, incarnation: UInt64)
        case job(UInt64, incarnation: UInt64)
    }

    package private(set) var violations: [String] = []
    package private(set) var brought: [StreamIdentifier: Set<Brought>] = [:]
    /// Everything before the sequence need not be kept by its carrier any more.
    package private(set) var acknowledged: [Acknowledged: UInt64] = [:]
    /// Who was given each lease, by which start of the coordinator.
    private var holders: [Lease: (name: String, start: Int)] = [:]
    /// Where each carrier began.
    private(set) var firstAcknowledged: [Acknowledged: UInt64] = [:]
    /// Reports that were acknowledged: nobody will make them again.
    package private(set) var taken: Set<Report> = []
    private var reports: [Request: Report] = [:]
    private var jobs: [JobOfNode: FinishedJob] = [:]
    /// How often everything has died at once.
    private(set) var generation = 0
    /// How often a coordinator was started.
    package internal(set) var starts = 0

    package init() {}

    /// The coordinator gives something out.
    func command(_ bytes: [UInt8], to receiver: String) {
        guard [13, 20, 22, 60].contains(bodyNumber(of: bytes)), let envelope = try? Envelope(decoding: bytes) else {
            return
        }
        switch envelope.message {
        case .learnLifetime(let learn): hold(.learner(learn.lifetime, attempt: learn.attempt), receiver)
        case .carryActors(let carry):
            for actor in carry.actors {
                hold(.carrier(carry.lifetime, actor: actor, incarnation: carry.incarnation), receiver)
            }
        case .evaluationJob(let job):
            hold(.job(job.job, incarnation: job.incarnation), receiver)
            jobs[JobOfNode(node: receiver, job: job.job)] = FinishedJob(evaluation: job.evaluation, task: job.task)
        case .acknowledgement:
            if let report = reports[Request(sender: receiver, number: envelope.request)] { taken.insert(report) }
        default: break
        }
    }

    /// Something has reached somebody.
    func hear(_ bytes: [UInt8], from sender: String, to receiver: String) {
        guard receiver == SimulatedCluster.coordinatorName, [26, 54, 61].contains(bodyNumber(of: bytes)),
            let envelope = try? Envelope(decoding: bytes)
        else { return }
        let request = Request(sender: sender, number: envelope.request)
        switch envelope.message {
        case .distillationFinished(let finished):
            reports[request] = .distillationFinished(checkpoint: finished.checkpoint)
        // A carrier that sends again what was lost need never give a sound stream up.
        case .streamsRefused(let refused) where refused.reason.hasPrefix(RecorderDialogue.nothingTaken):
            violations.append("\(refused.lifetime): \(sender) gave its streams up without a reason: \(refused.reason)")
        case .evaluationResult(let result):
            reports[request] = jobs[JobOfNode(node: sender, job: result.job)].map { .result($0) }
        default: break
        }
    }

    private func hold(_ lease: Lease, _ holder: String) {
        let earlier = holders.updateValue((holder, starts), forKey: lease) ?? (holder, starts)
        if earlier.start != starts {
            violations.append("\(lease) was given out again by a later start of the coordinator")
        } else if earlier.name != holder {
            violations.append("\(lease) was given to \(earlier.name) and to \(holder)")
        }
    }

    /// Every process has died, and what was on its way between them is lost.
    func noteDeathOfAll() { generation += 1 }

    /// Every process has died, and nobody is left who could know one of the leases that were given out.
    func forgetLeases() { holders = [:] }

    /// The catalogue is gone, and with it what was only in there.
    func forgetReports() {
        taken = []
        reports = [:]
    }

    /// Something has reached a recorder.
    func bring(_ rollouts: Rollouts) {
        for header in rollouts.content.headers {
            brought[StreamIdentifier(lifetime: rollouts.content.lifetime, actor: header.actor), default: []].insert(
                Brought(
                    sequence: header.sequence, incarnation: header.incarnation, checksum: header.checksum,
                    length: header.length, generation: generation))
        }
    }

    /// A recorder has opened streams for a node: the node that they were leased to, as far as that is known.
    func recorderSays(_ bytes: [UInt8], to receiver: String) {
        guard bodyNumber(of: bytes) == 41, let envelope = try? Envelope(decoding: bytes),
            case .streamsOpened(let opened) = envelope.message, opened.lifetime.collection == .histories
        else { return }
        for actor in opened.firstActor..<(opened.firstActor + opened.streams.count) {
            let lease = Lease.carrier(opened.lifetime, actor: actor, incarnation: opened.incarnation)
            guard let holder = holders[lease]?.name, holder != receiver else { continue }
            violations.append("\(lease) was opened for \(receiver), and was leased to \(holder)")
        }
    }

    /// A recorder says something.
    func recorderSays(_ bytes: [UInt8]) {
        guard [41, 42].contains(bodyNumber(of: bytes)), let envelope = try? Envelope(decoding: bytes) else { return }
        switch envelope.message {
        case .rolloutsDurable(let durable):
            for stream in durable.streams where stream.state != .quarantined {
                acknowledge(durable.lifetime, stream.actor, stream.incarnation, stream.nextSequence)
            }
        // Where its streams stand lets a carrier forget rollouts, too.
        case .streamsOpened(let opened):
            for (index, stream) in opened.streams.enumerated() where stream.state != .quarantined {
                acknowledge(
                    opened.lifetime, opened.firstActor + index, opened.incarnation, stream.nextSequence)
            }
        default: break
        }
    }

    private func acknowledge(_ lifetime: LifetimeIdentifier, _ actor: Int, _ incarnation: UInt64, _ next: UInt64) {
        let key = Acknowledged(
            stream: StreamIdentifier(lifetime: lifetime, actor: actor), incarnation: incarnation,
            generation: generation)
        acknowledged[key] = max(acknowledged[key] ?? 0, next)
        if firstAcknowledged[key] == nil { firstAcknowledged[key] = next }
    }

    /// What its carriers were told is durable and is not in a file that holds these checksums.
    package func missing(in stream: StreamIdentifier, checksums: [UInt32]) -> [Brought] {
        (brought[stream] ?? []).filter { rollout in
            let key = Acknowledged(stream: stream, incarnation: rollout.incarnation, generation: rollout.generation)
            guard rollout.length > 0, rollout.sequence < acknowledged[key] ?? 0 else { return false }
            return rollout.sequence >= checksums.count || checksums[Int(rollout.sequence)] != rollout.checksum
        }
    }
}

/// The field number of an envelope's body, without decoding it; 0 where there is none.
func bodyNumber(of bytes: [UInt8]) -> Int {
    var position = 0
    while position < bytes.count {
        var tag = 0
        var shift = 0
        repeat {
            guard position < bytes.count, shift < 28 else { return 0 }
            tag |= Int(bytes[position] & 0x7f) << shift
            shift += 7
            position += 1
        } while bytes[position - 1] & 0x80 != 0
        guard tag >> 3 < 10 else { return tag >> 3 }
        while position < bytes.count, bytes[position] & 0x80 != 0 { position += 1 }
        position += 1
    }
    return 0
}
