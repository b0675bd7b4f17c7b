import CWire
package import Experience

/// Coordinator to learner or actor process, again until it is acknowledged: stop working on this attempt of a lifetime.
///
/// Sent when the lifetime is over, or was given to other nodes.
package struct ReleaseLifetime: Sendable, Equatable {
    /// What to drop, with everything that is kept of it.
    package var lifetime: LifetimeIdentifier
    /// Work on a later attempt is not meant and goes on.
    package var attempt: UInt64

    /// Taking it for a lifetime that the node does not have does no harm, and is acknowledged.
    package init(lifetime: LifetimeIdentifier, attempt: UInt64) {
        self.lifetime = lifetime
        self.attempt = attempt
    }
}

extension ReleaseLifetime: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__ReleaseLifetime>?) -> Void {
        distillery__release_lifetime__init
    }
    static var place: EnvelopePlace<Distillery__ReleaseLifetime> {
        .init(DISTILLERY__ENVELOPE__BODY_RELEASE_LIFETIME, \.release_lifetime)
    }

    func encode(into body: inout Distillery__ReleaseLifetime, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.attempt = attempt
    }

    /// Throws for a lifetime that is missing.
    init(decoding body: Distillery__ReleaseLifetime) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        attempt = body.attempt
    }
}
