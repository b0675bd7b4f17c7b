import Experience

/// Which streams count for one distillation; the same store serves several.
package struct StreamSelection: Sendable, Equatable {
    /// Ids of the tasks whose streams count; nil for all.
    package var tasks: Set<Int>?
    /// How many of a lifetime's streams count, the first ones by name; nil for all.
    package var streamsPerLifetime: Int?
    /// Streams that still grow do not count: the last part of their learning, or where it ends, is not known.
    package var isSealedOnly: Bool

    /// `tasks`: ids of those that there are to choose from, the first of which count where the settings say so.
    package init(_ settings: WindowSettings, tasks: [Int]) {
        self.tasks = settings.tasks.map { Set(tasks.sorted().prefix($0)) }
        streamsPerLifetime = settings.maximumStreamsPerLifetime
        isSealedOnly = settings.lastShare < 1 || settings.expertShare != nil
    }

    /// All streams.
    package init() {
        tasks = nil
        streamsPerLifetime = nil
        isSealedOnly = false
    }

    /// The streams that count, in order.
    func chosen(from streams: [StoredStream]) -> [StoredStream] {
        var seen: [LifetimeIdentifier: Int] = [:]
        return streams.filter { stream in
            guard tasks?.contains(stream.lifetime.task) ?? true else { return false }
            if let streamsPerLifetime {
                guard seen[stream.lifetime, default: 0] < streamsPerLifetime else { return false }
                seen[stream.lifetime, default: 0] += 1
            }
            return stream.isSealed || !isSealedOnly
        }
    }

    /// What has to be read for both.
    func union(_ other: StreamSelection) -> StreamSelection {
        var union = StreamSelection()
        if let tasks, let more = other.tasks { union.tasks = tasks.union(more) }
        if let streamsPerLifetime, let more = other.streamsPerLifetime {
            union.streamsPerLifetime = max(streamsPerLifetime, more)
        }
        return union
    }
}
