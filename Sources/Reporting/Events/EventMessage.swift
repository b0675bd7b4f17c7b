/// The two messages of tensorboard's event.proto that are needed, in protocol buffers' own encoding.
///
/// `Event`: 1 wall_time (double), 2 step (int64), 3 file_version (string), 5 summary (message). `Summary`: 1 value
/// (repeated). `Summary.Value`: 1 tag (string), 2 simple_value (float).
enum EventMessage {
    /// The first message of every file, by which TensorBoard recognises it.
    ///
    /// `time`: seconds since 1970.
    static func version(time: Double) -> [UInt8] {
        double(1, time) + lengthDelimited(3, Array("brain.Event:2".utf8))
    }

    /// One number under the tag `name`. Fields that hold their default are written all the same.
    ///
    /// `step` is the x axis in TensorBoard, `time` its alternative.
    static func scalar(_ name: String, step: UInt64, value: Float, time: Double) -> [UInt8] {
        let entry = lengthDelimited(1, Array(name.utf8)) + float(2, value)
        return double(1, time) + key(2, wireType: 0) + variable(step) + lengthDelimited(5, lengthDelimited(1, entry))
    }

    /// A field's number and how it is encoded: 0 variable length, 1 eight bytes, 2 length and content, 5 four bytes.
    private static func key(_ field: UInt64, wireType: UInt64) -> [UInt8] { variable(field << 3 | wireType) }

    /// Seven bits a byte, the lowest first.
    ///
    /// A varint: a byte below 0x80 ends it, so that 300 is `AC 02`.
    private static func variable(_ value: UInt64) -> [UInt8] {
        var rest = value
        var result: [UInt8] = []
        while rest >= 0x80 {
            result.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return result + [UInt8(rest)]
    }

    /// Wire type 1, as `wall_time`.
    private static func double(_ field: UInt64, _ value: Double) -> [UInt8] {
        key(field, wireType: 1) + bytes(of: value.bitPattern)
    }

    /// Wire type 5, as `simple_value`.
    private static func float(_ field: UInt64, _ value: Float) -> [UInt8] {
        key(field, wireType: 5) + bytes(of: value.bitPattern)
    }

    /// Wire type 2: strings and messages within messages alike.
    private static func lengthDelimited(_ field: UInt64, _ content: [UInt8]) -> [UInt8] {
        key(field, wireType: 2) + variable(UInt64(content.count)) + content
    }
}
