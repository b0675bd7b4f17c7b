import Experience
import Foundation
import Histories
package import Nodes
import Transport
import Wire

/// What the recorder does between messages: a turn of 30 ms, made of pieces of flushing, sealing and opening. A
/// turn ends with the piece in which its time runs out.
extension RecorderRole {
    /// A stream that is being sealed, and its copy in the making. The copy is made in pieces, becomes durable together
    /// with others, and then takes the place of the growing file.
    struct Sealing {
        let stream: StreamIdentifier
        let work: StreamSealing
    }

    /// How long one call of `work` lasts: afterwards messages are taken.
    static let workNanoseconds: UInt64 = 30_000_000
    /// Streams whose sealed copies are in the making at a time; a long one does not hold up the short ones behind it.
    static let sealingLimit = 8
    /// Streams that are flushed together.
    static let flushLimit = 16
    /// Sealed copies that become durable and take their places together.
    static let commitLimit = 64

    /// True while there is more to do at once. Blocks for as long as its calls on the disk do.
    package func work(now: UInt64, outbox: inout Outbox) throws -> Bool {
        guard lock != nil || isDraining, !isClosed else { return false }
        if hasClosedFiles { return leaveDisk() }
        var turn = Turn(
            now: now, mayFlush: now >= retryAt || isDraining, maySeal: now >= sealAgainAt || isDraining,
            clock: clock)
        var isMore = true
        while isMore, !turn.isOver {
            // Sealing makes room, and acknowledges the last rollouts; on a full disk it alone goes on.
            let hasSealed = turn.maySeal && sealPiece(&turn, outbox: &outbox)
            let hasFlushed = turn.mayFlush && flushPiece(&turn, outbox: &outbox)
            let hasOpened = try openPiece(&turn, outbox: &outbox)
            isMore = hasSealed || hasFlushed || hasOpened
        }
        commit(&turn, outbox: &outbox)
        postpone(turn)
        noteProgress()
        acknowledge(turn.durable, outbox: &outbox)
        if !turn.isBlocked, now >= retryAt { obstacle = nil }
        // A recorder that leaves on a full disk loses only rollouts that were not acknowledged.
        if isDraining, !isMore || turn.isBlocked { close() }
        return hasClosedFiles ? !isClosed : isMore
    }

    /// What one call of `work` has come to.
    struct Turn {
        let now: UInt64
        var mayFlush: Bool
        let maySeal: Bool
        private let clock: any Clock
        private let began: UInt64
        /// The machine lacks something.
        var isBlocked = false
        /// Streams with more rollouts on the disk than before.
        var durable: [StreamIdentifier] = []
        /// Copies that are whole, and only have to become durable and take their places.
        var ready: [Sealing] = []
        /// Sealings that the machine has no room for now.
        var postponed: [Sealing] = []

        init(now: UInt64, mayFlush: Bool, maySeal: Bool, clock: any Clock) {
            self.now = now
            self.mayFlush = mayFlush
            self.maySeal = maySeal
            self.clock = clock
            began = clock.now
        }

        var isOver: Bool { clock.now - began > workNanoseconds }
    }

    // MARK: - Flushing

    /// Flushes the streams that are due longest, with one wait for the disk. False when there is none.
    private func flushPiece(_ turn: inout Turn, outbox: inout Outbox) -> Bool {
        var due: [(stream: StreamIdentifier, writer: StreamWriter, since: UInt64)] = []
        while due.count < Self.flushLimit, let identifier = nextToFlush(turn.now),
            let writer = streams[identifier]?.writer
        {
            // One may be due for two reasons.
            if due.contains(where: { $0.stream == identifier }) { continue }
            due.append((identifier, writer, writer.oldestPendingTime ?? turn.now))
        }
        guard !due.isEmpty else { return false }
        let outcomes = flush(due.map { ($0.stream, $0.writer) }, now: turn.now, outbox: &outbox)
        for (entry, outcome) in zip(due, outcomes) {
            switch outcome {
            case .done: turn.durable.append(entry.stream)
            case .quarantined: break
            case .blocked:
                turn.mayFlush = false
                turn.isBlocked = true
                pending.await(entry.stream, since: entry.since)
            }
        }
        return true
    }

    /// The stream that is due longest; while the recorder drains, every stream with rollouts in memory is.
    private func nextToFlush(_ now: UInt64) -> StreamIdentifier? {
        let patience = isDraining ? 0 : StreamWriter.flushNanoseconds
        return pending.nextToFlush(ripe: now - min(now, patience)) { identifier in
            guard let stream = streams[identifier], let writer = stream.writer, !stream.isEnded else { return false }
            return isDraining ? writer.pendingRollouts > 0 : writer.isFlushDue(now: now)
        }
    }

    // MARK: - Sealing

    /// A piece of the sealing of the next stream in turn. False when there is none.
    private func sealPiece(_ turn: inout Turn, outbox: inout Outbox) -> Bool {
        while sealings.count < Self.sealingLimit, let identifier = pending.nextToSeal() {
            begin(identifier, &turn, outbox: &outbox)
        }
        guard !sealings.isEmpty else { return false }
        let sealing = sealings.removeFirst()
        var isReady = false
        let outcome = attempt(sealing.stream, now: turn.now, outbox: &outbox) { () throws(StreamError) in
            let restored = sealing.work.writer.restoredCount
            isReady = try sealing.work.advance()
            noteRestored(sealing.stream, sealing.work.writer.restoredCount - restored)
        }
        switch outcome {
        case .done where isReady:
            turn.ready.append(sealing)
            if turn.ready.count >= Self.commitLimit { commit(&turn, outbox: &outbox) }
        case .done: sealings.append(sealing)
        case .quarantined: sealing.work.abandon()
        case .blocked: postpone(sealing, &turn)
        }
        return true
    }

