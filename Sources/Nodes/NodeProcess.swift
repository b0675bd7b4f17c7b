import Glibc
package import Logging
package import Monitoring
package import Processes
package import Transport
import Wire

/// Puts sockets, a clock and signals around a role: the process of every role of a cluster but the coordinator.
///
/// Two threads. This one has the sockets and the node's membership: it gives signs of life whatever the role is at, and
/// keeps what comes until the role takes it. The other is the role's (`RoleThread`). Between them is a `RoleMailbox`.
///
/// One turn of this thread, in order: join again if the coordinator asks for it; send what the sockets could not
/// take before and what the role wants sent; wait for a socket, a signal, the mailbox or the next tick (50 ms);
/// take what came. Used by the commands `distillery actor`, `learner`, `recorder`, `distiller` and `evaluator`; a
/// simulation has `NodeSession` in its place.
package final class NodeProcess {
    /// A role that is to end at once is waited for so long where it is in the middle of a step.
    private static let endMilliseconds: UInt64 = 10_000
    /// A peer is told at most so often that this node is there while its role is in a long step.
    private static let signIntervalNanoseconds: UInt64 = 1_000_000_000

    private let turns: ProcessTurns
    private let runner: RoleRunner
    private let mailbox: RoleMailbox
    private let sockets: NodeSockets
    private var membership: Membership
    private var watch = WorkWatch()
    private let wakeToken: Poller.Token
    private var outbox = Outbox()
    private let monitoring: MonitoringDesk?
    private let logger: Logger
    private let key: NodeKey?
    private var allowedGeneration: UInt64 = 0
    /// Peers that were told since `signsBegan` that this node is there, in the middle of a long step.
    private var signs: Set<PeerIdentity> = []
    private var signsBegan: UInt64 = 0

    /// - Parameters:
    ///   - bind: where a learner or a recorder listens; nil for roles that no node connects to.
    ///   - announce: the host under which others reach it, where it is not the one that it is bound to.
    ///   - key: nil in a cluster without keys.
    ///   - monitoring: where this process is asked how it is; nil without `--metrics`.
    package init(
        role: any Role, coordinator: String, bind: String?, announce: String? = nil, key: NodeKey? = nil,
        insecure: Bool = false, workLimit: @escaping WorkLimit, monitoring: MonitoringDesk? = nil, logger: Logger,
        signals: SignalWatcher
    ) throws {
        self.monitoring = monitoring
        self.logger = logger
        self.key = key
        turns = ProcessTurns(signals)
        runner = RoleRunner(role)
        mailbox = try RoleMailbox()
        let name = Self.makeName(role.name, key)
        sockets = try NodeSockets(
            name: name, coordinator: coordinator, bind: bind, announce: announce, key: key, insecure: insecure,
            poller: turns.poller, logger: logger)
        membership = Membership(
            hello: Hello(
                role: role.name, name: name, host: hostName(), process: Int(getpid()), endpoint: sockets.endpoint,
                capacity: role.capacity), workLimit: workLimit, now: turns.now)
        wakeToken = turns.poller.add(descriptor: mailbox.forSockets.descriptor)
    }

    /// Runs until the role is finished. Throws what ends it before; returns the signal that asked it to end, if any.
    package func run() throws -> Signal? {
        RoleThread(runner, mailbox, clock: turns.sharedClock, hook: TestWorkStep(role: membership.hello.role)).start()
        do { while try turn() {} } catch {
            endRole(because: "\(error)")
            throw error
        }
        if let farewell = membership.farewell { logger.notice("leaves", metadata: ["why": "\(farewell)"]) }
        endRole(because: "this node was told to end")
        try sockets.send(mailbox.takeOutgoing().items, now: turns.now)
        outbox.send(.drain(node: membership.hello.name), to: .coordinator)
        try flush()
        return turns.interruption
    }

    /// False when the node is to end.
    private func turn() throws -> Bool {
        if membership.mustRejoin { try rejoin() }
        try sockets.retryUnsent(now: turns.now)
        let outgoing = mailbox.takeOutgoing()
        sockets.apply(outgoing.standings, now: turns.now)
        try sockets.send(outgoing.items, now: turns.now)
        try flush()
        switch outgoing.ending {
        case .finished?: return false
        case .failed(let error)?: throw error
        case nil: if membership.isStopped { return false }
        }
        try wait()
        switch turns.takeRequest() {
        case .nothing: break
        case .end: if let event = membership.drain() { mailbox.put(event) }
        case .endAtOnce: return false
        }
        try receive()
        try turns.tickIfDue(tick)
        return true
    }

    private func wait() throws {
        let canDeliver = sockets.hasWaitingMessages && mailbox.room > 0
        try turns.wait(maySleep: mailbox.letSocketsSleep() && !canDeliver)
        mailbox.socketsWoke()
        if turns.poller.isReadable(wakeToken) { mailbox.forSockets.clear() }
    }

    private func tick(now: UInt64) throws {
        watch.look(at: runner.progress, now: now)
        watchClients(now: now)
        sockets.closeIdleEndpoints(now: now)
        try membership.tick(
            now: now, work: watch.report(now: now), snapshot: { mailbox.snapshot }, outbox: &outbox)
        // A role that has been in one step for longer than its work may be is not well, whatever this thread still does.
        guard watch.stillMilliseconds(now: now) < membership.workLimitMilliseconds ?? .max else { return }
        monitoring?.answer {
            let snapshot = mailbox.snapshot
            return NodeMetrics.page(
                membership.hello, isJoined: membership.isWelcome, numbers: membership.numbers(of: snapshot),
                waiting: snapshot.waiting)
        }
    }

    private func flush() throws {
        try sockets.send(outbox.items, now: turns.now)
        outbox.removeAll()
    }

    private static func makeName(_ role: RoleName, _ key: NodeKey?) -> String {
        let base = "\(role.rawValue)-\(hostName())-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        return boundName(base, to: key?.secret.publicKey).asNodeName
    }

    /// Comes back as a new node, at once: the role learns of it after its present step.
    private func rejoin() throws {
        let still = watch.stillMilliseconds(now: turns.now)
        guard still < membership.workLimitMilliseconds ?? .max else {
            throw ClusterError(
                "a step of this \(membership.hello.role.rawValue)'s work has shown no progress for \(still / 1000) s, and "
                    + "the coordinator has given it up; it ends")
        }
        logger.notice(
            "the coordinator does not know this node any more; it joins again",
            metadata: ["was": "\(membership.hello.name)"])
        let name = Self.makeName(membership.hello.role, key)
        outbox.removeAll()
        mailbox.beginAnew()
        try sockets.rename(name)
        membership = membership.renewed(name: name, now: turns.now)
    }

    /// A process that ends in the middle of its role's step leaves no thread behind that works on files.
    private func endRole(because reason: String) {
        mailbox.stop()
        let deadline = turns.now + Self.endMilliseconds * nanosecondsPerMillisecond
        while mailbox.ending == nil {
            guard turns.now < deadline else {
                logger.error(
                    "the role does not come to the end of its step; the process ends in the middle of it",
                    metadata: ["reason": "\(reason)"])
                // Nothing may be run at exit while the other thread works on.
                _exit(1)
            }
            usleep(1000)
        }
    }

    // MARK: - In

    private func receive() throws {
        try sockets.receiveFromCoordinator { message in
            let event = try message.withUnsafeBytes {
                try membership.receive($0, now: turns.now, outbox: &outbox)
            }
            if let event { mailbox.put(event) }
        }
        let now = turns.now
        let isInLongStep = watch.isInLongStep(now: now)
        try sockets.fill(now: now) { if isInLongStep { giveSign(to: $0, now: now) } }
        guard membership.isWelcome else { return }
        let room = sockets.hasWaitingMessages ? mailbox.room : 0
        var parcels: [RoleMailbox.Parcel] = []
        while parcels.count < room, let parcel = sockets.next() { parcels.append(parcel) }
        if !parcels.isEmpty { mailbox.put(parcels) }
    }

    /// Tells a peer that speaks to a role in the middle of a long step that the node is there and will answer: an
    /// acknowledgement of request 0, at most once a second for each peer.
    private func giveSign(to peer: PeerIdentity, now: UInt64) {
        if now >= signsBegan + Self.signIntervalNanoseconds {
            signs.removeAll(keepingCapacity: true)
            signsBegan = now
        }
        guard signs.insert(peer).inserted else { return }
        outbox.send(.acknowledgement, to: .peer(peer.description))
    }

    // MARK: - Counters and clients

    /// Lets in the clients that the coordinator allows, and writes those that were refused into the log.
    private func watchClients(now: UInt64) {
        sockets.report(into: &membership.counters, droppedElsewhere: mailbox.dropped, now: now)
        membership.counters["resident_bytes"] = turns.residentBytes(now: now)
        guard let authenticator = sockets.authenticator, let allowed = membership.allowedKeys,
            allowed.generation != allowedGeneration
        else { return }
        allowedGeneration = allowed.generation
        authenticator.allow(Set(allowed.keys(of: membership.hello.role).compactMap(PublicKey.init(bytes:))))
    }
}

extension String {
    /// Only what messages take as a name, the end kept where it is too long.
    fileprivate var asNodeName: String {
        let cleaned = String(map { ($0.isASCII && ($0.isLetter || $0.isNumber)) || $0 == "-" ? $0 : "-" })
        guard cleaned.utf8.count > 64 else { return cleaned }
        return String(cleaned.prefix(20)) + "-" + String(cleaned.suffix(43))
    }
}
