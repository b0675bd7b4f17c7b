package import Logging
package import Transport

/// How a role, or the coordinator, stands with its peers: from which it has taken something, and from which it
/// refuses nearly everything. Only the role can tell that; the `Inbox` of the sockets is told by `Change`s and acts
/// on it.
///
/// A peer that floods us with what must be refused is restrained: most of what it sends is dropped unread. An
/// honest peer that was replaced is refused a few messages, gives up what it had, and is released as soon as
/// something of it is taken or nothing of it was refused for a moment.
///
/// Each peer has a score, at least 0: one up for a refused message, at most to 32, one down for a taken one. At 16 it
/// is restrained. Every further 16 refusals confirm the restraint, which the sockets end by themselves otherwise.
package struct PeerStandings {
    /// So many messages more have to be refused than taken.
    package static let refusalsBeforeRestraint = 16
    /// A restrained peer is released after so many taken messages at most.
    package static let worstScore = 32
    /// A peer whose messages were not refused for so long begins anew.
    package static let quietNanoseconds = Inbox.Limits().quietNanoseconds
    /// So many peers with lately refused messages are remembered; at more, all begin anew.
    package static let refusedPeerLimit = 4096
    /// So many peers with taken messages are remembered, more than there may be nodes; at more, all are newcomers
    /// again.
    package static let knownPeerLimit = 1 << 15

    /// What the sockets' `Inbox` is to do, with the peer's name.
    package enum Change: Equatable, Sendable {
        /// Something of it was taken for the first time: it gets turns of its own.
        case known(String)
        /// Most of what it sends is to be dropped unread.
        case restrained(String)
        /// It is a peer like others again.
        case released(String)
        /// All are newcomers.
        case forgotten
    }

    private struct Standing {
        var score = 0
        var lastRefusal: UInt64 = 0
        /// Refusals until the next restraint is told: the sockets release by themselves the peers that are quiet.
        var untilRestraint = 1
        var isRestrained = false
    }

    private var standings: [String: Standing] = [:]
    private var known: Set<String> = []
    /// Changes of standing since they were taken last.
    private var changes: [Change] = []

    package init() {}

    /// - Parameter now: nanoseconds that never go back.
    package mutating func note(_ sender: Address, isRefused: Bool, now: UInt64) {
        guard case .peer(let name) = sender else { return }
        if isRefused { noteRefused(name, now: now) } else { noteTaken(name) }
    }

    /// `before` and `after` the sender's message was received.
    package mutating func note(_ sender: Address, _ before: Outbox.Verdicts, _ after: Outbox.Verdicts, now: UInt64) {
        let isRefused = after.refusals > before.refusals
        guard isRefused || after.disregards == before.disregards else { return }
        note(sender, isRefused: isRefused, now: now)
    }

    private mutating func noteRefused(_ name: String, now: UInt64) {
        if standings.count >= Self.refusedPeerLimit, standings[name] == nil { forgetQuiet(now: now) }
        var standing = standings[name] ?? Standing()
        if now >= standing.lastRefusal + Self.quietNanoseconds {
            standing = Standing(isRestrained: standing.isRestrained)
        }
        standing.lastRefusal = now
        standing.score = min(standing.score + 1, Self.worstScore)
        if standing.score >= Self.refusalsBeforeRestraint {
            standing.untilRestraint -= 1
            if standing.untilRestraint <= 0 {
                changes.append(.restrained(name))
                standing.isRestrained = true
                standing.untilRestraint = Self.refusalsBeforeRestraint
            }
        }
        standings[name] = standing
    }

    private mutating func noteTaken(_ name: String) {
        if !known.contains(name) { know(name) }
        guard !standings.isEmpty, var standing = standings[name] else { return }
        standing.score -= 1
        standings[name] = standing.score > 0 ? standing : nil
        if standing.score <= 0, standing.isRestrained { changes.append(.released(name)) }
    }

    private mutating func know(_ name: String) {
        if known.count >= Self.knownPeerLimit {
            known.removeAll()
            changes.append(.forgotten)
        }
        known.insert(name)
        changes.append(.known(name))
    }

    private mutating func forgetQuiet(now: UInt64) {
        var forgotten = standings.filter { now >= $0.value.lastRefusal + Self.quietNanoseconds }
        if standings.count - forgotten.count >= Self.refusedPeerLimit { forgotten = standings }
        for (name, standing) in forgotten {
            standings[name] = nil
            if standing.isRestrained { changes.append(.released(name)) }
        }
    }

    /// What has changed since the last call, in order.
    package mutating func takeChanges() -> [Change] {
        guard !changes.isEmpty else { return [] }
        defer { changes.removeAll() }
        return changes
    }
}

extension Inbox {
    /// Carries out what the role finds, for every connection that goes by the name. `now`: nanoseconds that never
    /// go back.
    package mutating func apply(_ changes: [PeerStandings.Change], now: UInt64) {
        for change in changes {
            switch change {
            case .known(let name): for peer in PeerIdentity.described(as: name) { know(peer) }
            case .restrained(let name): for peer in PeerIdentity.described(as: name) { restrain(peer, now: now) }
            case .released(let name): for peer in PeerIdentity.described(as: name) { release(peer) }
            case .forgotten: forgetPeers()
            }
        }
    }
}

/// Writes the names of restrained peers into the log, each once and 64 at most, since names cost their peers
/// nothing.
package struct RestraintLog {
    static let nameLimit = 64

    private var names: Set<String> = []

    package init() {}

    /// One warning for each newly restrained name.
    package mutating func report(_ changes: [PeerStandings.Change], to logger: Logger) {
        for case .restrained(let name) in changes where names.count < Self.nameLimit && names.insert(name).inserted {
            logger.warning(
                "nearly everything that a peer sends is refused; most of it is dropped unread from now on",
                metadata: ["peer": "\(name)"])
        }
    }
}
