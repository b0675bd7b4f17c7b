import Experience

/// Streams that the recorder has to do something with, in the order in which it is due: none is overtaken for ever.
///
/// What has been done meanwhile stays in the lists and is passed over when its turn comes.
///
/// Three queues, each touched a constant number of times for each stream: a recorder has thousands of open streams,
/// and no turn of its work may look at all of them.
struct PendingStreams {
    /// Streams with rollouts in memory, with the moment since which they have some; the one that has waited longest is
    /// first.
    private var waiting = Line<(stream: StreamIdentifier, since: UInt64)>()
    /// Streams with so many rollouts in memory that they are flushed without waiting.
    private var full = Line<StreamIdentifier>()
    /// Streams that have ended and wait to be sealed.
    private var ended = Line<StreamIdentifier>()

    /// The stream has its first rollout in memory.
    mutating func await(_ stream: StreamIdentifier, since moment: UInt64) { waiting.append((stream, moment)) }
    /// So much of the stream is in memory that it is to be flushed without waiting.
    mutating func fill(_ stream: StreamIdentifier) { full.append(stream) }
    /// The stream has ended and is to be sealed.
    mutating func end(_ stream: StreamIdentifier) { ended.append(stream) }
    /// Streams to be sealed, at most: some may be quarantined since.
    var endedCount: Int { ended.count }

    /// The next one that `isDue` says is to be flushed, which takes it out. `ripe`: those since then have waited long
    /// enough.
    mutating func nextToFlush(
        ripe: UInt64, isDue: (StreamIdentifier) -> Bool
    ) -> StreamIdentifier? {
        while let (stream, since) = waiting.first, since <= ripe {
            _ = waiting.popFirst()
            if isDue(stream) { return stream }
        }
        while let stream = full.popFirst() {
            if isDue(stream) { return stream }
        }
        return nil
    }

    /// The next one to be sealed, which takes it out.
    mutating func nextToSeal() -> StreamIdentifier? { ended.popFirst() }
}
