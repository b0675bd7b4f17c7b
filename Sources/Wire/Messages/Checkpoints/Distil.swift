import CWire

/// Coordinator to distiller, again until it is acknowledged: train this, which is nobody else's until told otherwise. It
/// is sent anew, with what has changed, when the streams that grew do so no longer.
package struct Distil: Sendable, Equatable {
    /// The name of the distillation in the experiment's plan; empty where there is only one.
    package var distillation: String
    /// Name of a checkpoint to go on from; empty to begin.
    package var resumeFrom: String
    /// Streams may still be added and grow: training is not to end before the distiller is told that they do not.
    package var isGrowing: Bool

    package init(distillation: String = "", resumeFrom: String = "", isGrowing: Bool = false) {
        self.distillation = distillation
        self.resumeFrom = resumeFrom
        self.isGrowing = isGrowing
    }
}

extension Distil: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Distil>?) -> Void { distillery__distil__init }
    static var place: EnvelopePlace<Distillery__Distil> { .init(DISTILLERY__ENVELOPE__BODY_DISTIL, \.distil) }

    func encode(into body: inout Distillery__Distil, _ arena: EncodingArena) {
        body.resume_from = arena.string(resumeFrom)
        body.distillation = arena.string(distillation)
        body.growing = arena.flag(isGrowing)
    }

    /// Empty names stand for a training from the beginning, and for the only distillation; others have to be names.
    init(decoding body: Distillery__Distil) throws {
        let isNew = Field.text(body.resume_from).isEmpty
        resumeFrom = isNew ? "" : try Field.checkpoint(body.resume_from)
        let isOnly = Field.text(body.distillation).isEmpty
        distillation = isOnly ? "" : try Field.name(body.distillation, "distillation")
        isGrowing = body.growing != 0
    }
}
