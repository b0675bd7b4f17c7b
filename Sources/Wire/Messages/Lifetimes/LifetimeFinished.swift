import CWire
package import Experience

/// Learner to coordinator, again until it is acknowledged: the end rule was met, and every stream has ended.
///
/// The coordinator deletes the lifetime's state when it has written its end down.
package struct LifetimeFinished: Sendable, Equatable {
    package var lifetime: LifetimeIdentifier
    /// Of the sender's lease: a report of an earlier attempt is answered with a failure.
    package var attempt: UInt64
    /// `final_return`, `episodes`, `updates`, `transitions_learnt`, `mean_policy_lag`, ...
    package var numbers: [String: Double]

    /// Numbers that are not finite are left out when the value is encoded.
    package init(lifetime: LifetimeIdentifier, attempt: UInt64, numbers: [String: Double]) {
        self.lifetime = lifetime
        self.attempt = attempt
        self.numbers = numbers
    }
}

extension LifetimeFinished: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__LifetimeFinished>?) -> Void {
        distillery__lifetime_finished__init
    }
    static var place: EnvelopePlace<Distillery__LifetimeFinished> {
        .init(DISTILLERY__ENVELOPE__BODY_LIFETIME_FINISHED, \.lifetime_finished)
    }

    func encode(into body: inout Distillery__LifetimeFinished, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.attempt = attempt
        (body.n_numbers, body.numbers) = arena.numbers(numbers)
    }

    /// Throws for a lifetime that is missing, and for numbers that are not finite.
    init(decoding body: Distillery__LifetimeFinished) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        attempt = body.attempt
        numbers = try Field.numbers(body.numbers, body.n_numbers)
    }
}
