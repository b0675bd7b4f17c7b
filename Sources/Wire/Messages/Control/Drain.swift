import CWire

/// A client (`distillery drain`) to the coordinator, or the coordinator to the node itself: the node is to bring what it
/// has to an end and to leave; answered with an acknowledgement or a failure. A node to the coordinator, with its own
/// name: it leaves now.
struct Drain {
    let node: String
}

extension Drain: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Drain>?) -> Void { distillery__drain__init }
    static var place: EnvelopePlace<Distillery__Drain> { .init(DISTILLERY__ENVELOPE__BODY_DRAIN, \.drain) }

    func encode(into body: inout Distillery__Drain, _ arena: EncodingArena) { body.node = arena.string(node) }

    init(decoding body: Distillery__Drain) throws { node = try Field.name(body.node, "node") }
}
