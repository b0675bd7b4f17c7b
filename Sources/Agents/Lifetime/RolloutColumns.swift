import Experience

/// Memory for the rows of the streams of one process while a rollout is under way: (streams, length) of each column.
///
/// Each row is copied once, from the step of all streams into the block that becomes the batch.
final class RolloutColumns {
    /// Rows and final observations of each stream so far.
    private(set) var lengths: [Int]
    private(set) var finals: [Int]

    private let streams: Int
    private let layout: RolloutLayout
    /// What the environments show and get in one step: (streams, width) of each column of rows.
    private let step: RolloutBlock
    /// (streams, `stride`, width) of each column, with gaps behind streams that have fewer rows.
    private var block: RolloutBlock
    /// Rows that each stream has room for.
    private var stride = 0

    init(streams: Int, layout: RolloutLayout) {
        self.streams = streams
        self.layout = layout
        step = RolloutBlock { streams * layout.width(of: $0) }
        block = RolloutBlock { _ in 0 }
        lengths = Array(repeating: 0, count: streams)
        finals = lengths
    }

    /// A column of the present step: (streams, width).
    func present(_ column: RolloutColumn) -> UnsafeMutableRawPointer { step[column] }

    /// The same of one stream.
    func present(_ column: RolloutColumn, of index: Int) -> UnsafeMutableRawPointer {
        step[column] + index * layout.width(of: column)
    }

    /// Begins rollouts of at most `length` rows.
    func clear(length: Int) {
        stride = length
        for index in 0..<streams {
            lengths[index] = 0
            finals[index] = 0
        }
        block = RolloutBlock { streams * length * layout.width(of: $0) }
    }

    /// Appends the present step of every stream for which `isRecorded` holds to its rows. At most as many steps as
    /// `clear` said: the room is not checked.
    func append(_ isRecorded: (Int) -> Bool) {
        for column in RolloutColumn.ofRows {
            let (source, target, width) = (step[column], block[column], layout.width(of: column))
            for index in 0..<streams where isRecorded(index) {
                let row = index * stride + lengths[index]
                copyElement(from: source + index * width, to: target + row * width, width: width)
            }
        }
        for index in 0..<streams where isRecorded(index) { lengths[index] += 1 }
    }

    /// Room for the final observation of the episode that has just ended in stream `index`.
    func appendFinal(_ index: Int) -> UnsafeMutableRawPointer {
        let element = index * stride + finals[index]
        finals[index] += 1
        return block[.finalObservations] + element * layout.width(of: .finalObservations)
    }

    /// The rows as one batch with their checksums; streams without a row and without a header leave nothing. What was
    /// appended is the batch's from now on: `clear` begins anew.
    func makeBatch(lifetime: LifetimeIdentifier, headers: [RolloutHeader]) -> RolloutBatch {
        let block = block
        let bytes = RolloutBytes(keptBy: block) { column in
            UnsafeRawBufferPointer(start: block[column], count: closeGaps(column))
        }
        var batch = RolloutBatch(lifetime: lifetime, headers: headers, bytes: bytes)
        batch.seal(layout)
        return batch
    }

    /// Moves the elements of all streams together. Nothing is moved where every stream has filled its room. Gives the
    /// bytes that are left.
    private func closeGaps(_ column: RolloutColumn) -> Int {
        let (start, width) = (block[column], layout.width(of: column))
        let counts = column.isOfEpisodes ? finals : lengths
        var end = 0
        for index in 0..<streams {
            let place = index * stride * width
            if place != end { (start + end).copyMemory(from: start + place, byteCount: counts[index] * width) }
            end += counts[index] * width
        }
        return end
    }
}

/// Most elements are a byte, two or four: a call of memcpy would take longer than the copy.
@inline(__always)
private func copyElement(from source: UnsafeMutableRawPointer, to target: UnsafeMutableRawPointer, width: Int) {
    switch width {
    case 1: target.storeBytes(of: source.load(as: UInt8.self), as: UInt8.self)
    case 2: target.storeBytes(of: source.loadUnaligned(as: UInt16.self), as: UInt16.self)
    case 4: target.storeBytes(of: source.loadUnaligned(as: UInt32.self), as: UInt32.self)
    default: target.copyMemory(from: source, byteCount: width)
    }
}
