import Experience
import Files
package import Foundation

/// Writes scalars as TensorBoard reads them: a file of length-framed, checksummed `Event` messages.
///
/// Framing (TensorFlow's record format): length as UInt64, masked CRC-32C of these 8 bytes, the message, masked CRC-32C
/// of the message; all little-endian. One thread at a time.
///
///     let events = try EventFileWriter(folder: folder, name: "distiller", time: now)
///     try events.append("loss", step: 200, value: 1.31, time: now)
///     try events.close()
///
/// A writer that is dropped without `close` loses what it has not flushed.
package final class EventFileWriter {
    /// The file that it made.
    package let path: String
    private let file: AppendedFile

    /// Bytes that are kept before they are written.
    package static let bufferBytes = AppendedFile.bufferBytes
    /// Pending numbers are written when a number arrives at least this many seconds after the last write.
    package static let flushSeconds = AppendedFile.flushSeconds

    /// Makes `folder` if need be and a new file in it, `events.out.tfevents.SECONDS.NAME`. `time`: seconds since 1970.
    ///
    /// Throws where the folder or the file cannot be made. A file of the same second and name is replaced.
    package init(folder: URL, name: String, time: Double) throws {
        try Folder.create(folder.path)
        path = folder.appendingPathComponent("events.out.tfevents.\(Int(time)).\(name)").path
        file = try AppendedFile(path: path, time: time)
        append(EventMessage.version(time: time))
        try flush()
    }

    /// Keeps the number in memory until `bufferBytes` are pending or `flushSeconds` have passed; then flushes, and
    /// throws what `flush` throws. `time`: seconds since 1970, by which TensorBoard can order points. Stored as a
    /// Float.
    ///
    /// A value that is not finite is written as it is.
    package func append(_ name: String, step: UInt64, value: Double, time: Double) throws {
        append(EventMessage.scalar(name, step: step, value: Float(value), time: time))
        try file.flushWhereDue(time: time)
    }

    /// Hands the pending messages to the operating system. Where a full disk does not take all of them, all of them are
    /// dropped, and the numbers in between are lost to TensorBoard alone, because the catalogue has them too.
    package func flush() throws { try file.flush() }

    /// Flushes first; throws where the disk did not take it.
    ///
    /// The writer cannot be used afterwards.
    package func close() throws { try file.close() }

    /// Frames one message into what is pending; nothing is written yet.
    private func append(_ message: [UInt8]) {
        let length = bytes(of: UInt64(message.count))
        file.add(length)
        file.add(bytes(of: maskedChecksum(length)))
        file.add(message)
        file.add(bytes(of: maskedChecksum(message)))
    }
}

/// TensorFlow rotates a checksum and adds a constant, since checksums of data that hold checksums are weak.
///
/// The constant is TensorFlow's; the rotation is by 15 bits to the right.
private func maskedChecksum(_ data: [UInt8]) -> UInt32 {
    let checksum = data.withUnsafeBytes { CRC32C.of($0) }
    return ((checksum >> 15) | (checksum << 17)) &+ 0xA282_EAD8
}

/// Little-endian.
///
/// What every number of the record format and of protocol buffers' fixed-width fields is written as.
func bytes(of value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
