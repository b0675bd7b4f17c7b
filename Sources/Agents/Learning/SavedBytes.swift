import Experience
import Neural

/// What a learner saves, as it is written: numbers and memory in the order of the calls, little-endian, and a checksum
/// at the end.
struct SavedBytes {
    private var bytes: [UInt8] = []

    /// `capacity`: bytes that there will be, so that nothing is copied twice.
    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Elements as they lie in memory, which is little-endian on every machine that this is built for.
    mutating func append<Element: BitwiseCopyable>(_ start: UnsafePointer<Element>, _ count: Int) {
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: start, count: count * MemoryLayout<Element>.stride))
    }

    mutating func append(_ buffer: FloatBuffer) { append(UnsafePointer(buffer.start), buffer.count) }

    /// All bytes, and CRC-32C of them.
    consuming func sealed() -> [UInt8] {
        append(bytes.withUnsafeBytes { CRC32C.of($0) })
        return bytes
    }
}

/// Numbers within saved bytes. Nothing checks an offset.
struct SavedNumbers {
    let bytes: UnsafeRawBufferPointer

    func read<Value: FixedWidthInteger>(_ offset: Int) -> Value {
        Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// Copies `count` elements as `SavedBytes` wrote them, and gives the offset behind them.
    func copy<Element: BitwiseCopyable>(_ offset: Int, to target: UnsafeMutablePointer<Element>, _ count: Int) -> Int {
        let size = count * MemoryLayout<Element>.stride
        if size > 0, let source = bytes.baseAddress {
            UnsafeMutableRawPointer(target).copyMemory(from: source + offset, byteCount: size)
        }
        return offset + size
    }

    /// Whether the last four bytes are CRC-32C of all before them; there are at least four.
    var isWhole: Bool {
        read(bytes.count - 4) == CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes.dropLast(4)))
    }
}
