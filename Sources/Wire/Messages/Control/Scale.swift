import CWire

/// A client (`distillery scale`) to the coordinator: the run is to have this many actors from now on. Answered with an
/// acknowledgement or a failure.
///
/// Processes are started or sent home to match, and elastic lifetimes share the actors. Refused above
/// `WireProtocol.actorLimit`, and where the hosts lack room for the processes.
struct Scale {
    /// Over all lifetimes; at most `WireProtocol.actorLimit`, which the coordinator checks.
    let actors: Int
}

extension Scale: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Scale>?) -> Void { distillery__scale__init }
    static var place: EnvelopePlace<Distillery__Scale> { .init(DISTILLERY__ENVELOPE__BODY_SCALE, \.scale) }

    func encode(into body: inout Distillery__Scale, _ arena: EncodingArena) { body.actors = UInt32(actors) }

    /// Accepts any 32-bit number, so that the coordinator can answer with a reason.
    init(decoding body: Distillery__Scale) { actors = Int(body.actors) }
}
