import CWire

/// Coordinator to a client that has sent a `StatusRequest`.
struct StatusAnswer {
    /// One document: what `status --json` prints.
    let json: String
}

extension StatusAnswer: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__StatusAnswer>?) -> Void {
        distillery__status_answer__init
    }
    static var place: EnvelopePlace<Distillery__StatusAnswer> {
        .init(DISTILLERY__ENVELOPE__BODY_STATUS_ANSWER, \.status_answer)
    }

    func encode(into body: inout Distillery__StatusAnswer, _ arena: EncodingArena) { body.status = arena.string(json) }

    /// Accepts any text: its reader parses it.
    init(decoding body: Distillery__StatusAnswer) { json = Field.text(body.status) }
}
