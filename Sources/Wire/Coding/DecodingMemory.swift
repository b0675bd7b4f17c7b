import CProtobufC
import Glibc

/// The memory that one message may take while it is decoded.
///
/// A few bytes on the wire, an empty part of a repeated field for example, become a structure of many: without a bound
/// a message of an accepted length could take a hundred times its size.
final class DecodingMemory {
    /// What every message may take, whatever its length; 65,536 rollouts' numbers fit.
    private static let baseBytes = 8 << 20

    let limitBytes: Int
    private(set) var isExhausted = false
    private var taken = 0

    init(messageBytes: Int) { limitBytes = Self.baseBytes + 2 * messageBytes }

    /// Valid while this object is alive.
    var allocator: ProtobufCAllocator {
        ProtobufCAllocator(
            alloc: { owner, size in
                guard let owner else { return nil }
                return Unmanaged<DecodingMemory>.fromOpaque(owner).takeUnretainedValue().take(size)
            }, free: { _, block in free(block) }, allocator_data: Unmanaged.passUnretained(self).toOpaque())
    }

    private func take(_ size: Int) -> UnsafeMutableRawPointer? {
        guard size >= 0, size <= limitBytes - taken else {
            isExhausted = true
            return nil
        }
        taken += size
        return malloc(size)
    }
}
