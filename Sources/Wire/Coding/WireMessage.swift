import CWire

/// A value that has a message of its own in `proto/distillery.proto`: all there is of it stands in one file.
///
/// A field is thus named at six places that lie next to each other: property, initialiser, `encode` and
/// `init(decoding:)` in that file, and the .proto.
///
/// Values that stand inside messages conform to this alone (`CarriedPart`, `LifetimeIdentifier`), whole messages to
/// `WireMessage`.
protocol WireValue: Sendable {
    /// The structure that protobuf-c generates for it.
    ///
    /// `Distillery__Scale` for `Scale`, in `CWire`.
    associatedtype Body

    /// The generated initialiser, which sets every field to its default.
    ///
    /// Called on fresh memory before `encode`; it also sets the descriptor by which protobuf-c packs.
    static var initialiser: (UnsafeMutablePointer<Body>?) -> Void { get }

    /// Sets the fields; what they point at has to lie in `arena`, which outlives `body`.
    ///
    /// Never throws: a value that this module's initialisers have let through can be written. Numbers beyond 32 bits
    /// trap.
    func encode(into body: inout Body, _ arena: EncodingArena)

    /// Copies what `body` holds, which is freed afterwards, and checks it: nothing in it can be trusted. Throws
    /// `WireError` that says what was expected and what came.
    ///
    /// Must not keep a pointer into `body`.
    init(decoding body: Body) throws
}

/// A value that is the body of an envelope: one kind of `Message`.
protocol WireMessage: WireValue {
    /// The field and the case of the envelope that hold it.
    ///
    /// Written once a kind, as `.init(DISTILLERY__ENVELOPE__BODY_SCALE, \.scale)`.
    static var place: EnvelopePlace<Body> { get }

    /// As `init(decoding:)`, for a kind that keeps `memory`, in which `body` lies, instead of copying what is large.
    ///
    /// `Rollouts` alone has its own.
    init(decoding body: Body, in memory: DecodingMemory) throws
}

extension WireMessage {
    /// What every other kind does: everything is copied.
    init(decoding body: Body, in memory: DecodingMemory) throws { try self.init(decoding: body) }
}

/// Where a kind of message stands in the envelope's `oneof`.
struct EnvelopePlace<Body> {
    /// `DISTILLERY__ENVELOPE__BODY_HELLO`
    let bodyCase: Distillery__Envelope__BodyCase
    /// `\.hello`
    let field: WritableKeyPath<Distillery__Envelope, UnsafeMutablePointer<Body>?>

    /// Case and field have to belong together; nothing checks it here.
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
    ///
    /// Throws where the sender has left the part out.
    init(decoding pointer: UnsafeMutablePointer<Body>?) throws { try self.init(decoding: present(pointer)) }
}

/// Fields that are messages may be null in any protocol buffer.
private func present<Body>(_ pointer: UnsafeMutablePointer<Body>?) throws -> Body {
    guard let pointer else { throw WireError("a message of which a part is missing") }
    return pointer.pointee
}

extension WireMessage {
    /// Everything that `envelope` then points at lies in `arena`, so pack it while the arena lives.
    func put(into envelope: inout Distillery__Envelope, _ arena: EncodingArena) {
        let place = Self.place
        envelope.body_case = place.bodyCase
        envelope[keyPath: place.field] = arena.make(self)
    }
}

/// How one kind of message is read.
///
/// A number and a closure in place of a type: `MessageKinds` can then list kinds of different types.
struct MessageKind: Sendable {
    fileprivate let bodyCase: UInt32
    fileprivate let read: @Sendable (Distillery__Envelope, DecodingMemory) throws -> Message

    /// `message` wraps the decoded value into its case of `Message`.
    init<Value: WireMessage>(_ type: Value.Type, _ message: @escaping @Sendable (Value) -> Message) {
        bodyCase = Value.place.bodyCase.rawValue
        read = { message(try Value(decoding: present($0[keyPath: Value.place.field]), in: $1)) }
    }
}

/// All kinds, by their number in the envelope.
///
/// Made once (`Message.kinds`). A number that two kinds claim is a bug, and traps at the first message.
struct MessageKinds: Sendable {
    private let kinds: [UInt32: MessageKind]

    /// The number of cases is small, and a dictionary of them is made once for the process.
    init(_ kinds: [MessageKind]) {
        self.kinds = Dictionary(uniqueKeysWithValues: kinds.map { ($0.bodyCase, $0) })
    }

    /// Throws `WireError` for a number that is no kind, and what the kind's `init(decoding:)` throws.
    func read(_ envelope: Distillery__Envelope, _ memory: DecodingMemory) throws -> Message {
        guard let kind = kinds[envelope.body_case.rawValue] else {
            throw WireError("an envelope without a body, or with one of a later protocol")
        }
        return try kind.read(envelope, memory)
    }
}

extension Message {
    /// Throws `WireError`.
    ///
    /// The one place where a body becomes a case.
    init(in envelope: Distillery__Envelope, _ memory: DecodingMemory) throws {
        self = try Self.kinds.read(envelope, memory)
    }
}
