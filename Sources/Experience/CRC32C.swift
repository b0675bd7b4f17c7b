/// CRC-32C (Castagnoli polynomial, reflected 0x82F63B78), as in RFC 3720, eight bytes at a time. Guards rollouts, on
/// the wire and in stream files, and learners' checkpoints against damage; not against an attacker, who can compute it
/// too.
///
/// The nine bytes "123456789" have 0xE3069283.
package struct CRC32C: Sendable {
    /// All ones at first, and inverted at the end, so that leading zeros count.
    private var state: UInt32 = 0xFFFF_FFFF

    /// Of no bytes yet: `value` is 0.
    package init() {}

    /// The checksum of everything so far; `update` may go on afterwards.
    package var value: UInt32 { ~state }

    /// Adds bytes. How they are divided into calls makes no difference.
    ///
    /// May be called any number of times, with no bytes too.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var crc = state
        CRC32C.tables.withUnsafeBufferPointer { table in
            var offset = 0
            let blocks = bytes.count & ~7
            while offset < blocks {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                let mixed = word ^ UInt64(crc)
                crc = table[Int(7 * 256 + (mixed & 0xFF))]
                crc ^= table[Int(6 * 256 + ((mixed >> 8) & 0xFF))]
                crc ^= table[Int(5 * 256 + ((mixed >> 16) & 0xFF))]
                crc ^= table[Int(4 * 256 + ((mixed >> 24) & 0xFF))]
                crc ^= table[Int(3 * 256 + ((mixed >> 32) & 0xFF))]
                crc ^= table[Int(2 * 256 + ((mixed >> 40) & 0xFF))]
                crc ^= table[Int(256 + ((mixed >> 48) & 0xFF))]
                crc ^= table[Int(mixed >> 56)]
                offset += 8
            }
            while offset < bytes.count {
                crc = (crc >> 8) ^ table[Int((crc ^ UInt32(bytes[offset])) & 0xFF)]
                offset += 1
            }
        }
        state = crc
    }

    /// For bytes that lie in one piece.
    package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var crc = CRC32C()
        crc.update(bytes)
        return crc.value
    }

    /// Table k holds the remainder of a byte followed by k zero bytes (slicing by eight).
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var crc = UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0x82F6_3B78 : crc >> 1 }
            tables[byte] = crc
        }
        for table in 1..<8 {
            for byte in 0..<256 {
                let previous = tables[(table - 1) * 256 + byte]
                tables[table * 256 + byte] = (previous >> 8) ^ tables[Int(previous & 0xFF)]
            }
        }
        return tables
    }()
}
