/// A space whose elements are a few integers, seen component by component: what one-hot inputs, embedding tables and
/// tables of policies are made for. A source algorithm and a distilled model accept the same spaces by it.
///
/// The values of all components are numbered end to end: value v of component i is row `counts[..<i].sum + v` of a
/// table with `rowCount` rows. Whole elements are numbered too, the last component running fastest. In a room of 9 x 9
/// cells the position (3, 5) has the rows 3 and 14 of 18, and is number 3 * 9 + 5 = 32 of 81.
package struct IntegerComponents: Hashable, Sendable {
    /// Largest number of different elements that are numbered.
    package static let largestTable = 65_536
    /// Numbers of an array of bytes that still counts as a few integers; images are larger.
    package static let largestArray = 64

    /// Values that each component can take, from 0.
    package let counts: [Int]
    /// Bytes of an element as it is stored.
    package let byteCount: Int
    /// Number of different elements where it is at most `largestTable`; nil where there are more.
    package let tableSize: Int?
    /// For elements of 32 bits; bytes are read without it.
    @usableFromInline package let space: Space
    /// Whether components are bytes, which all small spaces' are.
    @usableFromInline let isBytes: Bool

    /// Nil for a space that is not made of a few integers from 0.
    ///
    /// A box counts where it is of bytes, has at most `largestArray` numbers and is within 0 to 255; images are too
    /// large.
    package init?(_ space: Space) {
        switch space {
        case .discrete(let count): counts = [count]
        case .multiDiscrete(let counts): self.counts = counts
        case .box(_, let type, let low, let high):
            guard type == .uint8, space.elementCount <= Self.largestArray, low >= 0, high <= 255 else { return nil }
            counts = Array(repeating: Int(high) + 1, count: space.elementCount)
        }
        self.space = space
        isBytes = space.elementType == .uint8
        byteCount = space.byteCount
        var size = 1
        for count in counts where size <= Self.largestTable { size *= count }
        tableSize = size <= Self.largestTable ? size : nil
    }

    /// Rows of a table with one for every value of every component.
    ///
    /// Sum of `counts`.
    package var rowCount: Int { counts.reduce(0, +) }

    /// Writes the components as rows of the table, (components). Returns the element's number (0 when there are too
    /// many to number), or nil when a component is out of range.
    ///
    /// `bytes` need not be aligned. Called for every step of every actor, hence inlinable and without an array.
    @inlinable
    package func read(_ bytes: UnsafeRawPointer, rows: UnsafeMutablePointer<Int32>) -> Int? {
        var number = 0
        var offset = 0
        for index in 0..<counts.count {
            let count = counts[index]
            guard let value = value(at: index, of: bytes) else { return nil }
            rows[index] = Int32(truncatingIfNeeded: offset + value)
            offset += count
            number = number &* count &+ value
        }
        return tableSize == nil ? 0 : number
    }

    /// The element's number, below `tableSize`, or nil when a component is out of range. Where `tableSize` is nil the
    /// result has no meaning: it may have wrapped around.
    ///
    /// The place of the element in a table of policies, such as (observations, actions).
    @inlinable
    package func number(of bytes: UnsafeRawPointer) -> Int? {
        var number = 0
        for index in 0..<counts.count {
            guard let value = value(at: index, of: bytes) else { return nil }
            number = number &* counts[index] &+ value
        }
        return number
    }

    /// Writes the components of the element with a number, as `read` does: (components). `number` must be below
    /// `tableSize`.
    ///
    /// The opposite of `number(of:)`: for tables that are filled for all observations at once.
    package func write(_ number: Int, rows: UnsafeMutablePointer<Int32>) {
        var rest = number
        var offset = rowCount
        for index in counts.indices.reversed() {
            offset -= counts[index]
            rows[index] = Int32(truncatingIfNeeded: offset + rest % counts[index])
            rest /= counts[index]
        }
    }

    /// Component `index` of the element at `bytes`, or nil where it is not in `0..<counts[index]`.
    ///
    /// `load` of 32 bits goes through `Space.integer`, which takes any alignment.
    @inlinable
    @inline(__always)
    func value(at index: Int, of bytes: UnsafeRawPointer) -> Int? {
        let value =
            isBytes ? Int(bytes.load(fromByteOffset: index, as: UInt8.self)) : space.integer(at: index, of: bytes)
        return value >= 0 && value < counts[index] ? value : nil
    }
}
