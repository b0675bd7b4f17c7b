package import Experience
import Histories
package import Nodes

/// What one sender has for the recorder and the recorder has not yet called durable: go-back-N, as in a data link
/// protocol whose receiver takes frames in order only.
///
/// A batch is one message with a rollout of each of several streams; it is durable when each of them is. Batches
/// are dropped from the front, in order. An example with three batches of actors 0 and 1, sequences 0 to 2: after
/// `acknowledge(actor: 0, next: 3)` `drop` drops nothing; after `acknowledge(actor: 1, next: 2)`, too, it drops
/// two.
///
/// Only so many batches are on their way at a time. Were all sent, a recorder that is started again would get
/// everything that came together meanwhile at once, more than the queues between us hold; it would ask again for
/// what they drop, and would get everything again.
package struct UnacknowledgedRollouts {
    /// Batches on their way: as many as a stream's writer takes, which is more than makes it flush, so that no
    /// carrier waits for the writer's timer.
    package static let window = StreamWriter.largestFlushRollouts
    /// Bytes on their way, beyond which only `fewestBatches` are.
    package static let windowBytes = 4 << 20
    /// Batches that may be on their way whatever their size: an observation may be so large that `windowBytes` hold
    /// only a few.
    package static let fewestBatches = 16

    /// Its bytes are let go of as soon as it is dropped, before its place in the array is.
    private struct Batch {
        var bytes: [UInt8]
        /// The sequence behind the batch's rollout, of each recorded actor in it.
        let ends: [(actor: Int, next: UInt64)]
    }

    /// The batches in the order in which they were made; those before `first` were dropped and their bytes let go of.
    private var batches: [Batch] = []
    /// Index of the first batch that is not durable.
    private var first = 0
    /// Batches from `first` on that are on their way, and their bytes.
    private var underway = 0
    private var underwayBytes = 0
    /// The sequence before which everything is on disk, by actor.
    private var durable: [Int: UInt64] = [:]
    /// Actors whose streams no recorder takes any more.
    private var ignored: Set<Int> = []
    /// Bytes of all batches that are kept: what counts towards `cluster.unacknowledged_bytes`.
    package private(set) var byteCount = 0

    package init() {}

    /// Everything that was appended is durable, or is waited for no more.
    package var isEmpty: Bool { first == batches.count }

    /// Keeps a batch until its rollouts are durable. Rollouts of actors from `recordedActors` on are not recorded and
    /// do not count; a batch in which none counts is not kept, and the answer is false.
    ///
    /// - Returns: whether the batch may be sent at once; otherwise `send` does it later.
    package mutating func append(
        _ bytes: [UInt8], _ headers: [RolloutHeader], recordedActors: Int, mayBeSent: Bool
    ) -> Bool {
        let ends = headers.filter { $0.actor < recordedActors && !ignored.contains($0.actor) }
            .map { (actor: $0.actor, next: $0.sequence + 1) }
        guard !ends.isEmpty else { return false }
        batches.append(Batch(bytes: bytes, ends: ends))
        byteCount += bytes.count
        guard mayBeSent, first + underway == batches.count - 1, hasRoom else { return false }
        underway += 1
        underwayBytes += bytes.count
        return true
    }

    /// Whether another batch may be on its way.
    package var hasRoom: Bool {
        underway < Self.fewestBatches || (underway < Self.window && underwayBytes < Self.windowBytes)
    }

    /// What was called durable of `actor`: everything before it.
    package func durableSequence(of actor: Int) -> UInt64 { durable[actor] ?? 0 }

    /// Whether the actor's stream is quarantined.
    package func isIgnored(_ actor: Int) -> Bool { ignored.contains(actor) }

    /// Nothing of `actor` is waited for any more. Call `drop` after a round of it.
    package mutating func ignore(actor: Int) { ignored.insert(actor) }

    /// Everything of `actor` before `next` is on disk.
    package mutating func acknowledge(actor: Int, next: UInt64) { durable[actor] = max(next, durable[actor] ?? 0) }

    /// Every stream of `actors` is on disk up to this sequence, as far as has been said.
    package func durableSequence(of actors: Range<Int>) -> UInt64 {
        actors.lazy.filter { !isIgnored($0) }.map { durableSequence(of: $0) }.min() ?? .max
    }

    /// Whether something of these actors is not durable yet.
    package func waits(forAny actors: Set<Int>) -> Bool {
        batches[first...].contains { batch in
            batch.ends.contains {
                actors.contains($0.actor) && $0.next > durable[$0.actor] ?? 0 && !isIgnored($0.actor)
            }
        }
    }

    /// Drops the batches that are durable as a whole. Call after a round of `acknowledge`.
    /// - Returns: whether there were any.
    @discardableResult
    package mutating func drop() -> Bool {
        let old = first
        while first < batches.count {
            let batch = batches[first]
            let isDurable = batch.ends.allSatisfy { $0.next <= durable[$0.actor] ?? 0 || ignored.contains($0.actor) }
            guard isDurable else { break }
            byteCount -= batch.bytes.count
            if first - old < underway { underwayBytes -= batch.bytes.count }
            batches[first].bytes = []
            first += 1
        }
        if first - old >= underway {
            rewind()
        } else {
            underway -= first - old
        }
        let isNews = first > old
        // What is durable is let go of now and then, not each time.
        if first == batches.count || (first >= 64 && 2 * first >= batches.count) {
            batches.removeFirst(first)
            first = 0
        }
        return isNews
    }

    /// What was on its way is taken for lost: it is sent again, in order. The recorder drops what it has.
    package mutating func rewind() {
        underway = 0
        underwayBytes = 0
    }

    /// Sends the batches that follow what is on its way, in their order, as long as the window has room.
    package mutating func send(to address: Address, outbox: inout Outbox) {
        while first + underway < batches.count, hasRoom {
            let bytes = batches[first + underway].bytes
            outbox.send(bytes, to: [address])
            underway += 1
            underwayBytes += bytes.count
        }
    }
}
