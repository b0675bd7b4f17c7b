import Environments
import Experience
import Experiments
import Histories
import Nodes
import Transport
import Wire

/// Opening of streams by their carriers, a slice at a time: each stream that an earlier recorder left takes
/// milliseconds.
///
/// An order goes through the checks of its message (`problem`, `missingLease`), then each of its streams is loaded
/// and flushed (`prepare`), and at last all are handed over at once (`conclude`): so a carrier gets all of its
/// streams, or is refused.
extension RecorderRole {
    /// A carrier's order, and how far it has been followed. It lasts over several turns where many files have to be
    /// recovered.
    struct Opening {
        let order: OpenStreams
        let sender: Address
        /// The next of its streams to be loaded.
        var next: Int

        /// The later one asks for the same streams.
        func isReplaced(by later: Opening) -> Bool {
            sender == later.sender && order.lifetime == later.order.lifetime && order.actors == later.order.actors
        }
    }

    /// Orders that wait for their turn. One beyond that is dropped; its sender asks again.
    static let openingLimit = 1024
    /// How long one slice may take before the recorder looks after other things.
    static let openingNanoseconds: UInt64 = 30_000_000

    /// A carrier asks to have streams opened. It is answered now or in a later turn, by `StreamsOpened` or a
    /// refusal.
    func open(
        _ open: OpenStreams, from sender: Address, _ request: UInt64, now: UInt64, outbox: inout Outbox
    ) throws {
        if let problem = problem(open) ?? missingLease(open, of: sender) {
            counts["refused_messages", default: 0] += 1
            outbox.send(.failure(problem), to: sender, request: request)
            return
        }
        var opening = Opening(order: open, sender: sender, next: 0)
        if let waiting = openings.firstIndex(where: { $0.isReplaced(by: opening) }) {
            // A carrier that asks again while it waits keeps its place.
            if openings[waiting].order != open, openings[waiting].order.incarnation <= open.incarnation {
                openings[waiting] = opening
            }
            return
        }
        guard openings.count < Self.openingLimit else { return }
        if openings.isEmpty, try advance(&opening, now: now, outbox: &outbox) { return }
        openings.append(opening)
    }

    /// Goes on with the order that came first. False when there is none. A recorder that drains opens nothing more.
    func openPiece(_ turn: inout Turn, outbox: inout Outbox) throws -> Bool {
        guard !isDraining, var opening = openings.first else { return false }
        if try advance(&opening, now: turn.now, outbox: &outbox) {
            openings.removeFirst()
        } else {
            openings[0] = opening
        }
        return true
    }

    /// Loads some of the streams; the last call answers. True when the order is done with.
    private func advance(_ opening: inout Opening, now: UInt64, outbox: inout Outbox) throws -> Bool {
        let began = clock.now
        while opening.next < opening.order.actors.count {
            guard try prepare(opening, opening.next, now: now, outbox: &outbox) else { return true }
            opening.next += 1
            if opening.next < opening.order.actors.count, clock.now - began > Self.openingNanoseconds { return false }
        }
        try conclude(opening, now: now, outbox: &outbox)
        return true
    }

    /// Makes a stream ready to be carried by who asks: loaded, and durable as far as it goes. False where it cannot be.
    private func prepare(_ opening: Opening, _ index: Int, now: UInt64, outbox: inout Outbox) throws -> Bool {
        let (order, identifier) = (opening.order, opening.order.stream(index))
        if streams[identifier] == nil {
            try load(
                identifier, order, durable: order.durable(index), from: opening.sender, now: now, outbox: &outbox)
        }
        // What the machine lacks keeps it from being opened: the carrier asks again.
        guard let stream = streams[identifier] else { return false }
        if let refusal = refusal(of: order, index, stream, from: opening.sender) {
            refuse(
                identifier, stream, order.incarnation, because: refusal, to: opening.sender, now: now, outbox: &outbox)
            return false
        }
        // The carrier goes on behind what is durable: that must be all that there is. On a full disk it asks again.
        guard let writer = stream.writer else { return true }
        return flush(identifier, writer, now: now, outbox: &outbox) != .blocked
    }

    /// Hands all the streams over at once. What has come of those that were prepared in earlier slices meanwhile, by
    /// their carriers until now or by an order, is looked at again.
    private func conclude(_ opening: Opening, now: UInt64, outbox: inout Outbox) throws {
        let order = opening.order
        for index in 0..<order.actors.count {
            guard try prepare(opening, index, now: now, outbox: &outbox) else { return }
        }
        var opened: [StreamsOpened.Stream] = []
        for index in 0..<order.actors.count {
            let identifier = order.stream(index)
            checkNothingIsLost(identifier, durable: order.durable(index), now: now, outbox: &outbox)
            guard
                let stream = take(
                    over: identifier, order.incarnation, opening.sender, durable: order.durable(index))
            else { return }
            opened.append(stream)
        }
        outbox.send(
            .streamsOpened(
                StreamsOpened(
                    lifetime: order.lifetime, firstActor: order.actors.lowerBound, incarnation: order.incarnation,
                    streams: opened)), to: opening.sender)
        acknowledge((0..<order.actors.count).map(order.stream), outbox: &outbox)
    }

