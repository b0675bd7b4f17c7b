/// The messages that peers have sent and the role has not looked at yet, taken from a ROUTER as they come and given out
/// by turns.
///
/// A socket's own queue must never fill: libzmq 4.3 ends the whole process by an assertion when a peer disappears while
/// its queue is full (zeromq/libzmq issues 3937 and 4841). So the socket's limit is far away, everything is taken from
/// it at once, and the limits that protect our memory are kept here: what a peer sends beyond them is dropped and
/// counted. All that matters is sent again until it is answered. Senders keep so little on its way that an honest one
/// does not meet the limits.
///
/// The reader says from which peers it took something: these are known, and each has its turn. All other peers are
/// newcomers and share what is left, for names cost nothing. A peer whose messages are nearly all refused is to be
/// restrained, as the reader says: of what it sends then, few messages a second are taken and the rest is dropped
/// unread. A peer that sends less than these few loses nothing, and one that is quiet for a moment is released.
///
/// With numbers: a restrained peer is heard with 16 messages at once and then one each 5 ms, 200 a second. After 8,192
/// dropped messages or 64 MiB its connection is cut off (a newcomer's after an eighth of that); the next time it takes
/// half as much. Belongs to the thread of the socket.
package struct Inbox {
    /// For the sockets whose messages go through an inbox, or come from those that we trust.
    package static let receiveQueueMessages = 1 << 20

    /// All limits count what waits here, not what travels; each message counts 256 bytes more than its content.
    package struct Limits: Sendable {
        /// Most messages of one known peer.
        package var messages = 1 << 14
        /// Most bytes of one known peer; where nothing of it waits, a single message may be larger.
        package var bytes = 32 << 20
        /// Most bytes of all known peers. Beyond them the peer that has the most here loses messages.
        package var allBytes = 128 << 20
        /// Most messages of one peer that is not known yet.
        package var newcomerMessages = 64
        /// Most bytes of one peer that is not known yet.
        package var newcomerBytes = 4 << 20
        /// Most bytes of all peers that are not known yet.
        package var allNewcomersBytes = 16 << 20
        /// Most known peers whose messages may wait.
        package var peers = 1 << 14
        /// Most peers that are not known yet whose messages may wait.
        package var newcomerPeers = 1 << 10
        /// While messages of known peers wait, newcomers have one turn after this many turns of known peers.
        package var turnsBetweenNewcomers = 7
        /// Messages of a restrained peer that are heard at once.
        package var restrainedMessages = 16
        /// After these, one more message is heard each time that this interval has passed.
        package var restrainedIntervalNanoseconds: UInt64 = 5_000_000
        /// A restrained peer that sends nothing for this long is released.
        package var quietNanoseconds: UInt64 = 1_000_000_000
        /// A restrained peer is also released when the reader has not confirmed the restraint for this long. During a
        /// flood the reader confirms it many times a second.
        package var unconfirmedNanoseconds: UInt64 = 10_000_000_000
        /// A restrained peer that has lost this many messages is cut off: nothing more is read of its connection.
        package var messagesBeforeCut = 1 << 13
        /// The same, in bytes that it has lost.
        package var bytesBeforeCut = 64 << 20
        /// After each cut half as much suffices for the next, and the peer has to be quiet for twice as long to be
        /// released; this many times at most.
        package var harsherTimes = 6
        /// A restrained newcomer is cut off after this part of `messagesBeforeCut`: it has other names. That is still
        /// more than a carrier usually has on its way to a recorder that was started again, to which it is a newcomer.
        package var newcomersPart = 8
        /// Restrained peers that are remembered; then all are released.
        package var restrainedPeers = 1 << 12
        /// Taken from the socket in one go.
        package var messagesOfFill = 1 << 13

        /// The defaults are those of every server of a cluster; tests use smaller ones.
        package init() {}

        /// Limits of the part for known peers.
        fileprivate var known: WaitingMessages.Limits {
            WaitingMessages.Limits(messages: messages, bytes: bytes, allBytes: allBytes, peers: peers)
        }

        /// Limits of the part for newcomers.
        fileprivate var newcomers: WaitingMessages.Limits {
            WaitingMessages.Limits(
                messages: newcomerMessages, bytes: newcomerBytes, allBytes: allNewcomersBytes, peers: newcomerPeers)
        }
    }

    /// What is remembered of a restrained peer, so that it is heard at a bounded rate.
    private struct Restraint {
        /// When it last sent anything, heard or not: quiet is counted from here.
        var lastArrival: UInt64
        /// When the reader last asked for the restraint.
        var lastConfirmation: UInt64
        /// The moment up to which messages have been taken, each for one interval.
        var takenUpTo: UInt64 = 0
        /// Since it was cut off last.
        ///
        /// Messages since the last cut.
        var droppedMessages = 0
        /// Content of these, in bytes.
        var droppedBytes = 0
        /// How often its connection was cut off while it was restrained.
        var cuts = 0
        /// When that was last; 0 before the first.
        var lastCut: UInt64 = 0
    }

    private let limits: Limits
    /// Nil where every peer is known from the beginning.
    private var knownPeers: Set<PeerIdentity>?
    /// Messages of known peers: the reader has taken something of each.
    private var known: WaitingMessages
    /// Messages of all other peers.
    private var newcomers: WaitingMessages
    /// Messages of known peers since the last one of a newcomer.
    private var turnsOfKnown = 0
    /// By peer; at most `Limits.restrainedPeers`.
    private var restraints: [PeerIdentity: Restraint] = [:]
    /// Messages of restrained peers that were dropped.
    private var droppedUnread: UInt64 = 0
    /// Restrained peers whose connections are to be cut off.
    private var toCutOff: [PeerIdentity] = []
    /// How often a peer was cut off.
    package private(set) var cuts: UInt64 = 0

    /// - Parameter knowsAll: whether no peer is a newcomer, because this node chose its peers itself
    package init(limits: Limits = Limits(), knowsAll: Bool = false) {
        self.limits = limits
        knownPeers = knowsAll ? nil : []
        known = WaitingMessages(limits.known)
        newcomers = WaitingMessages(limits.newcomers)
    }

    /// Nothing waits; the socket may still have something.
    package var isEmpty: Bool { known.isEmpty && newcomers.isEmpty }
    /// Messages that were dropped since the beginning, for a limit or because their peer is restrained.
    package var dropped: UInt64 { known.dropped + newcomers.dropped + droppedUnread }
    /// Peers that are restrained right now.
    package var restrainedPeers: Int { restraints.count }

    // MARK: - In

    /// Takes what has come from the socket, at most `messagesOfFill` messages; `onArrival` hears the sender of each.
    /// Cuts off the connections of peers that go on flooding.
    ///
    /// `now` is in nanoseconds of the owner's clock. Throws what the socket throws; what was taken before stays.
    package mutating func fill(
        from socket: RouterSocket, now: UInt64, onArrival: (PeerIdentity) -> Void = { _ in }
    ) throws(TransportError) {
        for _ in 0..<limits.messagesOfFill {
            guard let (peer, message) = try socket.receive() else { return }
            append(message, from: peer, now: now)
            onArrival(peer)
            if !takePeersToCutOff().isEmpty { socket.cutOff(connectionOf: message) }
        }
    }

    /// Peers that go on flooding though they are restrained, since this was asked last.
    ///
    /// For owners that do not use `fill`, as in a simulated network.
    package mutating func takePeersToCutOff() -> [PeerIdentity] {
        guard !toCutOff.isEmpty else { return [] }
        defer { toCutOff.removeAll() }
        return toCutOff
    }

    /// Lets go of everything that waits.
    ///
    /// These messages are not counted in `dropped`.
    package mutating func removeAll() {
        known.removeAll()
        newcomers.removeAll()
    }

    /// - Parameter now: nanoseconds that never go back.
    ///
    /// Never fails: a message for which there is no room is dropped and counted, and its sender sends it again.
    package mutating func append(_ message: Frame, from peer: PeerIdentity, now: UInt64) {
        if !restraints.isEmpty, !mayBeHeard(peer, message, now: now) {
            droppedUnread += 1
        } else if isKnown(peer) {
            known.append(message, from: peer)
        } else {
            newcomers.append(message, from: peer)
        }
    }

    /// Whether the peer is known, or was known and has messages from then that still wait: these go first.
    private func isKnown(_ peer: PeerIdentity) -> Bool {
        knownPeers.map { $0.contains(peer) || known.contains(peer) } ?? true
    }

    /// A token bucket: `takenUpTo` moves by one interval a message, and may be ahead of `now` by a burst.
    private mutating func mayBeHeard(_ peer: PeerIdentity, _ message: Frame, now: UInt64) -> Bool {
        guard var restraint = restraints[peer] else { return true }
        guard !isOver(restraint, now: now) else {
            restraints[peer] = nil
            return true
        }
        restraint.lastArrival = now
        let burst = UInt64(limits.restrainedMessages - 1) * limits.restrainedIntervalNanoseconds
        let isHeard = restraint.takenUpTo <= now + burst
        if isHeard {
            restraint.takenUpTo = max(restraint.takenUpTo, now) + limits.restrainedIntervalNanoseconds
        } else {
            noteDropped(message, of: peer, &restraint, now: now)
        }
        restraints[peer] = restraint
        return isHeard
    }

    /// Each cut doubles both times, up to `harsherTimes` doublings.
    private func isOver(_ restraint: Restraint, now: UInt64) -> Bool {
        let times = UInt64(min(restraint.cuts, limits.harsherTimes))
        return now >= restraint.lastArrival + limits.quietNanoseconds << times
            || now >= restraint.lastConfirmation + limits.unconfirmedNanoseconds << times
    }

    /// Counts towards the next cut. A peer that reaches a limit is put on the list of those to be cut off.
    private mutating func noteDropped(
        _ message: Frame, of peer: PeerIdentity, _ restraint: inout Restraint, now: UInt64
    ) {
        // Messages that had arrived before the connection was cut off are no new flood.
        guard restraint.cuts == 0 || now >= restraint.lastCut + limits.quietNanoseconds else { return }
        restraint.droppedMessages += 1
        restraint.droppedBytes += message.count
        let times = min(restraint.cuts, limits.harsherTimes)
        let part = isKnown(peer) ? 1 : limits.newcomersPart
        guard
            part * restraint.droppedMessages >= limits.messagesBeforeCut >> times
                || part * restraint.droppedBytes >= limits.bytesBeforeCut >> times
        else { return }
        restraint.cuts += 1
        restraint.lastCut = now
        (restraint.droppedMessages, restraint.droppedBytes) = (0, 0)
        toCutOff.append(peer)
        cuts += 1
    }

    // MARK: - What the reader says of peers

    /// Something of the peer was taken: from now on it has turns of its own.
    ///
    /// Messages of the peer that wait among the newcomers' keep their order and come behind those that wait among the
    /// known ones.
    package mutating func know(_ peer: PeerIdentity) {
        guard knownPeers?.insert(peer).inserted == true else { return }
        for message in newcomers.takeAll(of: peer) { known.append(message, from: peer) }
    }

    /// From now on all peers are newcomers until something of them is taken.
    ///
    /// The reader says so when it has known too many peers and counts anew.
    package mutating func forgetPeers() { knownPeers?.removeAll() }

    /// From now on little is taken of the peer. Of what waits, only the last messages stay: a peer that was confused
    /// may say there how it wants to begin anew.
    ///
    /// Called again while it goes on, it only renews the confirmation.
    package mutating func restrain(_ peer: PeerIdentity, now: UInt64) {
        guard restraints[peer] == nil else {
            restraints[peer]?.lastConfirmation = now
            return
        }
        if restraints.count >= limits.restrainedPeers { releaseQuiet(now: now) }
        restraints[peer] = Restraint(lastArrival: now, lastConfirmation: now)
        known.dropAll(of: peer, butLast: limits.restrainedMessages)
        newcomers.dropAll(of: peer, butLast: limits.restrainedMessages)
    }

    /// Makes room for another restraint: those that are over go, or all where none is.
    private mutating func releaseQuiet(now: UInt64) {
        restraints = restraints.filter { !isOver($0.value, now: now) }
        if restraints.count >= limits.restrainedPeers { restraints.removeAll() }
    }

    /// Everything of the peer is taken again, within the limits.
    ///
    /// The reader says so where it takes the peer's messages again.
    package mutating func release(_ peer: PeerIdentity) { restraints[peer] = nil }

    // MARK: - Out

    /// The next message, of another peer than the last where more than one have sent something.
    ///
    /// Nil when nothing waits. Known peers have seven turns to one of the newcomers, where both wait.
    ///
    /// Within both parts peers take turns, as `WaitingMessages.next` has them.
    package mutating func next() -> (peer: PeerIdentity, message: Frame)? {
        if known.isEmpty || turnsOfKnown >= limits.turnsBetweenNewcomers, let item = newcomers.next() {
            turnsOfKnown = 0
            return item
        }
        turnsOfKnown += 1
        return known.next()
    }
}
