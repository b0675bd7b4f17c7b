package import Environments
package import Wire

/// What carries some streams, in its talk with their recorder: asks where they stand, keeps what is not durable yet, and
/// sends it again when something was lost.
package struct RecorderDialogue {
    package static let requestIntervalMilliseconds: UInt64 = 1000
    /// A recorder that has acknowledged nothing for so long is asked where it stands.
    package static let silenceMilliseconds: UInt64 = 5000
    /// Every batch that comes too early makes the recorder ask again. If each time everything that is on its way were
    /// sent again, one gap that nobody can fill would make ever more messages.
    package static let resendIntervalMilliseconds: UInt64 = 100

    package private(set) var endpoint: String
    /// The recorder at `endpoint` has said where the streams stand.
    package private(set) var isOpen = false
    /// The last question; only its answer is taken for one.
    private var asked: OpenStreams?
    private var unacknowledged = UnacknowledgedRollouts()
    /// When the last message was sent that the recorder has yet to answer, or its last answer came.
    private var lastSign: UInt64 = 0
    private var nextResend: UInt64 = 0
    /// When the recorder last said something, or was first to answer something after that.
    package private(set) var waitsSince: UInt64 = 0

    package init(endpoint: String) { self.endpoint = endpoint }

    private var address: Address { .endpoint(endpoint) }
    /// The recorder is there and does not keep up: more would only wait here.
    package var isCongested: Bool { isOpen && !unacknowledged.hasRoom }
    /// Everything that was sent is durable, or belongs to streams that are quarantined.
    package var isDone: Bool { unacknowledged.isEmpty }
    package var unacknowledgedBytes: Int { unacknowledged.byteCount }
    /// Every stream of `actors` is on disk up to this sequence, as far as the recorder has said.
    package func durableSequence(of actors: Range<Int>) -> UInt64 { unacknowledged.durableSequence(of: actors) }

    /// Somebody who waits for the recorder's word before he speaks says that everything of `actor` before `sequence` is
    /// on disk.
    package mutating func know(actor: Int, isDurableTo sequence: UInt64) {
        unacknowledged.acknowledge(actor: actor, next: sequence)
    }

    /// The recorder has come back elsewhere; it is to be asked where it stands.
    package mutating func move(to endpoint: String) {
        self.endpoint = endpoint
        isOpen = false
        unacknowledged.rewind()
    }

    /// Asks where the streams stand, and says what of them was called durable: a recorder that has less has lost it.
    package mutating func ask(_ request: OpenStreams, now: UInt64, outbox: inout Outbox) {
        if asked == nil { waitsSince = now }
        lastSign = now
        var request = request
        request.durableSequences = request.actors.map { unacknowledged.durableSequence(of: $0) }
        asked = request
        outbox.send(.openStreams(request), to: address)
    }

    /// What was on its way to a recorder may be lost, and it may have been restarted: asking makes it say where it
    /// stands.
    package func isOverdue(now: UInt64) -> Bool {
        let patience = isOpen ? Self.silenceMilliseconds : Self.requestIntervalMilliseconds
        return (!isOpen || !unacknowledged.isEmpty) && now >= lastSign + patience * 1_000_000
    }

    /// The recorder has said where the streams stand: what it lacks of what was sent is sent again. False for what
    /// does not answer the last question, or comes from another.
    package mutating func take(
        _ opened: StreamsOpened, from sender: Address, now: UInt64, outbox: inout Outbox
    ) -> Bool {
        guard sender == address, let asked, opened.lifetime == asked.lifetime,
            opened.incarnation == asked.incarnation, opened.firstActor == asked.actors.lowerBound,
            opened.streams.count == asked.actors.count
        else { return false }
        isOpen = true
        lastSign = now
        waitsSince = now
        for (actor, stream) in zip(asked.actors, opened.streams) {
            take(stream.state, nextSequence: stream.nextSequence, of: actor)
        }
        unacknowledged.drop()
        unacknowledged.rewind()
        unacknowledged.send(to: address, outbox: &outbox)
        return true
    }

    private mutating func take(_ state: StreamState, nextSequence: UInt64, of actor: Int) {
        if state == .quarantined {
            unacknowledged.ignore(actor: actor)
        } else {
            unacknowledged.acknowledge(actor: actor, next: nextSequence)
        }
    }

    /// Whether `sender` is the recorder that this dialogue is with.
    package func isWith(_ sender: Address) -> Bool { sender == address }

    /// Keeps these rollouts, encoded, until they are durable.
    /// - Returns: whether they are to be sent to the recorder at once; otherwise the dialogue does it when there is room.
    package mutating func append(
        _ bytes: [UInt8], _ headers: [RolloutHeader], recordedActors: Int, now: UInt64
    ) -> Bool {
        if unacknowledged.isEmpty {
            lastSign = now
            waitsSince = now
        }
        return unacknowledged.append(bytes, headers, recordedActors: recordedActors, mayBeSent: isOpen)
    }

    /// Takes what the message says of the actors in `actors`, if the recorder of this dialogue says it.
    package mutating func take(
        _ durable: RolloutsDurable, actors: Range<Int>, from sender: Address, now: UInt64, outbox: inout Outbox
    ) {
        let streams = durable.streams.filter { actors.contains($0.actor) }
        guard isWith(sender), !streams.isEmpty else { return }
        lastSign = now
        waitsSince = now
        for stream in streams { take(stream.state, nextSequence: stream.nextSequence, of: stream.actor) }
        unacknowledged.drop()
        if durable.resend, now >= nextResend {
            nextResend = now + Self.resendIntervalMilliseconds * 1_000_000
            unacknowledged.rewind()
        }
        // One that does not know these streams any more says so by silence and is asked first.
        if isOpen { unacknowledged.send(to: address, outbox: &outbox) }
    }
}
