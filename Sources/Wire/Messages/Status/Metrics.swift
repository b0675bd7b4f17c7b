import CWire

/// Distiller to coordinator, about once a second of training: numbers of a moment, for the catalogue and the event
/// files. Not sent again when they are lost.
///
/// Plots are all that depends on them.
package struct Metrics: Sendable, Equatable {
    /// Training steps so far.
    package var step: UInt64
    /// `loss`, `tokens_per_second`, ...
    package var numbers: [String: Double]

    /// Numbers that are not finite are left out when the value is encoded.
    package init(step: UInt64, numbers: [String: Double]) {
        self.step = step
        self.numbers = numbers
    }
}

extension Metrics: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Metrics>?) -> Void { distillery__metrics__init }
    static var place: EnvelopePlace<Distillery__Metrics> { .init(DISTILLERY__ENVELOPE__BODY_METRICS, \.metrics) }

    func encode(into body: inout Distillery__Metrics, _ arena: EncodingArena) {
        body.step = step
        (body.n_numbers, body.numbers) = arena.numbers(numbers)
    }

    /// Throws for numbers that are not finite; the step may be any.
    init(decoding body: Distillery__Metrics) throws {
        step = body.step
        numbers = try Field.numbers(body.numbers, body.n_numbers)
    }
}
