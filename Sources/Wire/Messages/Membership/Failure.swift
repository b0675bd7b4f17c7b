import CWire

/// Any role to any other: what it sent, or the message whose number the envelope carries, was refused. Never answered
/// with a failure in turn.
///
/// The sender of a refused report forgets it: sent again, it would be refused again.
struct Failure {
    /// In words, for people; cut off after `WireProtocol.textLimitBytes`.
    let reason: String
}

extension Failure: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Failure>?) -> Void { distillery__failure__init }
    static var place: EnvelopePlace<Distillery__Failure> { .init(DISTILLERY__ENVELOPE__BODY_FAILURE, \.failure) }

    func encode(into body: inout Distillery__Failure, _ arena: EncodingArena) {
        body.reason = arena.string(reason)
    }

    init(decoding body: Distillery__Failure) { reason = Field.beginning(of: body.reason) }
}
