import Experience

/// The attributes of a stream file that never change after its creation, for one checksum over them all.
///
/// HDF5's own checksums find what a disk did; this one finds what was written into the file by other programs.
struct CheckedAttributes {
    /// The attribute that holds it, as a number of 64 bits. Files from before it have none.
    static let checksumName = "metadata_checksum"

    private var texts: [String: String] = [:]

    /// `text`: a text as it is, a number in decimal.
    ///
    /// The order of the calls does not matter; a name that is noted twice counts with its last text.
    mutating func note(_ name: String, _ text: String) { texts[name] = text }

    /// CRC-32C over name, zero byte, text and zero byte of each, in the order of their names' bytes.
    var checksum: UInt32 {
        var crc = CRC32C()
        for (name, text) in texts.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            for part in [name, text] { (Array(part.utf8) + [0]).withUnsafeBytes { crc.update($0) } }
        }
        return crc.value
    }
}
