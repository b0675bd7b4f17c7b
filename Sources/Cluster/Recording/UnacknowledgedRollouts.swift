package import Environments
import Wire

/// What one sender has given to the recorder and the recorder has not yet called durable: go-back-N.
package struct UnacknowledgedRollouts {
    private struct Batch {
        let bytes: [UInt8]
        /// The sequence behind the batch's rollout, of each recorded actor in it.
        let ends: [(actor: Int, next: UInt64)]
    }

    private var batches: [Batch] = []
    private var durable: [Int: UInt64] = [:]
    /// Actors whose streams nobody records any more.
    private var ignored: Set<Int> = []
    package private(set) var byteCount = 0

    package init() {}

    package var isEmpty: Bool { batches.isEmpty }

    package mutating func append(_ bytes: [UInt8], _ headers: [RolloutHeader], recordedActors: Int) {
        let ends = headers.filter { $0.actor < recordedActors && !ignored.contains($0.actor) }
            .map { (actor: $0.actor, next: $0.sequence + 1) }
        guard !ends.isEmpty else { return }
        batches.append(Batch(bytes: bytes, ends: ends))
        byteCount += bytes.count
    }

    /// What was called durable of `actor`: everything before it.
    package func durableSequence(of actor: Int) -> UInt64 { durable[actor] ?? 0 }

    package func isIgnored(_ actor: Int) -> Bool { ignored.contains(actor) }

    /// Nothing of `actor` is waited for any more. Call `drop` after a round of it.
    package mutating func ignore(actor: Int) { ignored.insert(actor) }

    /// Everything of `actor` before `next` is on disk.
    package mutating func acknowledge(actor: Int, next: UInt64) { durable[actor] = max(next, durable[actor] ?? 0) }

    /// Every stream of `actors` is on disk up to this sequence, as far as has been said.
    package func durableSequence(of actors: Range<Int>) -> UInt64 {
        actors.lazy.filter { !isIgnored($0) }.map { durableSequence(of: $0) }.min() ?? .max
    }

    /// Drops the batches that are durable as a whole. Call after a round of `acknowledge`.
    package mutating func drop() {
        var dropped = 0
        for batch in batches {
            let isDurable = batch.ends.allSatisfy { $0.next <= durable[$0.actor] ?? 0 || ignored.contains($0.actor) }
            guard isDurable else { break }
            dropped += 1
            byteCount -= batch.bytes.count
        }
        batches.removeFirst(dropped)
    }

    /// Everything again, in order: the recorder drops what it has.
    package func resend(to address: Address, outbox: inout Outbox) {
        for batch in batches { outbox.send(batch.bytes, to: [address]) }
    }
}
