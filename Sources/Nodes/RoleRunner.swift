package import Wire

/// What the coordinator's word means for a role, in the order in which it came: made by `Membership`, taken by
/// `RoleRunner`.
package enum RoleEvent: Sendable {
    /// The node was taken in.
    case begin(Welcome)
    /// The node goes on under another name.
    case forgetLeases
    /// The role is to come to an end, by the coordinator's word or a signal.
    case drain
    /// Work: a lease, an answer, an acknowledgement.
    case message(Envelope)
}

/// A role and what happens to it, in order: on the thread of its own in a process, on the caller's in a simulation.
///
/// It stands between the role and the outside: the role sees no message that cannot be decoded and none before it
/// has begun, and each call is noted in `progress` by a name that `status` can show (`takes rollouts for 40 s`).
package final class RoleRunner {
    package let role: any Role
    /// The role's own, or one that counts its steps alone where the role has no long work.
    package let progress: WorkProgress
    /// Messages of other nodes that could not be decoded.
    private(set) var undecodableMessages = 0
    /// Taken in by a coordinator, and not forgotten by it.
    private var hasBegun = false

    package init(_ role: any Role) {
        self.role = role
        progress = role.progress ?? WorkProgress()
    }

    package var isFinished: Bool { role.isFinished }

    /// Carries out one event. Throws what the role throws.
    package func take(_ event: RoleEvent, now: UInt64, outbox: inout Outbox) throws {
        switch event {
        case .begin(let welcome):
            hasBegun = true
            try step("joins the run") { try role.begin(welcome, now: now) }
        case .forgetLeases:
            outbox.removeAll()
            forgetLeases(now: now)
        case .drain: step("prepares to leave") { role.drain(now: now) }
        case .message(let envelope): try receive(envelope, from: .coordinator, now: now, outbox: &outbox)
        }
    }

    /// What the role held is given to others; it takes part in nothing before the next welcome.
    package func forgetLeases(now: UInt64) {
        hasBegun = false
        step("forgets its leases") { role.forgetLeases(now: now) }
    }

    /// One message as it came. What cannot be decoded is answered and counted, and the role does not see it.
    package func receive(
        _ bytes: UnsafeRawBufferPointer, from sender: Address, now: UInt64, outbox: inout Outbox
    ) throws {
        let envelope: Envelope
        do { envelope = try Envelope(decoding: bytes) } catch {
            undecodableMessages += 1
            outbox.send(.failure("\(error)"), to: sender)
            return
        }
        try receive(envelope, from: sender, now: now, outbox: &outbox)
    }

    /// One message; ignored where the role takes part in no run now.
    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        guard hasBegun else { return }
        try step(envelope.message.stepName) {
            try role.receive(envelope, from: sender, now: now, outbox: &outbox)
        }
    }

    /// See `Role.work`; false where the role takes part in no run now.
    package func work(now: UInt64, outbox: inout Outbox) throws -> Bool {
        guard hasBegun else { return false }
        return try step("works") { try role.work(now: now, outbox: &outbox) }
    }

    /// See `Role.tick`.
    package func tick(now: UInt64, outbox: inout Outbox) throws {
        guard hasBegun else { return }
        try step("looks after its deadlines") { try role.tick(now: now, outbox: &outbox) }
    }

    /// What heartbeats show of the role; lists are cut to the length that a heartbeat may have.
    package func snapshot(now: UInt64) -> RoleSnapshot {
        var numbers = role.numbers
        numbers["refused_messages", default: 0] += Double(undecodableMessages)
        return RoleSnapshot(
            numbers: numbers, waiting: role.waiting(now: now),
            parts: Array(role.parts(now: now).prefix(Heartbeat.listLimit)),
            learning: Array(role.learning.prefix(Heartbeat.listLimit)), distillation: role.distillation)
    }

    private func step<Result>(_ name: StaticString, _ body: () throws -> Result) rethrows -> Result {
        progress.begin(name)
        defer { progress.end() }
        return try body()
    }
}

/// What a role showed of itself after one of its steps, for the heartbeat.
package struct RoleSnapshot: Sendable {
    package var numbers: [String: Double] = [:]
    package var waiting: Waiting?
    package var parts: [CarriedPart] = []
    package var learning: [LearningReport] = []
    package var distillation = ""
}

extension Message {
    /// What a role is at that takes this message.
    fileprivate var stepName: StaticString {
        switch self {
        case .rollouts: "takes rollouts"
        case .learnLifetime: "takes up a lifetime"
        case .carryActors: "takes up actors"
        case .openStreams: "opens streams"
        case .sealStreams: "ends streams"
        case .distil: "begins to distil"
        case .evaluationJob: "takes up an evaluation"
        case .checkpointPiece: "takes a piece of a checkpoint"
        default: "takes a message"
        }
    }
}
