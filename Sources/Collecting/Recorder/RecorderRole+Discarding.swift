import Environments
import Experience
import Histories
import Logging
import Wire

/// Lifetimes that are lived anew from their beginning, because what was lived again came out otherwise. Only
/// lockstep and evaluations can be: they have to give the same rollouts each time.
extension RecorderRole {
    /// Lower incarnations of the lifetime's streams are refused, by the recorders that come after this one too. 0 where
    /// nothing was discarded. Read from the mark beside the lifetime's files, once for each lifetime, and then
    /// remembered.
    func discardedBelow(_ lifetime: LifetimeIdentifier) -> UInt64 {
        // Asynchronous streams go on as new incarnations; nothing of them is ever discarded.
        guard isLivedAgain(lifetime) else { return 0 }
        if let known = discards[lifetime] { return known }
        let found = DiscardedStreams(of: folder(of: lifetime))?.incarnation ?? 0
        if discards.count >= Self.rememberedSealedStreams { discards.removeAll() }
        discards[lifetime] = found
        return found
    }

    /// Where the lifetime's files lie.
    private func folder(of lifetime: LifetimeIdentifier) -> String {
        let file = StreamIdentifier(lifetime: lifetime, actor: 0).path
        return folder + "/" + file.split(separator: "/").dropLast().joined(separator: "/")
    }

    /// Moves the lifetime's files aside, and remembers the mark. An order that was carried out before, or that the
    /// lifetime has gone on behind, changes nothing. False when the disk has no room for it now: the order will
    /// come again.
    func discard(_ order: DiscardStreams, now: UInt64) throws -> Bool {
        guard isLivedAgain(order.lifetime), order.incarnation >= discardedBelow(order.lifetime) else { return true }
        if let mark = DiscardedStreams(of: folder(of: order.lifetime)), mark.isComplete,
            mark.incarnation == order.incarnation
        {
            return true
        }
        // An order that comes late, from a coordinator that has died since: the lifetime has gone on behind it.
        let hasGoneOn = streams.contains { identifier, stream in
            identifier.lifetime == order.lifetime && stream.isOpened && stream.refusal.isEmpty
                && stream.incarnation >= order.incarnation && stream.incarnation != .max
        }
        guard !hasGoneOn else { return true }
        for (identifier, stream) in streams where identifier.lifetime == order.lifetime {
            letGo(of: identifier, stream)
            streams[identifier] = nil
        }
        do throws(StreamError) {
            try bringHome(order.lifetime)
            try DiscardedStreams.setAside(
                folder(of: order.lifetime), incarnation: order.incarnation, reason: order.reason)
        } catch {
            logger.warning("a lifetime's files could not be moved aside", metadata: ["reason": "\(error)"])
            return false
        }
        discards[order.lifetime] = order.incarnation
        checksums.forget()
        counts["discarded_lifetimes", default: 0] += 1
        logger.warning(
            "a lifetime is lived anew from its beginning; its files were moved aside",
            metadata: ["lifetime": "\(order.lifetime)", "reason": "\(order.reason)"])
        return true
    }
}
