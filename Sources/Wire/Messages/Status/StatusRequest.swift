import CWire

/// A client (`distillery status`) to the coordinator, which answers with a `StatusAnswer`.
///
/// Every key may ask for it.
struct StatusRequest: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__StatusRequest>?) -> Void {
        distillery__status_request__init
    }
    static var place: EnvelopePlace<Distillery__StatusRequest> {
        .init(DISTILLERY__ENVELOPE__BODY_STATUS_REQUEST, \.status_request)
    }

    init() {}
    func encode(into body: inout Distillery__StatusRequest, _ arena: EncodingArena) {}
    init(decoding body: Distillery__StatusRequest) {}
}
