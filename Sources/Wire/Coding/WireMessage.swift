import CWire

/// A value that has a message of its own in `proto/distillery.proto`: all there is of it stands in one file.
///
/// A field is thus named at six places that lie next to each other: property, initialiser, `encode` and `init(decoding:)`
/// in that file, and the .proto.
protocol WireValue: Sendable {
    /// The structure that protobuf-c generates for it.
    associatedtype Body

    /// The generated initialiser, which sets every field to its default.
    static var initialiser: (UnsafeMutablePointer<Body>?) -> Void { get }

    /// Sets the fields; what they point at has to lie in `arena`, which outlives `body`.
    func encode(into body: inout Body, _ arena: EncodingArena)

    /// Copies what `body` holds, which is freed afterwards, and checks it: nothing in it can be trusted. Throws
    /// `WireError` that says what was expected and what came.
    init(decoding body: Body) throws
}

/// A value that is the body of an envelope: one kind of `Message`.
protocol WireMessage: WireValue {
    static var place: EnvelopePlace<Body> { get }
}

/// Where a kind of message stands in the envelope's `oneof`.
struct EnvelopePlace<Body> {
    /// `DISTILLERY__ENVELOPE__BODY_HELLO`
    let bodyCase: Distillery__Envelope__BodyCase
    /// `\.hello`
    let field: WritableKeyPath<Distillery__Envelope, UnsafeMutablePointer<Body>?>

    init(
        _ bodyCase: Distillery__Envelope__BodyCase,
        _ field: WritableKeyPath<Distillery__Envelope, UnsafeMutablePointer<Body>?>
    ) {
        self.bodyCase = bodyCase
        self.field = field
    }
}

extension WireValue {
    /// Of a part of another message, which must be there.
    init(decoding pointer: UnsafeMutablePointer<Body>?) throws {
        guard let pointer else { throw WireError("a message of which a part is missing") }
        try self.init(decoding: pointer.pointee)
    }
}

extension WireMessage {
    func put(into envelope: inout Distillery__Envelope, _ arena: EncodingArena) {
        let place = Self.place
        envelope.body_case = place.bodyCase
        envelope[keyPath: place.field] = arena.make(self)
    }
}

/// How one kind of message is read.
struct MessageKind: Sendable {
    fileprivate let bodyCase: UInt32
    fileprivate let read: @Sendable (Distillery__Envelope) throws -> Message

    init<Value: WireMessage>(_ type: Value.Type, _ message: @escaping @Sendable (Value) -> Message) {
        bodyCase = Value.place.bodyCase.rawValue
        read = { message(try Value(decoding: $0[keyPath: Value.place.field])) }
    }
}

/// All kinds, by their number in the envelope.
struct MessageKinds: Sendable {
    private let kinds: [UInt32: MessageKind]

    init(_ kinds: [MessageKind]) {
        self.kinds = Dictionary(uniqueKeysWithValues: kinds.map { ($0.bodyCase, $0) })
    }

    func read(_ envelope: Distillery__Envelope) throws -> Message {
        guard let kind = kinds[envelope.body_case.rawValue] else {
            throw WireError("an envelope without a body, or with one of a later protocol")
        }
        return try kind.read(envelope)
    }
}

extension Message {
    /// Throws `WireError`.
    init(in envelope: Distillery__Envelope) throws { self = try Self.kinds.read(envelope) }
}
