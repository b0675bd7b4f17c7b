import CWire

/// Any role to any other: the message whose number the envelope carries was taken, now or before, and need not be sent
/// again. With the number 0, in answer to a `Heartbeat` or from a server in the middle of a long step: the sender is
/// alive.
///
/// Sent only for messages that were taken; a message that cannot be decided yet is not answered at all.
struct Acknowledgement: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Acknowledgement>?) -> Void {
        distillery__acknowledgement__init
    }
    static var place: EnvelopePlace<Distillery__Acknowledgement> {
        .init(DISTILLERY__ENVELOPE__BODY_ACKNOWLEDGEMENT, \.acknowledgement)
    }

    init() {}
    func encode(into body: inout Distillery__Acknowledgement, _ arena: EncodingArena) {}
    init(decoding body: Distillery__Acknowledgement) {}
}
