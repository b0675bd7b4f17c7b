internal import CZeroMQ
internal import Glibc
internal import Synchronization

/// Decides which clients may connect to the CURVE servers of one context, and counts those that may not.
///
/// It answers libzmq's questions (RFC 27, ZAP) in a thread of its own, so that a busy role does not hold up a
/// handshake. The thread ends with the authenticator, which every server keeps alive. Until `allow` is called for the
/// first time, clients wait, as long as a handshake may take: a client that was refused would only try again after that
/// time. `allow`, `takeRefused` and the counters may be called on any thread.
package final class Authenticator: Sendable {
    /// Keeps what the thread works on alive as long as sockets may ask.
    private let context: MessageContext
    /// Shared with the thread, and kept alive by it.
    private let state = AuthenticatorState()

    /// More connections than this to one server at a time do not get into the handshake: strangers must not use up the
    /// descriptors that a process may have open. Clients try again.
    package static let halfOpenLimit = 256

    /// One authenticator a context; a second one throws `system`, and so does a lack of descriptors or threads.
    package init(
        _ context: MessageContext, halfOpenLimit: Int = Authenticator.halfOpenLimit
    ) throws(TransportError) {
        self.context = context
        guard let handle = zmq_socket(context.handle, ZMQ_REP) else { throw .last("open a socket for authentication") }
        guard zmq_bind(handle, "inproc://zeromq.zap.01") == 0 else {
            defer { zmq_close(handle) }
            throw .last("listen for requests of authentication (one authenticator a context)")
        }
        let thread: AuthenticatorThread
        do { thread = try AuthenticatorThread(requests: handle, state: state, halfOpenLimit: halfOpenLimit) } catch {
            zmq_close(handle)
            throw error
        }
        try thread.start()
    }

    /// Does not wait for the thread, which closes its sockets by itself.
    deinit { state.end() }

    /// Exactly these clients may connect from now on. What others that are connected already still send is dropped.
    ///
    /// Called whenever a list arrives; keys that are on both lists notice nothing.
    package func allow(_ keys: Set<PublicKey>) { state.allow(keys) }

    /// Attempts to connect that were refused, since the beginning.
    ///
    /// With and without a known address; for `status`.
    package var refusedConnections: UInt64 { state.refusedConnections }

    /// What was refused since the last call.
    ///
    /// For a log line now and then.
    package func takeRefused() -> RefusedConnections { state.takeRefused() }

    /// Whether a connected client has lost its permission. `user` is what `AuthenticationRequest.answer` gave it.
    ///
    /// Called with each message that a server receives; costs one atomic load as long as no key was ever removed.
    func isRemoved(_ user: UnsafePointer<CChar>?) -> Bool { state.isRemoved(user) }

    /// Watches a server's connections, before it binds. Called on the server's thread.
    func watch(server: UnsafeMutableRawPointer) throws(TransportError) {
        let address = "inproc://distillery.monitor.\(state.nextNumber())"
        guard zmq_socket_monitor(server, address, ConnectionEvent.mask | ZMQ_EVENT_MONITOR_STOPPED) == 0 else {
            throw .last("watch a server's connections")
        }
        guard let monitor = zmq_socket(context.handle, ZMQ_PAIR) else { throw .last("open a monitor's socket") }
        // The library's thread waits while a monitor's queue is full, so the queue is long.
        var limit: Int32 = 100_000
        zmq_setsockopt(monitor, ZMQ_RCVHWM, &limit, 4)
        guard zmq_connect(monitor, address) == 0 else {
            defer { zmq_close(monitor) }
            throw .last("connect to a server's monitor")
        }
        state.hand(over: monitor)
    }
}

/// What the authenticator's thread shares with the others.
///
/// The role's thread writes the list, the authenticator's reads it and counts what it refuses. Everything is behind one
/// lock but two flags, which are looked at for every message.
final class AuthenticatorState: Sendable {
    /// `@unchecked Sendable`: a socket that is handed from one thread to another through a lock, and used by one.
    ///
    /// The socket, which libzmq allows to move between threads with a full fence; the lock is one.
    struct HandedSocket: @unchecked Sendable { let handle: UnsafeMutableRawPointer }

    private struct State {
        var allowed: Set<PublicKey> = []
        /// As they stand in messages.
        var users: Set<[UInt8]> = []
        var refused = RefusedConnections()
        /// Since the beginning, unlike `refused`.
        var refusedCount: UInt64 = 0
        /// Handed over and not yet taken.
        var monitors: [HandedSocket] = []
        /// Counts monitors, for their addresses.
        var number = 0
        /// False until the first `allow`.
        var hasList = false
    }

    private let state = Mutex(State())
    /// Whether a key was ever taken from the list: until then no message needs to be looked at.
    private let hasRemoved = Atomic(false)
    private let hasEnded = Atomic(false)
    /// Nil where no descriptor was left, which the thread's initialiser then reports.
    private let wake: WakeSignal?

    init() { wake = try? WakeSignal() }

    /// For the thread's poll; -1 where there is none.
    var wakeDescriptor: Int32 { wake?.descriptor ?? -1 }

    /// Looked at after each wait.
    var isEnded: Bool { hasEnded.load(ordering: .acquiring) }

    /// Wakes the thread, which closes its sockets and ends.
    func end() {
        hasEnded.store(true, ordering: .releasing)
        wake?.raise()
    }

    /// A key that goes makes all later messages be checked against the list.
    func allow(_ keys: Set<PublicKey>) {
        state.withLock { state in
            if !state.allowed.isSubset(of: keys) { hasRemoved.store(true, ordering: .releasing) }
            state.allowed = keys
            state.users = Set(keys.map { Array($0.fingerprint.utf8) })
            state.hasList = true
        }
        wake?.raise()
    }

    /// Until it is true, requests are not read, so that clients wait.
    var hasList: Bool { state.withLock { $0.hasList } }

    /// Called by the authenticator's thread alone.
    func isAllowed(_ key: PublicKey) -> Bool { state.withLock { $0.allowed.contains(key) } }

    /// A message without a user id is from a connection that was never authenticated: removed, once any key was.
    func isRemoved(_ user: UnsafePointer<CChar>?) -> Bool {
        guard hasRemoved.load(ordering: .acquiring) else { return false }
        guard let user else { return true }
        let bytes = Array(UnsafeRawBufferPointer(start: user, count: strlen(user)))
        return state.withLock { !$0.users.contains(bytes) }
    }

    /// Called by the authenticator's thread alone.
    func refuse(_ refused: RefusedConnection) {
        state.withLock { state in
            state.refused.add(refused)
            state.refusedCount += 1
        }
    }

    /// Read by the role's thread.
    var refusedConnections: UInt64 { state.withLock { $0.refusedCount } }

    /// Empties the list and leaves the count.
    func takeRefused() -> RefusedConnections {
        state.withLock { state in
            defer { state.refused = RefusedConnections() }
            return state.refused
        }
    }

    /// Unique in this process for this authenticator, from 1.
    func nextNumber() -> Int {
        state.withLock { state in
            state.number += 1
            return state.number
        }
    }

    /// From now on the authenticator's thread owns the socket.
    func hand(over monitor: UnsafeMutableRawPointer) {
        let socket = HandedSocket(handle: monitor)
        state.withLock { $0.monitors.append(socket) }
        wake?.raise()
    }

    /// Sockets that were handed over since the last call; the caller owns them.
    func takeMonitors() -> [HandedSocket] {
        wake?.clear()
        return state.withLock { state in
            defer { state.monitors = [] }
            return state.monitors
        }
    }
}