    /// Takes up the sealing of a stream that has ended, unless that is under way. A stream without a rollout is not
    /// sealed but forgotten, file and all.
    private func begin(_ identifier: StreamIdentifier, _ turn: inout Turn, outbox: inout Outbox) {
        guard let stream = streams[identifier], let writer = stream.writer, stream.isEnded,
            !sealings.contains(where: { $0.stream == identifier }),
            !turn.ready.contains(where: { $0.stream == identifier }),
            !turn.postponed.contains(where: { $0.stream == identifier })
        else { return }
        guard writer.position.rollouts > 0 else { return forget(identifier, writer, &turn, outbox: &outbox) }
        sealings.append(Sealing(stream: identifier, work: StreamSealing(writer)))
    }

    /// Its lifetime was cut before its first rollout: there is no stream.
    private func forget(
        _ identifier: StreamIdentifier, _ writer: StreamWriter, _ turn: inout Turn, outbox: inout Outbox
    ) {
        let outcome = attempt(identifier, now: turn.now, outbox: &outbox) { () throws(StreamError) in
            try writer.close()
            try? FileManager.default.removeItem(atPath: writer.path)
        }
        switch outcome {
        case .blocked: postpone(Sealing(stream: identifier, work: StreamSealing(writer)), &turn)
        case .quarantined: break
        case .done:
            streams[identifier]?.file = .sealed(rollouts: 0, nextEpisode: 0, rows: 0, incarnation: 0)
            turn.durable.append(identifier)
            report(identifier, rows: 0, rollouts: 0, now: turn.now, outbox: &outbox)
        }
    }

    /// What the machine lacked it may have later. Meanwhile others are sealed, which may need less.
    private func postpone(_ sealing: Sealing, _ turn: inout Turn) {
        turn.isBlocked = true
        sealAgainAt = retryAt
        sealing.work.abandon()
        turn.postponed.append(sealing)
    }

    /// Gives back what the machine had no room for, at the end of the turn, to be sealed in a later one.
    private func postpone(_ turn: Turn) {
        for sealing in turn.postponed {
            // One that has its name already is not begun anew.
            if sealing.work.isRenamed { sealings.append(sealing) } else { pending.end(sealing.stream) }
        }
    }

    /// Makes the copies that are whole durable and puts them in their places: their streams are sealed then. At most
    /// `commitLimit` together; one message to the coordinator for each lifetime.
    private func commit(_ turn: inout Turn, outbox: inout Outbox) {
        // Some may have been quarantined since their copies were made.
        let ready = turn.ready.filter { streams[$0.stream]?.writer === $0.work.writer }
        for sealing in turn.ready where streams[sealing.stream]?.writer !== sealing.work.writer {
            sealing.work.abandon()
        }
        turn.ready = []
        guard !ready.isEmpty else { return }
        var sealed: [LifetimeIdentifier: [StreamsSealed.Stream]] = [:]
        for (sealing, failure) in zip(ready, StreamSealing.commit(ready.map(\.work))) {
            let outcome = attempt(sealing.stream, now: turn.now, outbox: &outbox) { () throws(StreamError) in
                if let failure { throw failure }
            }
            switch outcome {
            case .done:
                turn.durable.append(sealing.stream)
                sealed[sealing.stream.lifetime, default: []].append(noteSealed(sealing))
            case .blocked: postpone(sealing, &turn)
            case .quarantined: break
            }
        }
        for (lifetime, streams) in sealed { report(streams, of: lifetime, now: turn.now, outbox: &outbox) }
    }

    /// Says how far that is which takes many turns.
    private func noteProgress() {
        let long = sealings.filter(\.work.isLong)
        let waiting = sealings.count + pending.endedCount
        if waiting == 0 { sealedMeanwhile = 0 }
        if let opening = openings.first {
            progress?.note("opens streams", done: opening.next, of: opening.order.actors.count)
        } else if !long.isEmpty {
            let (done, total) = long.reduce((0, 0)) { ($0.0 + $1.work.doneBytes, $0.1 + $1.work.totalBytes) }
            progress?.note("seals long streams (KiB)", done: done >> 10, of: total >> 10)
        } else if waiting > 0 {
            progress?.note("seals streams", done: sealedMeanwhile, of: sealedMeanwhile + waiting)
        } else {
            if isNotingProgress { progress?.finish() }
            isNotingProgress = false
            return
        }
        isNotingProgress = true
    }

    /// The stream's file is in its place: remembers how it ends, and gives back what the coordinator is told.
    private func noteSealed(_ sealing: Sealing) -> StreamsSealed.Stream {
        let position = sealing.work.writer.position
        streams[sealing.stream]?.file = .sealed(
            rollouts: position.rollouts, nextEpisode: position.nextFreshEpisode, rows: UInt64(position.rows),
            incarnation: position.incarnation)
        counts["sealed_streams", default: 0] += 1
        sealedMeanwhile += 1
        noteSealed(sealing.stream)
        return StreamsSealed.Stream(
            actor: sealing.stream.actor, rows: UInt64(position.rows), rollouts: position.rollouts)
    }

    /// Nothing more is done with the stream's file, which is moved aside.
    func letGo(of identifier: StreamIdentifier, _ stream: RecordedStream) {
        for sealing in sealings where sealing.stream == identifier { sealing.work.abandon() }
        sealings.removeAll { $0.stream == identifier }
        stream.writer?.abandon()
    }
}
