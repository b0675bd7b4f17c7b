internal import CZeroMQ

/// Waits until one of several sockets or file descriptors has something to read. One thread's own.
///
/// It keeps the sockets that were added alive. With nothing added, `wait` is a sleep.
package final class Poller {
    /// What a socket or descriptor is known by after it was added.
    package struct Token: Hashable, Sendable {
        fileprivate let number: Int
    }

    /// What libzmq is handed, with the results of the last wait.
    private var items: [zmq_pollitem_t] = []
    /// Numbers of the tokens, at the same places as `items`.
    private var numbers: [Int] = []
    /// Keeps what is polled alive.
    private var sockets: [Int: Socket] = [:]
    /// How many were ever added: the next token's number.
    private var added = 0

    package init() {}

    /// A socket that is waited for until there is something to read.
    @discardableResult
    package func add(_ socket: Socket) -> Token {
        let token = add(zmq_pollitem_t(socket: socket.handle, fd: -1, events: Int16(ZMQ_POLLIN), revents: 0))
        sockets[token.number] = socket
        return token
    }

    /// A file descriptor that the caller keeps open: a wake signal's, a signal watcher's.
    ///
    /// The descriptor is not closed with the poller.
    @discardableResult
    package func add(descriptor: Int32) -> Token {
        add(zmq_pollitem_t(socket: nil, fd: descriptor, events: Int16(ZMQ_POLLIN), revents: 0))
    }

    /// Does nothing where it was removed already.
    package func remove(_ token: Token) {
        guard let index = numbers.firstIndex(of: token.number) else { return }
        items.remove(at: index)
        numbers.remove(at: index)
        sockets[token.number] = nil
    }

    /// Waits at most `milliseconds`; 0 only looks. A signal to the thread ends the wait early with nothing ready.
    /// - Returns: whether anything is ready.
    ///
    /// Throws `system` for anything but an interrupted wait, such as a socket whose context has ended.
    @discardableResult
    package func wait(milliseconds: Int) throws(TransportError) -> Bool {
        let ready = zmq_poll(&items, Int32(items.count), max(0, milliseconds))
        if ready >= 0 { return ready > 0 }
        guard zmq_errno() == EINTR else { throw .last("wait for messages") }
        for index in items.indices { items[index].revents = 0 }
        return false
    }

    /// Whether the last `wait` found something to read (or the descriptor broken, which reading will tell).
    ///
    /// May be true though a `receive` then gives nil: a message that is refused counts as something to read.
    package func isReadable(_ token: Token) -> Bool { has(token, ZMQ_POLLIN | ZMQ_POLLERR) }

    private func has(_ token: Token, _ events: Int32) -> Bool {
        guard let index = numbers.firstIndex(of: token.number) else { return false }
        return items[index].revents & Int16(events) != 0
    }

    /// Numbers are never used twice, so that an old token does not mean a new socket.
    private func add(_ item: zmq_pollitem_t) -> Token {
        let token = Token(number: added)
        added += 1
        items.append(item)
        numbers.append(token.number)
        return token
    }
}
