import CWire

/// Every node to the coordinator, each `Welcome.heartbeatIntervalMilliseconds`: the node is alive, and this is the
/// state of its work. The answer is an acknowledgement, or a `Rejoin` or a `Stop` where the coordinator does not know
/// it.
///
/// Sent by the thread of the node's sockets, so that it comes while a role is in a long step. Never sent again: the
/// next one says more.
package struct Heartbeat: Sendable, Equatable {
    /// A heartbeat has at most this many parts and this many lifetimes; a longer list is refused.
    package static let listLimit = 32

    /// Counters, by the names under which `status --json` shows them.
    package var numbers: [String: Double]
    /// Nil when it waits for nothing.
    package var waiting: Waiting?
    /// Parts that an actor process carries, those that wait longest first; empty for other roles.
    package var parts: [CarriedPart]
    /// Lifetimes that a learner learns; empty for other roles.
    package var learning: [LearningReport]
    /// Nil unless a step takes long, or a piece of work of many steps is under way.
    package var work: Work?
    /// Of a distiller whose numbers have `steps`: the name of the distillation that it has in memory, leased to it or not;
    /// empty where there is only one.
    package var distillation: String

    /// Every field has a default: a node without work sends an empty heartbeat.
    package init(
        numbers: [String: Double] = [:], waiting: Waiting? = nil, parts: [CarriedPart] = [],
        learning: [LearningReport] = [], work: Work? = nil, distillation: String = ""
    ) {
        self.numbers = numbers
        self.waiting = waiting
        self.parts = parts
        self.learning = learning
        self.work = work
        self.distillation = distillation
    }
}

extension Heartbeat: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Heartbeat>?) -> Void { distillery__heartbeat__init }
    static var place: EnvelopePlace<Distillery__Heartbeat> { .init(DISTILLERY__ENVELOPE__BODY_HEARTBEAT, \.heartbeat) }

    func encode(into body: inout Distillery__Heartbeat, _ arena: EncodingArena) {
        (body.n_numbers, body.numbers) = arena.numbers(numbers)
        body.waiting = waiting.map { arena.make($0) }
        (body.n_parts, body.parts) = arena.list(parts)
        (body.n_learning, body.learning) = arena.list(learning)
        body.work = work.map { arena.make($0) }
        body.distillation = arena.string(distillation)
    }

    /// Throws for lists longer than `listLimit`, and for any part that its own type refuses.
    init(decoding body: Distillery__Heartbeat) throws {
        numbers = try Field.numbers(body.numbers, body.n_numbers)
        waiting = try body.waiting.map { try Waiting(decoding: $0.pointee) }
        parts = try Field.list(body.parts, body.n_parts, limit: Self.listLimit, "parts in a heartbeat")
        learning = try Field.list(body.learning, body.n_learning, limit: Self.listLimit, "lifetimes in a heartbeat")
        work = try body.work.map { try Work(decoding: $0.pointee) }
        let isNamed = !Field.text(body.distillation).isEmpty
        distillation = isNamed ? try Field.name(body.distillation, "distillation") : ""
    }
}
