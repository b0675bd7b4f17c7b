import CProtobufC
import CWire

/// What travels in one ZeroMQ message: a `Message` with the number of the request that it is, or that it answers.
///
/// Numbers belong to one sender: two nodes may use the same. A message that is sent again keeps its number, so that one
/// answer settles all its copies.
package struct Envelope: Sendable {
    /// The number that the asker chose; an answer carries the number of what it answers. 0 where no answer is expected.
    package var request: UInt64
    /// One of the kinds in `Message`; always there, because an envelope without a body is refused.
    package var message: Message

    /// `request` stays 0 for what nothing answers, such as `Metrics` or `RolloutsDurable`.
    package init(_ message: Message, request: UInt64 = 0) {
        self.message = message
        self.request = request
    }
}

extension Envelope {
    /// The bytes that travel.
    ///
    /// Never fails. What protobuf cannot hold, such as a number of actors below 0, is a bug of the sender and traps.
    ///
    /// May be called on any thread. An actor process calls it once for a batch that two peers get.
    package func encoded() -> [UInt8] {
        let arena = EncodingArena()
        var envelope = Distillery__Envelope()
        distillery__envelope__init(&envelope)
        envelope.protocol_version = WireProtocol.version
        envelope.request = request
        message.body.put(into: &envelope, arena)
        let size = distillery__envelope__get_packed_size(&envelope)
        // The rows of rollouts are packed from where they lie in the message.
        return withExtendedLifetime((arena, self)) {
            [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                count = distillery__envelope__pack(&envelope, buffer.baseAddress)
            }
        }
    }

    /// Reads what came from outside. Throws `WireError` for anything that is not a well-formed message of this
    /// version: a length, a range or a name that does not fit is refused here, so that no role sees it.
    ///
    /// `bytes` may be freed afterwards: everything that stays was copied into memory of its own. May be called on any
    /// thread.
    ///
    /// The order of checks: length, memory, protocol buffer, version, kind, fields. The first that fails is told.
    package init(decoding bytes: UnsafeRawBufferPointer) throws {
        guard bytes.count <= WireProtocol.messageLimitBytes else {
            throw WireError("a message of \(bytes.count) bytes; at most \(WireProtocol.messageLimitBytes) are accepted")
        }
        let memory = DecodingMemory(messageBytes: bytes.count)
        var allocator = memory.allocator
        let pointer = distillery__envelope__unpack(
            &allocator, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        guard let pointer else {
            throw WireError(
                memory.isExhausted
                    ? "\(bytes.count) bytes that would take more than \(memory.limitBytes) bytes of memory"
                    : "\(bytes.count) bytes that are not a protocol buffer of distillery.Envelope")
        }
        defer { withExtendedLifetime(memory) {} }
        let envelope = pointer.pointee
        guard envelope.protocol_version == WireProtocol.version else {
            throw WireError(
                "protocol version \(envelope.protocol_version); this node speaks version \(WireProtocol.version)")
        }
        request = envelope.request
        message = try Message(in: envelope, memory)
    }

    /// As the other one, for bytes in an array.
    ///
    /// For tests, and for bytes that were read from a file.
    package init(decoding bytes: [UInt8]) throws {
        self = try bytes.withUnsafeBytes { try Envelope(decoding: $0) }
    }
}
