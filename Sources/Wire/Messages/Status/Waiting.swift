import CWire

/// What a node waits for, in its heartbeat.
///
/// A node tells of a wait once it has lasted for a second without any progress. A chain of waits leads from the node
/// that stands still to the one that holds it up.
package struct Waiting: Sendable, Equatable {
    /// The name or endpoint of the node that is waited for; empty where it is no node.
    package var whom: String
    /// What is missing, in words.
    package var why: String
    /// For how long nothing has come.
    package var milliseconds: UInt64

    /// Texts longer than `WireProtocol.textLimitBytes` arrive cut off.
    package init(for whom: String, why: String, milliseconds: UInt64) {
        self.whom = whom
        self.why = why
        self.milliseconds = milliseconds
    }
}

extension Waiting: WireValue {
    static var initialiser: (UnsafeMutablePointer<Distillery__Waiting>?) -> Void { distillery__waiting__init }

    func encode(into body: inout Distillery__Waiting, _ arena: EncodingArena) {
        body.whom = arena.string(whom)
        body.why = arena.string(why)
        body.milliseconds = milliseconds
    }

    /// Never throws in fact: what is only shown is cut off or repaired, so that a strange text costs no heartbeat.
    init(decoding body: Distillery__Waiting) throws {
        whom = Field.beginning(of: body.whom)
        why = Field.beginning(of: body.why)
        milliseconds = Field.tellable(body.milliseconds)
    }
}
