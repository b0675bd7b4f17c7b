package import Wire

/// A role with its membership in a cluster, in one thread: for simulations, where nothing takes time. A process has a
/// thread for each of the two (`NodeProcess`).
///
/// The caller moves time and carries the messages: it calls `receive` for each message that has arrived, `work`
/// while that returns true, `tick` each 50 ms or so, and sends what is in the outbox. `Tests/Simulation` runs whole
/// clusters this way.
package final class NodeSession {
    package static let coordinatorSilenceLimitMilliseconds = Membership.coordinatorSilenceLimitMilliseconds

    private var membership: Membership
    private let runner: RoleRunner
    private var watch = WorkWatch()

    package convenience init(
        role: any Role, name: String, host: String, process: Int, endpoint: String, now: UInt64
    ) {
        let hello = Hello(
            role: role.name, name: name, host: host, process: process, endpoint: endpoint, capacity: role.capacity)
        self.init(RoleRunner(role), Membership(hello: hello, now: now))
    }

    private init(_ runner: RoleRunner, _ membership: Membership) {
        self.runner = runner
        self.membership = membership
    }

    package var role: any Role { runner.role }
    /// See `Membership.isWelcome`.
    package var isWelcome: Bool { membership.isWelcome }
    /// The role has come to its end, or the coordinator has ended the node: the caller drops the session.
    package var isFinished: Bool { membership.isStopped || runner.isFinished }
    /// The coordinator does not know the node any more: the caller goes on with `renewed`. Until then nothing is
    /// taken or done.
    package var mustRejoin: Bool { membership.mustRejoin }
    /// The list of clients that a simulated network is to let through; nil until the coordinator has sent one.
    package var allowedKeys: AllowedKeys? { membership.allowedKeys }
    /// Messages that could not be decoded.
    package var undecodableMessages: Int { membership.undecodableMessages + runner.undecodableMessages }
    /// Counters for `status`, those of the role among them.
    package var numbers: [String: Double] { membership.numbers(of: runner.snapshot(now: 0)) }

    /// The same role as a new node: under a name to which nothing has ever been sent.
    package func renewed(name: String, now: UInt64) -> NodeSession {
        runner.forgetLeases(now: now)
        return NodeSession(runner, membership.renewed(name: name, now: now))
    }

    /// One message as it came.
    package func receive(
        _ bytes: UnsafeRawBufferPointer, from sender: Address, now: UInt64, outbox: inout Outbox
    ) throws {
        if sender == .coordinator {
            try take(membership.receive(bytes, now: now, outbox: &outbox), now: now, outbox: &outbox)
        } else {
            try runner.receive(bytes, from: sender, now: now, outbox: &outbox)
        }
    }

    /// As above, for a message that was decoded already.
    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        if sender == .coordinator {
            try take(membership.receive(envelope, now: now, outbox: &outbox), now: now, outbox: &outbox)
        } else if !mustRejoin {
            try runner.receive(envelope, from: sender, now: now, outbox: &outbox)
        }
    }

    private func take(_ event: RoleEvent?, now: UInt64, outbox: inout Outbox) throws {
        if let event { try runner.take(event, now: now, outbox: &outbox) }
    }

    /// A bounded piece of the role's work; true when there is more to do at once.
    package func work(now: UInt64, outbox: inout Outbox) throws -> Bool {
        mustRejoin ? false : try runner.work(now: now, outbox: &outbox)
    }

    /// The role's deadlines and the node's signs of life. Throws what ends the node.
    package func tick(now: UInt64, outbox: inout Outbox) throws {
        guard !mustRejoin else { return }
        try runner.tick(now: now, outbox: &outbox)
        watch.look(at: runner.progress, now: now)
        try membership.tick(
            now: now, work: watch.report(now: now), snapshot: { runner.snapshot(now: now) }, outbox: &outbox)
    }
}
