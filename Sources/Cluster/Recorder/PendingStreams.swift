import Environments

/// Streams that the recorder has to do something with, in the order in which it is due: none is overtaken for ever.
///
/// What has been done meanwhile stays in the lists and is passed over when its turn comes.
struct PendingStreams {
    /// First in, first out.
    private struct Line<Element> {
        private var elements: [Element] = []
        private var next = 0

        var count: Int { elements.count - next }
        var first: Element? { next < elements.count ? elements[next] : nil }

        mutating func append(_ element: Element) { elements.append(element) }

        mutating func removeFirst() {
            next += 1
            // What was given out is let go of now and then, not each time.
            guard next >= 64, 2 * next >= elements.count else { return }
            elements.removeFirst(next)
            next = 0
        }
    }

    /// With rollouts in memory, the oldest first, and since when.
    private var waiting = Line<(stream: StreamIdentifier, since: UInt64)>()
    /// With enough of them that they need not wait.
    private var full = Line<StreamIdentifier>()
    /// To be sealed.
    private var ended = Line<StreamIdentifier>()

    /// The stream has its first rollout in memory.
    mutating func await(_ stream: StreamIdentifier, since moment: UInt64) { waiting.append((stream, moment)) }
    mutating func fill(_ stream: StreamIdentifier) { full.append(stream) }
    mutating func end(_ stream: StreamIdentifier) { ended.append(stream) }
    /// Streams to be sealed, at most: some may be quarantined since.
    var endedCount: Int { ended.count }

    /// The next one that `isDue` says is to be flushed, which takes it out. `ripe`: those since then have waited long
    /// enough.
    mutating func nextToFlush(
        ripe: UInt64, isDue: (_ stream: StreamIdentifier, _ since: UInt64?) -> Bool
    ) -> StreamIdentifier? {
        while let (stream, since) = waiting.first, since <= ripe {
            waiting.removeFirst()
            if isDue(stream, since) { return stream }
        }
        while let stream = full.first {
            full.removeFirst()
            if isDue(stream, nil) { return stream }
        }
        return nil
    }

    /// The next one to be sealed, which takes it out.
    mutating func nextToSeal() -> StreamIdentifier? {
        guard let stream = ended.first else { return nil }
        ended.removeFirst()
        return stream
    }
}