    /// Why the sender cannot have the stream for its incarnation; nil when it can. What counts is what the file holds,
    /// not who comes first.
    private func refusal(
        of open: OpenStreams, _ index: Int, _ stream: RecordedStream, from sender: Address
    ) -> String? {
        let incarnation = open.incarnation
        let discarded = discardedBelow(open.lifetime)
        guard incarnation >= discarded else {
            return "incarnation \(incarnation), and the lifetime was begun anew with \(discarded)"
        }
        guard incarnation >= stream.incarnation else {
            return stream.refusal.isEmpty
                ? "incarnation \(incarnation), and the stream is at \(stream.incarnation)" : stream.refusal
        }
        // What is lived again is compared rollout by rollout.
        guard !isLivedAgain(open.lifetime), let recorded = stream.recordedIncarnation else { return nil }
        let isRepeated = stream.isOpened && stream.carrier == sender && stream.incarnation == incarnation
        guard !isRepeated else { return nil }
        guard let first = open.firstSequences.dropFirst(index).first else {
            return recorded == incarnation
                ? "incarnation \(incarnation) begins, and the file holds rollouts of it already" : nil
        }
        guard recorded < incarnation, stream.nextSequence > first else { return nil }
        return "incarnation \(incarnation) began with rollout \(first), which the file has of incarnation \(recorded)"
    }

    /// Makes `carrier` the one that carries the stream, and says where it goes on. `durable`: what was called durable
    /// to it.
    private func take(
        over identifier: StreamIdentifier, _ incarnation: UInt64, _ carrier: Address, durable: UInt64
    ) -> StreamsOpened.Stream? {
        guard var stream = streams[identifier] else { return nil }
        let isNewCarrier = incarnation > stream.incarnation
        if isLivedAgain(identifier.lifetime), isNewCarrier || !stream.isOpened || stream.carrier != carrier {
            stream.agreedSequence = durable
        }
        // The mark of the carrier before was nothing that is on disk: a recorder that is started again does not know of
        // it, so the next carrier's has its number too.
        if isNewCarrier { stream.isMarkedAgain = false }
        stream.incarnation = incarnation
        stream.carrier = carrier
        stream.isOpened = true
        stream.refusal = ""
        streams[identifier] = stream
        // The last rollout counts only once the file is sealed; a new carrier, who does not have it, adds a mark. That
        // mark has always the same number, though an answer to its carrier may be lost and asked for again.
        let isAtEnd = isNewCarrier || stream.writer == nil
        return StreamsOpened.Stream(
            nextSequence: isAtEnd ? min(stream.nextSequence, stream.agreedSequence) : stream.acknowledgedSequence,
            nextEpisode: stream.nextEpisode, state: stream.state)
    }

    /// Why streams cannot be opened: they are none of this run's. Nil when they can. They may be streams of its
    /// histories or, as many as there are seeds, of one of its evaluations.
    private func problem(_ open: OpenStreams) -> String? {
        guard let context else { return "the recorder is not part of a run yet" }
        let isEvaluation = open.lifetime.collection != .histories
        let recorded = isEvaluation ? context.evaluationSeeds : context.experiment.recordedActors
        guard !open.actors.isEmpty, open.actors.upperBound <= recorded else {
            return "\(open.lifetime): actors \(open.actors); the streams of the first \(recorded) are recorded"
        }
        do {
            _ = try context.task(open.lifetime.task)
            _ = try evaluationSource(of: open)
        } catch { return "\(error)" }
        let collect = context.experiment.collect
        let repetitions = isEvaluation ? 1 : max(collect.lifetimes, collect.testLifetimes)
        guard open.lifetime.repetition < repetitions else {
            return "\(open.lifetime): there are \(repetitions) lifetimes of a task"
        }
        return nil
    }

    /// Why the streams are not its sender's to open; nil where the coordinator has leased them to it. Nil, too, in a
    /// cluster whose coordinator gives no tickets out.
    private func missingLease(_ open: OpenStreams, of sender: Address) -> String? {
        guard let tickets else { return nil }
        let isLeased = tickets.isValid(
            open.ticket, for: open.lifetime, actors: open.actors, incarnation: open.incarnation, holder: sender)
        return isLeased ? nil : "\(open.lifetime): the streams of actors \(open.actors) are not leased to \(sender)"
    }
}

extension OpenStreams {
    /// The stream of the order's actor with this index, counted from its first actor.
    fileprivate func stream(_ index: Int) -> StreamIdentifier {
        StreamIdentifier(lifetime: lifetime, actor: actors.lowerBound + index)
    }

    /// What was called durable to its sender.
    fileprivate func durable(_ index: Int) -> UInt64 { index < durableSequences.count ? durableSequences[index] : 0 }
}
