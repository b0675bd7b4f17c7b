/// What is wrong with rollouts from outside, in one sentence: lifetime, actor, sequence, what was expected and what
/// came.
package struct RolloutError: Error, CustomStringConvertible, Sendable {
    /// Fit to be sent back to the peer in a `Failure`.
    package let description: String
    /// One sentence without a full stop.
    init(_ description: String) { self.description = description }
}

/// Rollouts that were checked against the spaces of their environment. Only `RolloutBatch.checked` makes one, and what
/// it was made of never changes: no code of this process needs to check it again.
///
/// Code behind the check may index by a header's lengths and cast elements without looking at them.
package struct CheckedRollouts: Sendable {
    /// What was checked; its bytes cannot change any more.
    package let batch: RolloutBatch
    /// What it was checked against.
    package let layout: RolloutLayout

    /// Only after all checks.
    fileprivate init(_ batch: RolloutBatch, _ layout: RolloutLayout) {
        self.batch = batch
        self.layout = layout
    }

    /// Calls `body` with each rollout, in order.
    ///
    /// Rows are slices of the batch's columns: nothing is copied. Throws what `body` throws.
    package func forEach(_ body: (CheckedRollout) throws -> Void) rethrows {
        try batch.forEachRollout(layout) { try body(CheckedRollout(header: $0, rows: $1, layout: layout)) }
    }
}

/// One rollout of `CheckedRollouts`; valid only inside the call that lends it.
package struct CheckedRollout {
    /// Consistent with `rows`: lengths, flags and checksum were compared.
    package private(set) var header: RolloutHeader
    package let rows: RolloutRows
    /// What the rows were checked against; a stream's writer compares it with its own.
    package let layout: RolloutLayout

    /// Lent by `CheckedRollouts.forEach`.
    fileprivate init(header: RolloutHeader, rows: RolloutRows, layout: RolloutLayout) {
        self.header = header
        self.rows = rows
        self.layout = layout
    }

    /// The same rows under another incarnation: the recorder writes what is lived again under that of the file, 0. The
    /// checksum still holds, because it covers the rows and not the header.
    package func with(incarnation: UInt64) -> CheckedRollout {
        var other = self
        other.header.incarnation = incarnation
        return other
    }
}

extension RolloutBatch {
    /// Checks rollouts from outside against the environment that they claim to come from: sizes, flags, spaces,
    /// numbers, checksums. Throws `RolloutError` that names the first actor at fault and the element.
    ///
    /// One pass over all bytes; it does not look at how sequences follow one another, which is for the receiver of a
    /// stream.
    ///
    /// - Parameter actors: the number of the lifetime's actors, which every header's actor must be below.
    ///
    /// The layout is that of the lifetime's environment, which the receiver knows by itself: a peer cannot choose what
    /// it is checked against.
    package func checked(against layout: RolloutLayout, actors: Int) throws -> CheckedRollouts {
        for column in RolloutColumn.allCases {
            let (found, elements) = (bytes.count(of: column), count(of: column))
            // With this many bytes the product cannot overflow, however large a header's numbers are.
            guard elements <= found, elements * layout.width(of: column) == found else {
                throw RolloutError(
                    "\(lifetime): \(found) bytes of \(column.name); expected \(elements) of \(layout.width(of: column))"
                )
            }
        }
        try forEachRollout(layout) { header, rows in
            guard let problem = rows.problem(header, layout, actors: actors) else { return }
            throw RolloutError("\(lifetime) actor \(header.actor) rollout \(header.sequence): \(problem)")
        }
        return CheckedRollouts(self, layout)
    }
}

extension RolloutRows {
    /// What is wrong with the rollout; nil where nothing is.
    ///
    /// The order of checks is that of their cost, the checksum last.
    fileprivate func problem(_ header: RolloutHeader, _ layout: RolloutLayout, actors: Int) -> String? {
        guard header.actor < actors else { return "there are only \(actors) actors" }
        guard header.length > 0 || header.isLast else { return "it is empty" }
        var crc = CRC32C()
        for column in RolloutColumn.allCases {
            let bytes = self[column]
            let space = layout.space(of: column)
            if let index = space.firstOutside(bytes) {
                return "element \(index) of \(column.name) is outside of \(space)"
            }
            crc.update(bytes)
        }
        guard episodeEnds == finishedEpisodes else {
            return "\(episodeEnds) flags end an episode, but it announces \(finishedEpisodes)"
        }
        return crc.value == header.checksum ? nil : "its checksum does not hold"
    }
}
