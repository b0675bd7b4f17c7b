/// One piece of memory for all columns of a batch while it is made: column after column, with room for a number of
/// bytes that is fixed when it is made.
///
/// It belongs to the code that fills it, and is only read once a `RolloutBytes` shows it. The memory is not
/// initialised.
package final class RolloutBlock {
    /// Freed with the block, which the `RolloutBytes` that shows it keeps alive.
    private let memory: UnsafeMutableRawPointer
    /// Where each column begins.
    private let offsets: [Int]

    /// `room`: bytes of each column.
    ///
    /// Columns begin on multiples of 16 bytes; the sum of their rooms is one allocation.
    package init(room: (RolloutColumn) -> Int) {
        var end = 0
        offsets = RolloutColumn.allCases.map { column in
            defer { end += (room(column) + Self.alignment - 1) / Self.alignment * Self.alignment }
            return end
        }
        memory = .allocate(byteCount: max(1, end), alignment: Self.alignment)
    }

    deinit { memory.deallocate() }

    private static let alignment = 16

    /// Where the column begins, aligned to 16 bytes. Its room is not checked.
    package subscript(column: RolloutColumn) -> UnsafeMutableRawPointer { memory + offsets[column.rawValue] }
}

/// The bytes of a batch's columns: made once, then only read and shared, never copied.
///
/// They lie where they came to be: in the block that a collector filled, or in the memory into which a message was
/// decoded. So an actor sends the same bytes to the learner and to the recorder, and keeps them until they are
/// acknowledged. May be read from any thread.
package struct RolloutBytes: @unchecked Sendable {
    /// In the order of `RolloutColumn.allCases`. Not changed while `owner` lives, hence safe to share.
    fileprivate let columns: [UnsafeRawBufferPointer]
    /// A block, or the memory of a message; only its lifetime matters here.
    private let owner: AnyObject

    /// `column` gives each column's bytes, which `owner` keeps, unchanged, for as long as it lives.
    package init(keptBy owner: AnyObject, _ column: (RolloutColumn) -> UnsafeRawBufferPointer) {
        columns = RolloutColumn.allCases.map(column)
        self.owner = owner
    }

    /// Copies the bytes of each column; a column that is not in `bytes` is empty.
    ///
    /// For tests and tools.
    package init(_ bytes: [RolloutColumn: [UInt8]]) {
        let block = RolloutBlock { bytes[$0]?.count ?? 0 }
        for (column, bytes) in bytes {
            bytes.withUnsafeBytes {
                if let base = $0.baseAddress { block[column].copyMemory(from: base, byteCount: $0.count) }
            }
        }
        self.init(keptBy: block) { UnsafeRawBufferPointer(start: block[$0], count: bytes[$0]?.count ?? 0) }
    }

    /// The same bytes in memory of their own: for a batch that would otherwise keep a much larger message alive.
    ///
    /// Takes one allocation and one pass.
    package func copied() -> RolloutBytes {
        let block = RolloutBlock { count(of: $0) }
        for column in RolloutColumn.allCases {
            UnsafeMutableRawBufferPointer(start: block[column], count: count(of: column))
                .copyMemory(from: columns[column.rawValue])
        }
        return RolloutBytes(keptBy: block) { UnsafeRawBufferPointer(start: block[$0], count: count(of: $0)) }
    }

    /// A range of each column, in the memory in which it lies.
    func part(_ range: (RolloutColumn) -> Range<Int>) -> RolloutBytes {
        RolloutBytes(keptBy: owner) { UnsafeRawBufferPointer(rebasing: columns[$0.rawValue][range($0)]) }
    }

    /// Bytes of one column.
    package func count(of column: RolloutColumn) -> Int { columns[column.rawValue].count }
    /// Of all columns: what a queue that holds the batch is charged.
    package var byteCount: Int { columns.reduce(0) { $0 + $1.count } }

    /// The pointers are valid inside the call alone.
    package func withUnsafeColumns<Result>(
        _ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) throws -> Result
    ) rethrows -> Result {
        try withExtendedLifetime(owner) { try columns.withUnsafeBufferPointer(body) }
    }

    /// One column, for encoders that copy it into memory of their own: valid while this value is held.
    ///
    /// For protobuf-c, which packs while the message that holds this value is alive.
    package func unsafeBytes(of column: RolloutColumn) -> UnsafeRawBufferPointer { columns[column.rawValue] }
}

extension RolloutBytes: Equatable {
    /// Compares contents, byte by byte; for tests.
    package static func == (left: RolloutBytes, right: RolloutBytes) -> Bool {
        left.withUnsafeColumns { left in
            right.withUnsafeColumns { right in zip(left, right).allSatisfy { $0.elementsEqual($1) } }
        }
    }
}
