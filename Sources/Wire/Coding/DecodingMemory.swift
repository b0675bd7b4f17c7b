import CProtobufC

/// The memory that one message is decoded into. It is freed as a whole, when the last value goes that shows a part of
/// it.
///
/// It is bounded: a few bytes on the wire, an empty part of a repeated field for example, become a structure of many,
/// and without a bound a message of an accepted length could take a hundred times its size.
///
/// Used by one thread while a message is decoded, and not changed afterwards.
final class DecodingMemory {
    /// Memory that every message may take, however short it is; 65,536 rollouts' numbers fit.
    ///
    /// 8 MiB.
    private static let baseBytes = 8 << 20
    /// Beside the message's length, what the first piece holds: enough for the structures of most messages.
    ///
    /// 2 KiB.
    private static let structureBytes = 2 << 10
    /// 16 KiB, the size of each further piece unless one structure needs more.
    private static let pieceBytes = 16 << 10
    /// As a structure of the C compiler may need at most.
    private static let alignment = 16

    /// 8 MiB and twice the message's length.
    let limitBytes: Int
    /// The limit was met: decoding failed for lack of memory, not because of malformed bytes.
    private(set) var isExhausted = false
    /// Bytes that the decoder has asked for; never falls.
    private(set) var takenBytes = 0
    /// From the system; of the last one `next` to `end` is free.
    private var pieces: [UnsafeMutableRawPointer] = []
    /// Where the free part of the last piece begins, in bytes.
    private var next = 0
    /// Where the last piece ends, in bytes.
    private var end: Int

    /// The first piece holds the message's content once and its structures, so that most messages need one allocation.
    init(messageBytes: Int) {
        limitBytes = Self.baseBytes + 2 * messageBytes
        end = messageBytes + Self.structureBytes
        pieces.append(.allocate(byteCount: end, alignment: Self.alignment))
    }

    deinit { for piece in pieces { piece.deallocate() } }

    /// Valid while this object is alive. What is freed singly stays until all is.
    ///
    /// `free` does nothing, because protobuf-c frees a message's parts one by one and this memory goes as a whole.
    var allocator: ProtobufCAllocator {
        ProtobufCAllocator(
            alloc: { owner, size in
                guard let owner else { return nil }
                return Unmanaged<DecodingMemory>.fromOpaque(owner).takeUnretainedValue().take(size)
            }, free: { _, _ in }, allocator_data: Unmanaged.passUnretained(self).toOpaque())
    }

    /// Nil makes protobuf-c give the message up.
    private func take(_ size: Int) -> UnsafeMutableRawPointer? {
        guard size >= 0, size <= limitBytes - takenBytes else {
            isExhausted = true
            return nil
        }
        takenBytes += size
        let room = (size + Self.alignment - 1) / Self.alignment * Self.alignment
        if room > end - next {
            (next, end) = (0, max(room, Self.pieceBytes))
            pieces.append(.allocate(byteCount: end, alignment: Self.alignment))
        }
        defer { next += room }
        return pieces.last.map { $0 + next }
    }
}
