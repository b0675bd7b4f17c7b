import Experience

/// Gives observations consecutive slots, equal ones the same slot, in the order in which they first appear.
///
/// A feed-forward network says the same of equal observations, so each needs to be computed once, and the gradients of
/// equal rows may be added before the backward pass instead of after it: exact, and in a small room a twentieth of the
/// work. With `sharesEqual` off, or with too many possible observations for a table, every row has its own slot.
///
/// For example the cells 40, 41, 40, 31 get the slots 0, 1, 0, 2, and the network computes three rows.
final class ObservationSlots {
    /// How an observation is taken apart and numbered.
    let observation: IntegerComponents
    /// Slots that are taken since `clear`.
    private(set) var count = 0
    /// (`tableSize`): the slot of each observation, or -1; nil where slots are not shared.
    private let table: GrowingBuffer<Int32>?
    /// (count): the observation's number in each slot, so that `clear` need not go through the whole table.
    private let numbers = GrowingBuffer<Int32>()
    /// (count + 1, components): see `components`.
    private let storage = GrowingBuffer<Int32>()
    private var limit = 0

    init(_ observation: IntegerComponents, sharesEqual: Bool) {
        self.observation = observation
        table = sharesEqual ? observation.tableSize.map { GrowingBuffer(capacity: $0) } : nil
        table?.base.initialize(repeating: -1, count: table?.capacity ?? 0)
    }

    /// Whether equal observations meet in one slot.
    var isShared: Bool { table != nil }

    /// Components of every slot, (count, components).
    var components: UnsafeMutablePointer<Int32> { storage.base }

    /// The number of the observation in a slot; without a meaning where observations are too many to be numbered.
    func number(of slot: Int) -> Int { Int(numbers.base[slot]) }

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

    /// The slot of the observation at `bytes`, or nil when it lies outside its space. Traps beyond the rows that
    /// `clear` announced.
    @inline(__always)
    func slot(of bytes: UnsafeRawPointer) -> Int? {
        let place = storage.base + count * observation.counts.count
        guard let number = observation.read(bytes, rows: place) else { return nil }
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
