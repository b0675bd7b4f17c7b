import CWire

/// Coordinator to distiller, again until it is acknowledged: train, alone in this run until told otherwise.
struct Distil {
    /// Name of a checkpoint to go on from; empty to begin.
    let resumeFrom: String
}

extension Distil: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Distil>?) -> Void { distillery__distil__init }
    static var place: EnvelopePlace<Distillery__Distil> { .init(DISTILLERY__ENVELOPE__BODY_DISTIL, \.distil) }

    func encode(into body: inout Distillery__Distil, _ arena: EncodingArena) {
        body.resume_from = arena.string(resumeFrom)
    }

    /// An empty name stands for a training from the beginning, and is the only one that may break the rules of names.
    init(decoding body: Distillery__Distil) throws {
        let isNew = Field.text(body.resume_from).isEmpty
        resumeFrom = isNew ? "" : try Field.name(body.resume_from, "checkpoint")
    }
}
