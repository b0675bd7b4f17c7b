import CWire
package import Experience

/// Coordinator to recorder, again until it is acknowledged: a lifetime is lived anew from its beginning; its files are
/// moved aside. It is not leased again before the acknowledgement.
///
/// Only a lifetime in lockstep, or an evaluation, is lived anew: an asynchronous stream goes on as a new incarnation
/// instead.
package struct DiscardStreams: Sendable, Equatable {
    /// Its folder is where the files are moved aside.
    package var lifetime: LifetimeIdentifier
    /// Carriers with lower ones are refused from now on.
    package var incarnation: UInt64
    /// Stands in `discarded.json` beside the files.
    package var reason: String

    package init(lifetime: LifetimeIdentifier, incarnation: UInt64, reason: String) {
        self.lifetime = lifetime
        self.incarnation = incarnation
        self.reason = reason
    }
}

extension DiscardStreams: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__DiscardStreams>?) -> Void {
        distillery__discard_streams__init
    }
    static var place: EnvelopePlace<Distillery__DiscardStreams> {
        .init(DISTILLERY__ENVELOPE__BODY_DISCARD_STREAMS, \.discard_streams)
    }

    func encode(into body: inout Distillery__DiscardStreams, _ arena: EncodingArena) {
        body.lifetime = arena.make(lifetime)
        body.incarnation = incarnation
        body.reason = arena.string(reason)
    }

    /// Throws for a lifetime that is missing; the reason is cut off where it is long.
    init(decoding body: Distillery__DiscardStreams) throws {
        lifetime = try LifetimeIdentifier(decoding: body.lifetime)
        incarnation = body.incarnation
        reason = Field.beginning(of: body.reason)
    }
}
