import CWire

/// What a node waits for, in its heartbeat.
package struct Waiting: Sendable, Equatable {
    /// A node's name or endpoint; empty where it does not wait for a node.
    package var whom: String
    /// What is missing, in words.
    package var why: String
    /// How long nothing has come of it.
    package var milliseconds: UInt64

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

    init(decoding body: Distillery__Waiting) throws {
        whom = Field.beginning(of: body.whom)
        why = Field.beginning(of: body.why)
        milliseconds = Field.tellable(body.milliseconds)
    }
}
