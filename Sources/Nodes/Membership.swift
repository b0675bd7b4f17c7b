import Transport
package import Wire

/// How many milliseconds a step of a role's work may show no progress, by the text of an experiment (YAML); nil
/// where that text cannot be read. A closure, so that this module need not know experiments.
package typealias WorkLimit = @Sendable (_ experiment: String) -> UInt64?

/// A node's place in a cluster: it introduces itself, gives signs of life, notices when the coordinator is silent. A
/// state machine of its own, so that none of this waits for the role's work.
///
/// ```
///    hello each 0.25 s        welcome            rejoin, or a welcome with another secret
///    ------------------> ... ---------> welcome ------------------------------------------> mustRejoin
///                                       heartbeat each 1 s                                  (`renewed` begins anew)
/// ```
///
/// It belongs to the thread that has the sockets. What it hands on to the role are `RoleEvent`s; a `Welcome`, a
/// `Drain` and the coordinator's work messages become such, everything else is dealt with here.
package struct Membership {
    /// A node that is not yet welcome says hello each so often.
    package static let helloIntervalMilliseconds: UInt64 = 250
    /// A coordinator that has not answered a hello for so long is taken to be absent.
    package static let welcomeLimitMilliseconds: UInt64 = 30_000
    /// Several times the coordinator's own limit, so that a coordinator which is restarted finds its nodes again.
    package static let coordinatorSilenceLimitMilliseconds: UInt64 = 30_000
    /// Shorter waits are not told of.
    package static let noticeableWaitMilliseconds: UInt64 = 1000

    /// What this node says of itself, under the name that it has now.
    package let hello: Hello
    /// The coordinator has taken this node in, under this name.
    package private(set) var isWelcome = false
    /// The coordinator, or a signal before there was one, has ended this node.
    package private(set) var isStopped = false
    /// Why the coordinator wants this node to leave; nil while it does not.
    package private(set) var farewell: String?
    /// The coordinator does not know this node (any more): it is to join again by `renewed`.
    package private(set) var mustRejoin = false
    /// Who may connect to this node; nil until the coordinator says so.
    package private(set) var allowedKeys: AllowedKeys?
    /// What the owner of the sockets has counted (dropped messages, resident bytes, ...): sent with each heartbeat,
    /// added to the role's numbers of the same name.
    package var counters: [String: Double] = [:]
    /// Messages of the coordinator that could not be decoded.
    package private(set) var undecodableMessages = 0
    /// How long a step of the role's work may show no progress, by the run's settings; nil until they are known.
    private(set) var workLimitMilliseconds: UInt64?
    private let workLimit: WorkLimit
    private var ticketSecret: [UInt8] = []
    private var nextHello: UInt64
    private var nextHeartbeat: UInt64 = 0
    private var heartbeatInterval: UInt64 = 1_000_000_000
    private var lastHeard: UInt64

    /// The limits of silence count from `now`, as if the coordinator had just been heard.
    package init(hello: Hello, workLimit: @escaping WorkLimit = { _ in nil }, now: UInt64) {
        self.hello = hello
        self.workLimit = workLimit
        nextHello = now
        lastHeard = now
    }

    /// The same node under a name to which nothing has ever been sent. The limit of its work is kept, since the run
    /// has not changed; welcome, farewell, counters and list of allowed keys begin anew.
    package func renewed(name: String, now: UInt64) -> Membership {
        var hello = hello
        hello.name = name
        var membership = Membership(hello: hello, workLimit: workLimit, now: now)
        membership.workLimitMilliseconds = workLimitMilliseconds
        return membership
    }

    /// Takes a signal to end (Ctrl-C, SIGTERM). Gives back what is to happen to the role; nil where the node has
    /// not been welcomed and holds nothing that it could leave in order: then it ends at once.
    package mutating func drain() -> RoleEvent? {
        guard isWelcome else {
            isStopped = true
            return nil
        }
        return .drain
    }

    /// One message of the coordinator as it came; gives back what it means for the role. One that cannot be decoded
    /// is answered with a failure and counted. Throws `ClusterError` where the coordinator refuses to take this
    /// node in.
    package mutating func receive(
        _ bytes: UnsafeRawBufferPointer, now: UInt64, outbox: inout Outbox
    ) throws -> RoleEvent? {
        let envelope: Envelope
        do { envelope = try Envelope(decoding: bytes) } catch {
            undecodableMessages += 1
            outbox.send(.failure("\(error)"), to: .coordinator)
            return nil
        }
        return try receive(envelope, now: now, outbox: &outbox)
    }

    package mutating func receive(_ envelope: Envelope, now: UInt64, outbox: inout Outbox) throws -> RoleEvent? {
        lastHeard = now
        switch envelope.message {
        case .welcome(let welcome):
            guard !isWelcome else {
                // From another coordinator, which a late hello of ours has reached: leases of it come with tickets that
                // its secret verifies, and those from before are void.
                mustRejoin = mustRejoin || welcome.ticketSecret != ticketSecret
                return nil
            }
            isWelcome = true
            ticketSecret = welcome.ticketSecret
            heartbeatInterval = UInt64(max(10, welcome.heartbeatIntervalMilliseconds)) * nanosecondsPerMillisecond
            workLimitMilliseconds = workLimit(welcome.experiment) ?? workLimitMilliseconds
            return .begin(welcome)
        case .drain(_, let reason):
            farewell = reason.isEmpty ? "the coordinator was asked to drain this \(hello.role.rawValue)" : reason
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            return drain()
        case .allowedKeys(let keys):
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            if keys.generation > allowedKeys?.generation ?? 0 { allowedKeys = keys }
        case .stop:
            farewell = "the run has ended, or has another \(hello.role.rawValue) already"
            isStopped = true
        case .rejoin: mustRejoin = true
        case .failure(let reason) where !isWelcome:
            throw ClusterError("the coordinator refused this \(hello.role.rawValue): \(reason)")
        default:
            if isWelcome, !mustRejoin { return .message(envelope) }
        }
        return nil
    }

    /// Says hello, or that the node is alive and what `snapshot` shows of its role; `work` is what the role is at,
    /// where that takes long. Throws `ClusterError` when the coordinator has been silent for longer than it may be.
    package mutating func tick(
        now: UInt64, work: Work?, snapshot: () -> RoleSnapshot, outbox: inout Outbox
    ) throws {
        guard !mustRejoin else { return }
        guard isWelcome else { return try introduce(now: now, outbox: &outbox) }
        if now >= nextHeartbeat {
            outbox.send(.heartbeat(heartbeat(snapshot(), work)), to: .coordinator)
            nextHeartbeat = now + heartbeatInterval
        }
        let silence = now > lastHeard ? (now - lastHeard) / nanosecondsPerMillisecond : 0
        guard silence < Self.coordinatorSilenceLimitMilliseconds else {
            throw ClusterError(
                "no word from the coordinator for \(silence / 1000) s: it has died or cannot be reached; "
                    + "this \(hello.role.rawValue) ends (the run can be resumed)")
        }
    }

    private func heartbeat(_ snapshot: RoleSnapshot, _ work: Work?) -> Heartbeat {
        // A node at work also waits now and then; only what lasts is worth saying.
        let waiting = snapshot.waiting.flatMap {
            $0.milliseconds >= Self.noticeableWaitMilliseconds ? $0 : nil
        }
        return Heartbeat(
            numbers: numbers(of: snapshot), waiting: waiting, parts: snapshot.parts, learning: snapshot.learning,
            work: work, distillation: snapshot.distillation)
    }

    /// Counters for `status`, those of the role among them.
    package func numbers(of snapshot: RoleSnapshot) -> [String: Double] {
        var numbers = snapshot.numbers
        numbers["refused_messages", default: 0] += Double(undecodableMessages)
        return numbers.merging(counters, uniquingKeysWith: +)
    }

    private mutating func introduce(now: UInt64, outbox: inout Outbox) throws {
        // A coordinator that cannot take anybody in now says at least that it is there.
        guard (max(now, lastHeard) - lastHeard) / nanosecondsPerMillisecond < Self.welcomeLimitMilliseconds else {
            throw ClusterError(
                "no answer from the coordinator within \(Self.welcomeLimitMilliseconds / 1000) s: "
                    + "is the address right, is it running, and is this node's key among those that may connect?")
        }
        guard now >= nextHello else { return }
        outbox.send(.hello(hello), to: .coordinator)
        nextHello = now + Self.helloIntervalMilliseconds * nanosecondsPerMillisecond
    }
}
