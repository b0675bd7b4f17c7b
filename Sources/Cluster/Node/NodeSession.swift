package import Wire

/// A role with its membership in a cluster: introduces itself, gives signs of life, notices when the coordinator is
/// silent. Still a state machine.
package final class NodeSession {
    package static let helloIntervalMilliseconds: UInt64 = 250
    /// A coordinator that has not answered a hello for so long is taken to be absent.
    package static let welcomeLimitMilliseconds: UInt64 = 30_000
    /// Several times the coordinator's own limit, so that a coordinator which is restarted finds its nodes again.
    package static let coordinatorSilenceLimitMilliseconds: UInt64 = 30_000

    /// Shorter waits are not told of.
    package static let noticeableWaitMilliseconds: UInt64 = 1000

    package let role: any Role
    package private(set) var isWelcome = false
    /// Messages that could not be decoded.
    package private(set) var undecodableMessages = 0
    private let hello: Hello
    private var nextHello: UInt64
    private var nextHeartbeat: UInt64 = 0
    private var heartbeatInterval: UInt64 = 1_000_000_000
    private var lastHeard: UInt64
    private var isStopped = false
    /// The coordinator does not know this node (any more): it is to join again by `renewed`.
    package private(set) var mustRejoin = false
    /// What whoever drives the session has counted; goes out with each heartbeat, added to the role's numbers.
    package var counters: [String: Double] = [:]
    /// Who may connect to this node; nil until the coordinator says so.
    package private(set) var allowedKeys: AllowedKeys?

    package init(role: any Role, name: String, host: String, process: Int, endpoint: String, now: UInt64) {
        self.role = role
        hello = Hello(
            role: role.name, name: name, host: host, process: process, endpoint: endpoint, capacity: role.capacity)
        nextHello = now
        lastHeard = now
    }

    package var isFinished: Bool { isStopped || role.isFinished }

    /// The same role as a new node: under a name that nobody has sent anything to.
    package func renewed(name: String, now: UInt64) -> NodeSession {
        role.forgetLeases(now: now)
        return NodeSession(
            role: role, name: name, host: hello.host, process: hello.process, endpoint: hello.endpoint, now: now)
    }

    /// Ctrl-C or SIGTERM.
    package func drain(now: UInt64) { isWelcome ? role.drain(now: now) : (isStopped = true) }

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

    /// Counters for `status`, those of the role among them.
    package var numbers: [String: Double] {
        var numbers = role.numbers
        numbers["refused_messages", default: 0] += Double(undecodableMessages)
        return numbers.merging(counters, uniquingKeysWith: +)
    }

    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        if sender == .coordinator {
            lastHeard = now
            switch envelope.message {
            case .welcome(let welcome):
                if !isWelcome {
                    isWelcome = true
                    heartbeatInterval = UInt64(max(10, welcome.heartbeatIntervalMilliseconds)) * 1_000_000
                    try role.begin(welcome, now: now)
                }
                return
            case .drain:
                outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
                drain(now: now)
                return
            case .allowedKeys(let keys):
                outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
                if keys.generation > allowedKeys?.generation ?? 0 { allowedKeys = keys }
                return
            case .stop:
                isStopped = true
                return
            case .rejoin:
                mustRejoin = true
                return
            case .failure(let reason) where !isWelcome:
                throw ClusterError("the coordinator refused this \(role.name.rawValue): \(reason)")
            default: break
            }
        }
        guard isWelcome, !mustRejoin else { return }
        try role.receive(envelope, from: sender, now: now, outbox: &outbox)
    }

    package func work(now: UInt64, outbox: inout Outbox) throws -> Bool {
        isWelcome && !mustRejoin ? try role.work(now: now, outbox: &outbox) : false
    }

    package func tick(now: UInt64, outbox: inout Outbox) throws {
        guard !mustRejoin else { return }
        guard isWelcome else { return try introduce(now: now, outbox: &outbox) }
        try role.tick(now: now, outbox: &outbox)
        if now >= nextHeartbeat {
            outbox.send(.heartbeat(heartbeat(now: now)), to: .coordinator)
            nextHeartbeat = now + heartbeatInterval
        }
        let silence = now > lastHeard ? (now - lastHeard) / 1_000_000 : 0
        guard silence < Self.coordinatorSilenceLimitMilliseconds else {
            throw ClusterError(
                "no word from the coordinator for \(silence / 1000) s: it has died or cannot be reached; "
                    + "this \(role.name.rawValue) ends (the run can be resumed)")
        }
    }

    private func heartbeat(now: UInt64) -> Heartbeat {
        // Who works also waits now and then; only what lasts is worth saying.
        let waiting = role.waiting(now: now).flatMap {
            $0.milliseconds >= Self.noticeableWaitMilliseconds ? $0 : nil
        }
        return Heartbeat(
            numbers: numbers, waiting: waiting, parts: Array(role.parts(now: now).prefix(Heartbeat.listLimit)),
            learning: Array(role.learning.prefix(Heartbeat.listLimit)))
    }

    private func introduce(now: UInt64, outbox: inout Outbox) throws {
        // A coordinator that cannot take anybody in now says at least that it is there.
        guard (max(now, lastHeard) - lastHeard) / 1_000_000 < Self.welcomeLimitMilliseconds else {
            throw ClusterError(
                "no answer from the coordinator within \(Self.welcomeLimitMilliseconds / 1000) s: "
                    + "is the address right, is it running, and is this node's key among those that may connect?")
        }
        guard now >= nextHello else { return }
        outbox.send(.hello(hello), to: .coordinator)
        nextHello = now + Self.helloIntervalMilliseconds * 1_000_000
    }
}
