import Experience

/// How an observation of integers becomes rows of the network's first weight, and a number of its own.
struct DiscreteObservation {
    /// Largest number of different observations for which tables are kept.
    static let largestTable = 65_536

    /// Values that each component can take.
    let counts: [Int]
    let byteCount: Int
    /// Number of different observations where it is at most `largestTable`.
    let tableSize: Int?
    private let space: Space
    private let isBytes: Bool

    /// Throws `SourceAlgorithmError` for a space that is not made of integers from 0.
    init(_ space: Space) throws {
        switch space {
        case .discrete(let count): counts = [count]
        case .multiDiscrete(let counts): self.counts = counts
        case .box:
            throw SourceAlgorithmError(
                "the actor-critic sees one-hot integers: expected a discrete or multi-discrete observation space, "
                    + "found an array of \(space.elementType.rawValue) of shape \(space.shape)")
        }
        self.space = space
        isBytes = space.elementType == .uint8
        byteCount = space.byteCount
        var size = 1
        for count in counts where size <= Self.largestTable { size *= count }
        tableSize = size <= Self.largestTable ? size : nil
    }

    /// Writes the components as rows of the first weight. Returns the observation's number (0 when there are too many
    /// to number), or nil when a component is out of range.
    @inline(__always)
    func read(_ bytes: UnsafeRawPointer, components: UnsafeMutablePointer<Int32>) -> Int? {
        var number = 0
        var offset = 0
        for index in 0..<counts.count {
            let count = counts[index]
            guard let value = value(at: index, of: bytes) else { return nil }
            components[index] = Int32(truncatingIfNeeded: offset + value)
            offset += count
            number = number &* count &+ value
        }
        return tableSize == nil ? 0 : number
    }

    /// The observation's number, below `tableSize`, or nil when a component is out of range.
    @inline(__always)
    func number(of bytes: UnsafeRawPointer) -> Int? {
        var number = 0
        for index in 0..<counts.count {
            guard let value = value(at: index, of: bytes) else { return nil }
            number = number &* counts[index] &+ value
        }
        return number
    }

    /// Writes the components of the observation with a number, as `read` does.
    func write(_ number: Int, components: UnsafeMutablePointer<Int32>) {
        var rest = number
        var offset = counts.reduce(0, +)
        for index in counts.indices.reversed() {
            offset -= counts[index]
            components[index] = Int32(truncatingIfNeeded: offset + rest % counts[index])
            rest /= counts[index]
        }
    }

    @inline(__always)
    private func value(at index: Int, of bytes: UnsafeRawPointer) -> Int? {
        let value =
            isBytes ? Int(bytes.load(fromByteOffset: index, as: UInt8.self)) : space.integer(at: index, of: bytes)
        return value >= 0 && value < counts[index] ? value : nil
    }
}

/// Gives observations consecutive slots, equal ones the same slot, in the order in which they first appear.
///
/// A feed-forward network says the same of equal observations, so each needs to be computed once, and the gradients of
/// equal rows may be added before the backward pass instead of after it: exact, and in a small room a twentieth of
/// the work. With `sharesEqual` off, or with too many possible observations for a table, every row has its own slot.
final class ObservationSlots {
    let observation: DiscreteObservation
    private(set) var count = 0
    private let table: GrowingBuffer<Int32>?
    private let numbers = GrowingBuffer<Int32>()
    private let storage = GrowingBuffer<Int32>()
    private var limit = 0

    init(_ observation: DiscreteObservation, sharesEqual: Bool) {
        self.observation = observation
        table = sharesEqual ? observation.tableSize.map { GrowingBuffer(capacity: $0) } : nil
        table?.base.initialize(repeating: -1, count: table?.capacity ?? 0)
    }

    /// Whether equal observations meet in one slot.
    var isShared: Bool { table != nil }

    /// Components of every slot, (count, components).
    var components: UnsafeMutablePointer<Int32> { storage.base }

    /// Forgets all slots and makes room for those of `rows` rows.
    func clear(rows: Int) {
        if let table {
            for slot in 0..<count { table.base[Int(numbers.base[slot])] = -1 }
        }
        count = 0
        limit = min(rows, table?.capacity ?? rows)
        numbers.reserve(limit)
        // One more than there can be slots: every observation is read into the next free place first.
        storage.reserve((limit + 1) * observation.counts.count)
    }

    /// The slot of the observation at `bytes`, or nil when it lies outside its space.
    @inline(__always)
    func slot(of bytes: UnsafeRawPointer) -> Int? {
        let place = storage.base + count * observation.counts.count
        guard let number = observation.read(bytes, components: place) else { return nil }
        if let table {
            let known = table.base[number]
            if known >= 0 { return Int(known) }
            table.base[number] = Int32(truncatingIfNeeded: count)
        }
        precondition(count < limit, "more rows than were announced")
        numbers.base[count] = Int32(truncatingIfNeeded: number)
        count += 1
        return count - 1
    }
}
