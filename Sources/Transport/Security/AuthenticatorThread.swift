internal import CZeroMQ
internal import Glibc

/// The thread that answers requests of authentication and reads the monitors of servers, until the authenticator ends.
///
/// `@unchecked Sendable`: made by one thread, used by the one that it starts, and by no other.
final class AuthenticatorThread: @unchecked Sendable {
    /// The events of one server's socket, and what they have told of its connections.
    private struct Monitor {
        let handle: UnsafeMutableRawPointer
        var watch = ConnectionWatch()
    }

    /// Requests, and events of one server, that are taken before the others' turn.
    ///
    /// Events of one server; requests have a bound of their own above.
    private static let requestsInARow = 64
    private static let eventsInARow = 1024

    /// The REP socket to which libzmq sends its questions.
    private let requests: UnsafeMutableRawPointer
    private let state: AuthenticatorState
    private let halfOpenLimit: Int
    /// One for each server that is alive; a stopped one is removed.
    private var monitors: [Monitor] = []

    /// Takes `requests` over: the thread closes it at its end.
    init(
        requests: UnsafeMutableRawPointer, state: AuthenticatorState, halfOpenLimit: Int
    ) throws(TransportError) {
        guard state.wakeDescriptor >= 0 else { throw .last("open an event descriptor") }
        self.requests = requests
        self.state = state
        self.halfOpenLimit = halfOpenLimit
    }

    /// The thread keeps itself alive until it ends. All signals are blocked in it. Throws `system` where no thread can
    /// be made.
    func start() throws(TransportError) {
        // Signals are for the main thread, which looks at them.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(self)
        let failure = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<AuthenticatorThread>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard failure == 0 else {
            argument.release()
            zmq_close(requests)
            throw TransportError(
                .system, attempt: "start the thread of authentication",
                reason: TransportError.explanation(of: failure), errorNumber: failure)
        }
        pthread_detach(thread)
    }

    /// All that the thread does. Sockets are closed on the thread that used them.
    private func run() {
        while wait() {}
        zmq_close(requests)
        for socket in state.takeMonitors() { zmq_close(socket.handle) }
        for monitor in monitors { zmq_close(monitor.handle) }
    }

    /// Waits for something and handles it. False at the end.
    ///
    /// Requests first, then events of each server, then new servers.
    private func wait() -> Bool {
        let event = Int16(ZMQ_POLLIN)
        var items = [
            zmq_pollitem_t(socket: nil, fd: state.wakeDescriptor, events: event, revents: 0),
            zmq_pollitem_t(socket: requests, fd: -1, events: state.hasList ? event : 0, revents: 0),
        ]
        items += monitors.map { zmq_pollitem_t(socket: $0.handle, fd: -1, events: event, revents: 0) }
        guard zmq_poll(&items, Int32(items.count), -1) >= 0 else { return zmq_errno() == EINTR }
        guard !state.isEnded else { return false }
        if items[1].revents != 0 {
            for _ in 0..<Self.requestsInARow {
                guard let frames = receive(from: requests) else { break }
                answer(frames)
            }
        }
        for index in monitors.indices.reversed() where items[index + 2].revents != 0 { readEvents(of: index) }
        if items[0].revents != 0 { monitors += state.takeMonitors().map { Monitor(handle: $0.handle) } }
        return true
    }

    /// A refusal is counted with its reason before the client hears of it.
    private func answer(_ frames: [[UInt8]]) {
        let request = AuthenticationRequest(frames)
        let isAllowed = request.key.map(state.isAllowed) ?? false
        if !isAllowed {
            state.refuse(
                RefusedConnection(
                    address: request.address, reason: request.key == nil ? .malformedHandshake : .unknownKey))
        }
        let answer = request.answer(isAllowed: isAllowed)
        for (index, frame) in answer.enumerated() {
            let flags = index + 1 < answer.count ? ZMQ_SNDMORE : 0
            // A request that cannot be answered has lost its asker.
            while zmq_send(requests, frame, frame.count, flags) < 0, zmq_errno() == EINTR {}
        }
    }

    /// Counts connections that came to nothing, and ends those above the limit of half-open ones.
    private func readEvents(of index: Int) {
        for _ in 0..<Self.eventsInARow {
            guard let frames = receive(from: monitors[index].handle) else { return }
            guard let first = frames.first, first.count == 6 else { continue }
            let event = first.withUnsafeBytes { Int32($0.loadUnaligned(as: UInt16.self)) }
            let value = first.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 2, as: Int32.self) }
            if event == ZMQ_EVENT_MONITOR_STOPPED {
                zmq_close(monitors.remove(at: index).handle)
                return
            }
            guard let event = ConnectionEvent(event: event, value: value) else { continue }
            if let refused = monitors[index].watch.take(event) { state.refuse(refused) }
            if case .accepted(let descriptor, _) = event, monitors[index].watch.halfOpen > halfOpenLimit {
                // The library notices the end and closes it. Should it have done so already, the number may be
                // another connection's by now: that client connects again.
                shutdown(descriptor, Int32(SHUT_RDWR))
            }
        }
    }

    /// The frames of the next message; nil when there is none.
    ///
    /// Never waits.
    private func receive(from socket: UnsafeMutableRawPointer) -> [[UInt8]]? {
        var frames: [[UInt8]] = []
        while true {
            let frame = Frame()
            while zmq_msg_recv(frame.handle, socket, ZMQ_DONTWAIT) < 0 {
                guard zmq_errno() == EINTR else { return nil }
            }
            frames.append(frame.bytes)
            if zmq_msg_more(frame.handle) == 0 { return frames }
        }
    }
}
