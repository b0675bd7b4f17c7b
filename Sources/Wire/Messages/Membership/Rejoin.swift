import CWire

/// Coordinator to a node that it does not know (any more), in answer to its heartbeat: its leases are void, and it is
/// to say hello under a new name.
///
/// A recorder keeps its open streams through that, and a distiller what it has trained.
struct Rejoin: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Rejoin>?) -> Void { distillery__rejoin__init }
    static var place: EnvelopePlace<Distillery__Rejoin> { .init(DISTILLERY__ENVELOPE__BODY_REJOIN, \.rejoin) }

    init() {}
    func encode(into body: inout Distillery__Rejoin, _ arena: EncodingArena) {}
    init(decoding body: Distillery__Rejoin) {}
}
