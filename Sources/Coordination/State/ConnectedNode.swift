import Nodes
import Wire

/// A node that has joined and not left. A class, changed in place, since every message changes one. Owned by
/// `NodeTable`.
final class ConnectedNode {
    /// What it said of itself when it joined, its capacity filled in where it named none.
    let hello: Hello
    var lastHeard: UInt64
    /// It was asked to leave, and is given nothing more to do.
    var isLeaving = false
    /// A recorder that was asked to leave, and first completes what it keeps: it is given no new lifetimes.
    var isRetiring = false
    let joined: UInt64
    /// Of a recorder: by what its folder is known (`RecorderLinks`); nil until it has said so, and for other roles.
    var keeper: String?
    /// What it said last.
    var heartbeat = Heartbeat()
    var numbers: [String: Double] { heartbeat.numbers }
    var rate = RateMeter()
    /// What it has complained of last, and when.
    var complaint: (reason: String, time: UInt64)?
    /// The piece of a checkpoint that it asked for last.
    var lastPiece: CheckpointRequest?
    /// The list of clients that it was told last; 0 for none.
    var allowedKeysGeneration: UInt64 = 0
    /// The secret of the tickets that a learner or a recorder is shown; nil for other roles.
    let tickets: LeaseTickets?

    init(hello: Hello, tickets: LeaseTickets?, now: UInt64) {
        self.hello = hello
        self.tickets = tickets
        lastHeard = now
        joined = now
    }
}
