internal import CZeroMQ

/// What went wrong with a socket: what was attempted, why it failed and what to do about it.
///
/// Its description is a sentence for people, such as `cannot bind to tcp://0.0.0.0:5555: port 5555 on 0.0.0.0 is in use
/// (EADDRINUSE); choose another with --bind or stop the process that holds it`.
package struct TransportError: Error, Hashable, Sendable {
    /// What a caller may switch on.
    package enum Kind: Hashable, Sendable {
        /// The port or the path belongs to another process.
        case addressInUse
        /// The endpoint cannot be understood, or is not this host's.
        case address
        /// The endpoint is open to other hosts, and nothing protects it.
        case exposed
        /// A key, or a file of keys, that cannot be used.
        case key
        /// The routing id is not one.
        case identity
        /// The message is longer than the socket's limit.
        case messageTooLarge
        /// Anything else that the library or the kernel refused.
        case system
    }

    package let kind: Kind
    /// In the infinitive: `bind to tcp://127.0.0.1:5555`.
    package let attempt: String
    /// Why it failed, without a full stop.
    package let reason: String
    /// What the user can do, in the imperative; nil where there is nothing to say.
    package let remedy: String?
    /// The library's error number, 0 where the refusal is our own.
    package let errorNumber: Int32

    /// `attempt`, `reason` and `remedy` become one sentence: see the type.
    init(_ kind: Kind, attempt: String, reason: String, remedy: String? = nil, errorNumber: Int32 = 0) {
        self.kind = kind
        self.attempt = attempt
        self.reason = reason
        self.remedy = remedy
        self.errorNumber = errorNumber
    }

    /// The error that libzmq reports for this thread right now.
    ///
    /// `attempt` is in the infinitive. Call it right after the failure, on the same thread.
    static func last(_ attempt: String) -> TransportError {
        let number = zmq_errno()
        return TransportError(.system, attempt: attempt, reason: explanation(of: number), errorNumber: number)
    }

    /// `No such device (ENODEV)`.
    static func explanation(of number: Int32) -> String {
        let text = zmq_strerror(number).map { String(cString: $0) } ?? "unknown error"
        return "\(text) (\(symbol(of: number)))"
    }

    /// Names of the numbers that users meet; others are shown as numbers.
    private static func symbol(of number: Int32) -> String {
        switch number {
        case EADDRINUSE: "EADDRINUSE"
        case EADDRNOTAVAIL: "EADDRNOTAVAIL"
        case EACCES: "EACCES"
        case EAGAIN: "EAGAIN"
        case EHOSTUNREACH: "EHOSTUNREACH"
        case EINVAL: "EINVAL"
        case EMFILE: "EMFILE"
        case ENODEV: "ENODEV"
        case ENOENT: "ENOENT"
        case EPROTONOSUPPORT: "EPROTONOSUPPORT"
        default: "errno \(number)"
        }
    }
}

extension TransportError: CustomStringConvertible {
    package var description: String {
        let sentence = "cannot \(attempt): \(reason)"
        guard let remedy else { return sentence }
        return "\(sentence); \(remedy)"
    }
}
