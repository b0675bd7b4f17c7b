import CWire

/// A client or a supervisor to the coordinator: end the run, though it is not complete; answered with an
/// acknowledgement. Coordinator to a node: the run has ended, or has another of its role already.
///
/// A run that was stopped can go on with `--resume`.
struct Stop: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Stop>?) -> Void { distillery__stop__init }
    static var place: EnvelopePlace<Distillery__Stop> { .init(DISTILLERY__ENVELOPE__BODY_STOP, \.stop) }

    init() {}
    func encode(into body: inout Distillery__Stop, _ arena: EncodingArena) {}
    init(decoding body: Distillery__Stop) {}
}
