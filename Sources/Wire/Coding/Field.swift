import CProtobufC
import CWire

/// What is taken from a decoded field, checked as it is taken. All functions that throw throw `WireError` and take the
/// field's name as the error is to have it.
///
///     seeds = try Field.actors(0, body.seeds).count
///     temperature = try Field.finite(body.temperature, "temperature")
///
/// The second throws "a temperature that is none" for NaN and infinity.
enum Field {
    /// For lists that have one element for each of the same things. `what`: what is counted, in the plural.
    ///
    /// protobuf-c has a length for each list, and a sender may give them any values.
    static func equal(_ expected: Int, _ found: Int, _ what: String) throws {
        guard expected == found else { throw WireError("\(found) \(what); expected \(expected)") }
    }

    // MARK: - Numbers

    /// What is counted from 0 never comes near the end of its type, where adding one would trap.
    ///
    /// 2^62 and more are refused. Sequences, episodes and versions are incremented without a check afterwards.
    static func count(_ value: UInt64, _ what: String) throws -> UInt64 {
        guard value < 1 << 62 else { throw WireError("a \(what) of \(value)") }
        return value
    }

    /// NaN and infinity are refused: they would spread through means, and JSON cannot say them.
    ///
    /// For Float and Double.
    static func finite<Number: BinaryFloatingPoint>(_ value: Number, _ what: String) throws -> Number {
        guard value.isFinite else { throw WireError("a \(what) that is none") }
        return value
    }

    /// What is only shown to people.
    ///
    /// Cut off rather than refused: a wrong counter must not cost a node its heartbeat.
    ///
    /// Cut off at 2^53.
    static func tellable(_ value: UInt64) -> UInt64 { min(value, WireProtocol.tellableLimit) }

    /// The range `first..<(first + count)`, within `WireProtocol.actorLimit`; empty where `count` is 0.
    ///
    /// 65,536 actors at most, by which the range fits into an Int without an overflow.
    static func actors(_ first: UInt32, _ count: UInt32) throws -> Range<Int> {
        guard Int(first) + Int(count) <= WireProtocol.actorLimit else {
            throw WireError(
                "actors \(first) to \(Int(first) + Int(count)); at most \(WireProtocol.actorLimit) are accepted")
        }
        return Int(first)..<(Int(first) + Int(count))
    }

    // MARK: - Lists

    /// A copy; empty where the pointer is nil.
    ///
    /// Elements are taken as protobuf-c has decoded them; their ranges are for the caller to check.
    static func array<Element>(_ pointer: UnsafeMutablePointer<Element>?, _ count: Int) -> [Element] {
        guard let pointer else { return [] }
        return Array(UnsafeBufferPointer(start: pointer, count: count))
    }

    /// Each element as `count` checks one.
    ///
    /// `what` names one element, in the singular.
    static func counts(_ pointer: UnsafeMutablePointer<UInt64>?, _ number: Int, _ what: String) throws -> [UInt64] {
        try array(pointer, number).map { try count($0, what) }
    }

    /// Values that are messages of their own; `limit` is checked before any is decoded.
    ///
    /// A part that is missing throws, as in `init(decoding:)` of the value.
    static func list<Value: WireValue>(
        _ pointers: UnsafeMutablePointer<UnsafeMutablePointer<Value.Body>?>?, _ count: Int, limit: Int, _ what: String
    ) throws -> [Value] {
        guard count <= limit else { throw WireError("\(count) \(what); at most \(limit) are accepted") }
        return try (0..<count).map { try Value(decoding: pointers?[$0]) }
    }

    /// At most `WireProtocol.numberLimit`. Of two with one name the later counts.
    ///
    /// Throws for a number that is not finite, or a name that is too long.
    static func numbers(
        _ pointers: UnsafeMutablePointer<UnsafeMutablePointer<Distillery__NamedNumber>?>?, _ count: Int
    ) throws -> [String: Double] {
        let list: [NamedNumber] = try list(pointers, count, limit: WireProtocol.numberLimit, "numbers")
        return Dictionary(list.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    }

    // MARK: - Bytes

    /// A copy, empty for no bytes.
    static func bytes(_ data: ProtobufCBinaryData) -> [UInt8] { array(data.data, data.len) }

    /// float32, little-endian. NaN and infinity are not looked for.
    ///
    /// Parameters of a network: the learner's and the actors' code finds a NaN where it matters.
    static func floats(_ data: ProtobufCBinaryData, _ what: String) throws -> [Float] {
        guard data.len % 4 == 0 else { throw WireError("\(what) of \(data.len) bytes; expected a multiple of 4") }
        guard let source = data.data else { return [] }
        return [Float](unsafeUninitializedCapacity: data.len / 4) { buffer, count in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(
                from: UnsafeRawBufferPointer(start: source, count: data.len))
            count = data.len / 4
        }
    }

    /// A ticket, or the secret of tickets; empty where there is none.
    ///
    /// Throws for any other length than `WireProtocol.ticketBytes`.
    static func ticket(_ data: ProtobufCBinaryData) throws -> [UInt8] {
        guard data.len > 0 else { return [] }
        try equal(WireProtocol.ticketBytes, data.len, "bytes of a ticket")
        return bytes(data)
    }
}
