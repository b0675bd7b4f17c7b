import CProtobufC
import CWire
import Experience

/// Memory for the C structures of one message while it is packed; all of it is freed with the arena.
///
/// Lists come as (count, elements), as protobuf-c has them in two fields.
///
/// Used by one thread, for one `Envelope.encoded()`. Pointers that it gives are valid while it is alive.
final class EncodingArena {
    /// One allocation each, in the order of the calls.
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit { for block in blocks { block.deallocate() } }

    /// The structure of a value.
    ///
    /// A value inside this value is made in the same arena, by its `encode`.
    func make<Value: WireValue>(_ value: Value) -> UnsafeMutablePointer<Value.Body> {
        let pointer = allocate(Value.Body.self, count: 1)
        Value.initialiser(pointer)
        value.encode(into: &pointer.pointee, self)
        return pointer
    }

    /// Structures of several values, as protobuf-c wants them: an array of pointers.
    ///
    /// A nil element never occurs: the type is protobuf-c's.
    func list<Value: WireValue>(
        _ values: [Value]
    ) -> (Int, UnsafeMutablePointer<UnsafeMutablePointer<Value.Body>?>) {
        array(values.map { Optional(make($0)) })
    }

    /// Copies numbers, or pointers, as they are.
    ///
    /// An empty list gets a valid pointer all the same, which nothing reads.
    func array<Element>(_ elements: [Element]) -> (Int, UnsafeMutablePointer<Element>) {
        let pointer = allocate(Element.self, count: elements.count)
        pointer.initialize(from: elements, count: elements.count)
        return (elements.count, pointer)
    }

    /// A copy in UTF-8 that ends with a zero byte: a text that has one within ends there for the receiver.
    func string(_ text: String) -> UnsafeMutablePointer<CChar> { array(Array(text.utf8CString)).1 }

    /// A boolean field.
    func flag(_ value: Bool) -> protobuf_c_boolean { value ? 1 : 0 }

    /// The elements as they lie in memory: little-endian on every machine that we run on.
    ///
    /// For parameters, states and contents: copied once here, and once more when protobuf-c packs.
    func bytes<Element>(_ elements: [Element]) -> ProtobufCBinaryData {
        let count = elements.count * MemoryLayout<Element>.stride
        let pointer = allocate(UInt8.self, count: count)
        elements.withUnsafeBytes { source in
            if let base = source.baseAddress {
                UnsafeMutableRawPointer(pointer).copyMemory(from: base, byteCount: count)
            }
        }
        return ProtobufCBinaryData(len: count, data: pointer)
    }

    /// In the order of their names. A number that is none, such as the loss of a training that has diverged, is left
    /// out: a receiver would refuse the whole message for it.
    func numbers(
        _ numbers: [String: Double]
    ) -> (Int, UnsafeMutablePointer<UnsafeMutablePointer<Distillery__NamedNumber>?>) {
        list(
            numbers.filter(\.value.isFinite).sorted { $0.key < $1.key }.map {
                NamedNumber(name: $0.key, value: $0.value)
            })
    }

    /// Aligned to 16 bytes or more; at least one byte, so that the address is valid.
    private func allocate<C>(_ type: C.Type, count: Int) -> UnsafeMutablePointer<C> {
        let block = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, count * MemoryLayout<C>.stride), alignment: max(16, MemoryLayout<C>.alignment))
        blocks.append(block)
        return block.bindMemory(to: C.self, capacity: count)
    }
}
