import Glibc

/// Numbers that only grow at their end, or are cut there: a column of a stream in memory.
///
/// Room is made half as much again at a time, so that appending costs what is appended; long columns are moved by the
/// system without a copy. `start` is valid until the next `append` or `fit`.
struct GrowingColumn<Element: BitwiseCopyable>: ~Copyable {
    /// Of `count` elements.
    private(set) var start: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var capacity: Int

    private static var leastCapacity: Int { 16 }

    /// Empty.
    init() {
        capacity = Self.leastCapacity
        start = .allocate(capacity: capacity)
    }

    deinit { free(start) }

    /// What it takes in memory.
    var byteCount: Int { capacity * MemoryLayout<Element>.stride }

    /// The bytes of whole elements.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        let added = bytes.count / MemoryLayout<Element>.stride
        guard added > 0, let source = bytes.baseAddress else { return }
        reserve(count + added)
        UnsafeMutableRawPointer(start + count).copyMemory(from: source, byteCount: bytes.count)
        count += added
    }

    mutating func append(_ element: Element) {
        reserve(count + 1)
        (start + count).initialize(to: element)
        count += 1
    }

    /// Forgets what lies behind the first `kept` elements.
    mutating func cut(to kept: Int) { count = min(count, kept) }

    /// Gives back the room that is not used: nothing more will come.
    mutating func fit() { resize(max(count, 1)) }

    private mutating func reserve(_ needed: Int) {
        if needed > capacity { resize(max(needed, capacity + capacity / 2)) }
    }

    private mutating func resize(_ wanted: Int) {
        guard wanted != capacity else { return }
        guard let moved = realloc(start, wanted * MemoryLayout<Element>.stride) else {
            preconditionFailure("no memory for \(wanted) rows of a stream")
        }
        start = moved.assumingMemoryBound(to: Element.self)
        capacity = wanted
    }
}
