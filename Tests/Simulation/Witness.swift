package import Environments
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
    }

    /// What one carrier of a stream was told.
    package struct Acknowledged: Hashable, Sendable {
        package let stream: StreamIdentifier
        package let incarnation: UInt64
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
    /// How often a coordinator was started.
    package internal(set) var starts = 0

    package init() {}

    /// The coordinator gives something out.
    func command(_ bytes: [UInt8], to receiver: String) {
        guard [20, 22, 60].contains(bodyNumber(of: bytes)), let envelope = try? Envelope(decoding: bytes) else {
            return
        }
        switch envelope.message {
        case .learnLifetime(let learn): hold(.learner(learn.lifetime, attempt: learn.attempt), receiver)
        case .carryActors(let carry):
            for actor in carry.actors {
                hold(.carrier(carry.lifetime, actor: actor, incarnation: carry.incarnation), receiver)
            }
        case .evaluationJob(let job): hold(.job(job.job, incarnation: job.incarnation), receiver)
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

    /// Something has reached a recorder.
    func bring(_ rollouts: Rollouts) {
        for header in rollouts.content.headers {
            brought[StreamIdentifier(lifetime: rollouts.content.lifetime, actor: header.actor), default: []].insert(
                Brought(
                    sequence: header.sequence, incarnation: header.incarnation, checksum: header.checksum,
                    length: header.length))
        }
    }

    /// A recorder says something.
    func recorderSays(_ bytes: [UInt8]) {
        guard bodyNumber(of: bytes) == 42, let envelope = try? Envelope(decoding: bytes),
            case .rolloutsDurable(let durable) = envelope.message
        else { return }
        for stream in durable.streams where stream.state != .quarantined {
            let key = Acknowledged(
                stream: StreamIdentifier(lifetime: durable.lifetime, actor: stream.actor),
                incarnation: stream.incarnation)
            acknowledged[key] = max(acknowledged[key] ?? 0, stream.nextSequence)
        }
    }

    /// What its carriers were told is durable and is not in a file that holds these checksums.
    package func missing(in stream: StreamIdentifier, checksums: [UInt32]) -> [Brought] {
        (brought[stream] ?? []).filter { rollout in
            let key = Acknowledged(stream: stream, incarnation: rollout.incarnation)
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
