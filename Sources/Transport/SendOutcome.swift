/// What became of a message that was handed to a socket without waiting.
///
/// None of the three is an error: the sender keeps what was not sent, and sends it again.
package enum SendOutcome: Hashable, Sendable {
    case sent
    /// The peer's queue is full (EAGAIN): keep the message and try again later.
    case full
    /// A ROUTER knows no such peer (EHOSTUNREACH): it never came, or it has gone.
    case unreachable
}
