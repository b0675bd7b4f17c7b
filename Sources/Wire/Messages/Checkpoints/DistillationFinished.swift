import CWire

/// Distiller to coordinator, again until it is acknowledged: the training is over, and its last checkpoint is stored.
package struct DistillationFinished: Sendable, Equatable {
    /// The last one, whose `config.json` says how much training it has behind it.
    package var checkpoint: String
    /// Measures of the training by name, such as its loss.
    package var numbers: [String: Double]

    /// Numbers that are not finite are left out when the value is encoded.
    package init(checkpoint: String, numbers: [String: Double]) {
        self.checkpoint = checkpoint
        self.numbers = numbers
    }
}

extension DistillationFinished: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__DistillationFinished>?) -> Void {
        distillery__distillation_finished__init
    }
    static var place: EnvelopePlace<Distillery__DistillationFinished> {
        .init(DISTILLERY__ENVELOPE__BODY_DISTILLATION_FINISHED, \.distillation_finished)
    }

    func encode(into body: inout Distillery__DistillationFinished, _ arena: EncodingArena) {
        body.checkpoint = arena.string(checkpoint)
        (body.n_numbers, body.numbers) = arena.numbers(numbers)
    }

    /// Throws for a name that is none, and for numbers that are not finite.
    init(decoding body: Distillery__DistillationFinished) throws {
        checkpoint = try Field.checkpoint(body.checkpoint)
        numbers = try Field.numbers(body.numbers, body.n_numbers)
    }
}
