package import Wire

/// A role with its membership in a cluster, in one thread: for simulations, where nothing takes time. A process has a
/// thread for each of the two (`NodeProcess`).
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
    package var isWelcome: Bool { membership.isWelcome }
    package var isFinished: Bool { membership.isStopped || runner.isFinished }
    package var mustRejoin: Bool { membership.mustRejoin }
    package var allowedKeys: AllowedKeys? { membership.allowedKeys }
    /// Messages that could not be decoded.
    package var undecodableMessages: Int { membership.undecodableMessages + runner.undecodableMessages }
    /// Counters for `status`, those of the role among them.
    package var numbers: [String: Double] { membership.numbers(of: runner.snapshot(now: 0)) }

    /// The same role as a new node: under a name that nobody has sent anything to.
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

    package func work(now: UInt64, outbox: inout Outbox) throws -> Bool {
        mustRejoin ? false : try runner.work(now: now, outbox: &outbox)
    }

    package func tick(now: UInt64, outbox: inout Outbox) throws {
        guard !mustRejoin else { return }
        try runner.tick(now: now, outbox: &outbox)
        watch.look(at: runner.progress, now: now)
        try membership.tick(
            now: now, work: watch.report(now: now), snapshot: { runner.snapshot(now: now) }, outbox: &outbox)
    }
}
