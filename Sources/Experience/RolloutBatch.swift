/// Rollouts of several actors of one lifetime, column by column: the unit that travels and that is learnt from.
///
/// Row n of a column belongs to the rollout whose rows begin at the sum of the lengths before it; an element of a
/// column of episodes to the rollout in which the episode ended. What came from outside is not to be trusted before
/// `checked`.
///
/// Copies share the columns' bytes. Equal batches have equal headers and bytes, wherever those lie in memory.
package struct RolloutBatch: Sendable, Equatable {
    /// All rollouts of a batch are of one lifetime.
    package var lifetime: LifetimeIdentifier
    /// In the order of their rows. An actor may have several.
    package var headers: [RolloutHeader]
    /// (N, width) of each column of rows, with N the sum of all lengths; (E, width) of each column of episodes, with E
    /// the sum of all finished episodes.
    package var bytes: RolloutBytes

    /// Whether sizes fit the headers is for `checked` to find.
    package init(lifetime: LifetimeIdentifier, headers: [RolloutHeader], bytes: RolloutBytes) {
        self.lifetime = lifetime
        self.headers = headers
        self.bytes = bytes
    }

    /// Rows of all rollouts together.
    package var rowCount: Int { headers.reduce(0) { $0 + $1.length } }
    /// Elements that a column has by the headers.
    ///
    /// Wraps around or is absurd where a header is: compare it with the bytes before using it.
    func count(of column: RolloutColumn) -> Int {
        column.isOfEpisodes ? headers.reduce(0) { $0 + $1.finishedEpisodes } : rowCount
    }
}

/// The rows of one rollout inside its batch: a slice of every column, nothing copied. Valid only inside the call that
/// lends it.
package struct RolloutRows {
    package let length: Int
    package let finishedEpisodes: Int
    private let columns: UnsafeBufferPointer<UnsafeRawBufferPointer>
    private let layout: RolloutLayout
    /// Rows of the batch that are this rollout's.
    private let rows: Range<Int>
    /// Final observations of the batch, which are this rollout's.
    private let episodes: Range<Int>

    /// Lent by `RolloutBatch.forEachRollout`.
    fileprivate init(
        _ header: RolloutHeader, _ columns: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ layout: RolloutLayout,
        rows: Range<Int>, episodes: Range<Int>
    ) {
        length = header.length
        finishedEpisodes = header.finishedEpisodes
        self.columns = columns
        self.layout = layout
        self.rows = rows
        self.episodes = episodes
    }

    /// The column's bytes of this rollout, not aligned: (length, width), or (finished episodes, width).
    package subscript(column: RolloutColumn) -> UnsafeRawBufferPointer {
        columns[column.rawValue].elements(
            column.isOfEpisodes ? episodes : rows, width: layout.width(of: column))
    }

    /// CRC-32C over the columns in the order of `RolloutColumn`, computed by each call: what a header's `checksum` has
    /// to be.
    package var checksum: UInt32 {
        var crc = CRC32C()
        for column in RolloutColumn.allCases { crc.update(self[column]) }
        return crc.value
    }

    /// Rows with a flag, counted by each call. A rollout that was not checked may announce another number.
    package var episodeEnds: Int {
        let (terminations, truncations) = (self[.terminations], self[.truncations])
        var ends = 0
        for row in 0..<min(terminations.count, truncations.count) {
            ends &+= terminations[row] | truncations[row] == 0 ? 0 : 1
        }
        return ends
    }

    /// The last row has a flag.
    package var endsEpisode: Bool {
        length > 0 && (self[.terminations].last ?? 0) | (self[.truncations].last ?? 0) != 0
    }
}

extension RolloutBatch {
    /// Calls `body` with each rollout's header and rows, in order. Where a column is shorter than the headers say, a
    /// rollout gets what is there of it, or nothing: `checked` refuses such a batch.
    ///
    /// Ranges are clamped to what is there, so that no header can make a slice reach beyond its column.
    package func forEachRollout(
        _ layout: RolloutLayout, _ body: (RolloutHeader, RolloutRows) throws -> Void
    ) rethrows {
        try bytes.withUnsafeColumns { columns in
            var row = 0
            var episode = 0
            for header in headers {
                let end = max(row, row &+ header.length)
                let lastEpisode = max(episode, episode &+ header.finishedEpisodes)
                try body(
                    header,
                    RolloutRows(header, columns, layout, rows: row..<end, episodes: episode..<lastEpisode))
                row = end
                episode = lastEpisode
            }
        }
    }

    /// Some of its rollouts, by their places in `headers`, with the same bytes: nothing is copied. The columns must be as
    /// long as the headers say.
    package func rollouts(_ range: Range<Int>, _ layout: RolloutLayout) -> RolloutBatch {
        let before = RolloutBatch(lifetime: lifetime, headers: Array(headers[..<range.lowerBound]), bytes: bytes)
        var part = RolloutBatch(lifetime: lifetime, headers: Array(headers[range]), bytes: bytes)
        part.bytes = bytes.part { column in
            let (first, count) = (before.count(of: column), part.count(of: column))
            let width = layout.width(of: column)
            return (first * width)..<((first + count) * width)
        }
        return part
    }

    /// Fills in every header's checksum: the last step of making a batch, after which it may be sent.
    ///
    /// One pass over all bytes. The rows must not change afterwards.
    package mutating func seal(_ layout: RolloutLayout) {
        var checksums: [UInt32] = []
        checksums.reserveCapacity(headers.count)
        forEachRollout(layout) { checksums.append($1.checksum) }
        for index in headers.indices { headers[index].checksum = checksums[index] }
    }
}

extension UnsafeRawBufferPointer {
    /// Those of the elements in `range` that are there, each `width` bytes.
    fileprivate func elements(_ range: Range<Int>, width: Int) -> UnsafeRawBufferPointer {
        let there = range.clamped(to: 0..<(width > 0 ? count / width : 0))
        return UnsafeRawBufferPointer(rebasing: self[(there.lowerBound * width)..<(there.upperBound * width)])
    }
}
