import CWire

/// A client (`distillery drain`) to the coordinator, or the coordinator to the node itself: the node is to finish its
/// work and to leave; answered with an acknowledgement or a failure. A node to the coordinator, with its own name: it
/// leaves now.
///
/// An actor process that drains brings its streams to the end of their episodes and onto the disk first, in at most 6
/// s.
struct Drain {
    /// As its `Hello` had it.
    let node: String
    /// Why the coordinator sends the node home; empty from others.
    let reason: String
}

extension Drain: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Drain>?) -> Void { distillery__drain__init }
    static var place: EnvelopePlace<Distillery__Drain> { .init(DISTILLERY__ENVELOPE__BODY_DRAIN, \.drain) }

    func encode(into body: inout Distillery__Drain, _ arena: EncodingArena) {
        body.node = arena.string(node)
        body.reason = arena.string(reason)
    }

    /// Throws for a name that no node can have.
    init(decoding body: Distillery__Drain) throws {
        node = try Field.name(body.node, "node")
        reason = Field.beginning(of: body.reason)
    }
}
