package import Experience
package import Nodes
import Transport
package import Wire

/// The side of a carrier in its talk with the recorder of some streams: asks where they stand, keeps what is not
/// durable yet, and sends it again when something was lost. Used for the parts of an actor process and the jobs of
/// an evaluator.
///
/// ```
///    ask (OpenStreams)  ------------------------>        isOpen = false
///                       <------------- StreamsOpened     take(opened): isOpen, the window is sent
///    append (Rollouts)  ------------------------>
///                       <------------ RolloutsDurable    take(durable): what is durable is dropped
///         5 s of silence: ask again; refused or fruitless six times: `refusal`
/// ```
///
/// The owner sends what `append` tells it to, calls `ask` when `isOverdue`, and gives the streams up where there is
/// a `refusal`. Every wait doubles while nothing comes of it.
package struct RecorderDialogue {
    /// A recorder that has not yet said where the streams stand is asked again after this time.
    package static let requestIntervalMilliseconds: UInt64 = 1000
    /// A recorder that has acknowledged nothing for so long is asked where it stands.
    package static let silenceMilliseconds: UInt64 = 5000
    /// Each question that brings nothing doubles the wait before the next, up to so many doublings.
    package static let longestBackoff = 3
    /// A question that was not answered is asked again after this time at the latest: it may have been lost.
    package static let longestSilenceMilliseconds: UInt64 = 10_000
    /// Every batch that comes too early makes the recorder ask again. If each time everything that is on its way were
    /// sent again, one gap that no carrier can fill would make ever more messages.
    package static let resendIntervalMilliseconds: UInt64 = 100
    /// Each resend that brings nothing doubles the wait before the next, up to so many doublings.
    package static let longestResendBackoff = 5
    /// How a refusal begins that the recorder gave no reason for.
    package static let nothingTaken = "the recorder answers, but took nothing"
    /// So often at most is the same asked, or sent again and not taken, before the streams are given up.
    package static let fruitlessLimit = 6

    /// Where the recorder listens, as the coordinator has said last.
    package private(set) var endpoint: String
    /// The recorder at `endpoint` has said where the streams stand.
    package private(set) var isOpen = false
    /// The last question; only its answer is taken for one.
    private var asked: OpenStreams?
    /// The rollouts that are not durable, and how far each stream is.
    private var unacknowledged = UnacknowledgedRollouts()
    /// When the last message was sent that the recorder has yet to answer, or its last answer came.
    private var lastSign: UInt64 = 0
    /// Nanoseconds before which no request to send again is followed.
    private var nextResend: UInt64 = 0
    /// Resends since something was last called durable.
    private var vainResends = 0
    /// What the recorder takes, as far as is known here.
    private var ticket: [UInt8]?
    /// The recorder takes another ticket than before, and has said nothing since.
    private var mayHaveForgotten = false
    /// The number of the last question.
    private var question: UInt64 = 0
    /// Questions since the recorder last said something.
    private var unanswered = 0
    /// A question was asked since the recorder last answered one: of the answers to several questions the first
    /// alone is news.
    private var isAsking = false
    /// Answers since something was last called durable though the recorder owed it; refusals of the question.
    private var fruitless = 0
    /// Why the last question was refused; empty where the recorder answers and yet takes nothing.
    private var lastRefusal = ""
    /// The sequences with which this incarnation of the streams began, once the recorder has said where they stand.
    private var began: [UInt64] = []
    /// When the recorder last said something or, where it owed nothing then, when it first owed something after
    /// that.
    package private(set) var waitsSince: UInt64 = 0

    package init(endpoint: String) { self.endpoint = endpoint }

    /// The recorder, as the outbox and the senders of messages name it.
    private var address: Address { .endpoint(endpoint) }
    /// The recorder is there and does not keep up: the owner is to make no more, which would only wait here.
    package var isCongested: Bool { isOpen && !unacknowledged.hasRoom }
    /// Everything that was sent is durable, or belongs to streams that are quarantined.
    package var isDone: Bool { unacknowledged.isEmpty }
    /// Bytes of everything that is kept, sent or not.
    package var unacknowledgedBytes: Int { unacknowledged.byteCount }
    /// Every stream of `actors` is on disk up to this sequence, as far as the recorder has said.
    package func durableSequence(of actors: Range<Int>) -> UInt64 { unacknowledged.durableSequence(of: actors) }

    /// A learner, which waits for the recorder's word before it speaks, says that everything of `actor` before
    /// `sequence` is on disk.
    package mutating func know(actor: Int, isDurableTo sequence: UInt64) {
        unacknowledged.acknowledge(actor: actor, next: sequence)
    }

    /// The recorder takes this ticket from now on. Where it is another than before, the recorder has joined the coordinator
    /// once more, as one does that was started again at the same endpoint and knows nothing of the streams: it is asked
    /// soon if it says nothing.
    package mutating func expect(_ ticket: [UInt8]) {
        mayHaveForgotten = mayHaveForgotten || self.ticket.map { $0 != ticket } ?? false
        self.ticket = ticket
    }

    /// The recorder has come back at another endpoint. It has to be asked where the streams stand, and what was on
    /// its way to the old one is sent again then.
    package mutating func move(to endpoint: String) {
        self.endpoint = endpoint
        isOpen = false
        unanswered = 0
        unacknowledged.rewind()
    }

    /// Why the streams cannot be recorded from here; nil while there is hope. The recorder is there, answers, and takes
    /// nothing.
    package var refusal: String? {
        guard fruitless >= Self.fruitlessLimit else { return nil }
        return lastRefusal.isEmpty
            ? "\(Self.nothingTaken) of what was sent \(fruitless) times" : lastRefusal
    }

    /// Asks where the streams stand, and says what of them was called durable: a recorder that has less has lost it.
    /// - Parameter number: of the question, by which a refusal is known for its answer; 0 for none.
    package mutating func ask(_ request: OpenStreams, number: UInt64 = 0, now: UInt64, outbox: inout Outbox) {
        if asked == nil { waitsSince = now }
        ticket = request.ticket
        lastSign = now
        unanswered += 1
        question = number
        isAsking = true
        var request = request
        request.durableSequences = request.actors.map { unacknowledged.durableSequence(of: $0) }
        request.firstSequences = began.count == request.actors.count ? began : []
        asked = request
        outbox.send(.openStreams(request), to: address, request: number)
    }

    /// The recorder refuses to answer the question with this number.
    package mutating func refuse(_ reason: String, number: UInt64, from sender: Address) {
        guard sender == address, number == question, number != 0 else { return }
        question = 0
        fruitless += 1
        lastRefusal = reason
    }

    /// What was on its way to a recorder may be lost, and it may have been restarted: asking makes it say where it
    /// stands.
    package func isOverdue(now: UInt64) -> Bool {
        let first =
            isOpen && !mayHaveForgotten ? Self.silenceMilliseconds : Self.requestIntervalMilliseconds
        func doubled(_ times: Int) -> UInt64 { first << UInt64(max(0, min(times, Self.longestBackoff))) }
        let patience = max(doubled(fruitless), min(doubled(unanswered - 1), Self.longestSilenceMilliseconds))
        return (!isOpen || !unacknowledged.isEmpty) && now >= lastSign + patience * nanosecondsPerMillisecond
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
        mayHaveForgotten = false
        lastSign = now
        waitsSince = now
        unanswered = 0
        if began.isEmpty { began = opened.streams.map(\.nextSequence) }
        // What has ended is acknowledged when it is sealed, which may take as long as it takes.
        let owing = Set(zip(asked.actors, opened.streams).filter { $1.state == .recording }.map { $0.0 })
        let mayOwe = unacknowledged.waits(forAny: owing)
        for (actor, stream) in zip(asked.actors, opened.streams) {
            take(stream.state, nextSequence: stream.nextSequence, of: actor)
        }
        if unacknowledged.drop() || !mayOwe {
            noteProgress()
        } else if isAsking {
            fruitless += 1
        }
        // A recorder that stood still answers all that it was asked meanwhile, before it has what is sent again now: sent
        // again for every answer, that would be many times as much.
        if isAsking { unacknowledged.rewind() }
        isAsking = false
        unacknowledged.send(to: address, outbox: &outbox)
        return true
    }

    /// Something became durable, or nothing was owed: the recorder is of use, so all counts of vain efforts begin anew.
    private mutating func noteProgress() {
        fruitless = 0
        vainResends = 0
        lastRefusal = ""
    }

    /// One stream's standing: a quarantined one is waited for no more, any other is durable before `nextSequence`.
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
    /// - Returns: whether they are to be sent to the recorder at once; otherwise the dialogue does it when there is
    ///   room.
    package mutating func append(
        _ bytes: [UInt8], _ headers: [RolloutHeader], recordedActors: Int, now: UInt64
    ) -> Bool {
        if unacknowledged.isEmpty {
            lastSign = now
            waitsSince = now
        }
        return unacknowledged.append(bytes, headers, recordedActors: recordedActors, mayBeSent: isOpen)
    }

    /// Takes what the message says of the actors in `actors`, if the recorder of this dialogue says it of the
    /// incarnation that it was asked for: its word for an earlier one may come late, and their files may be others by
    /// now.
    package mutating func take(
        _ durable: RolloutsDurable, actors: Range<Int>, from sender: Address, now: UInt64, outbox: inout Outbox
    ) {
        let streams = durable.streams.filter { actors.contains($0.actor) && $0.incarnation == asked?.incarnation }
        guard isWith(sender), !streams.isEmpty else { return }
        mayHaveForgotten = false
        lastSign = now
        waitsSince = now
        unanswered = 0
        for stream in streams { take(stream.state, nextSequence: stream.nextSequence, of: stream.actor) }
        if unacknowledged.drop() { noteProgress() }
        if durable.resend, now >= nextResend {
            nextResend = now + (Self.resendIntervalMilliseconds << UInt64(vainResends)) * nanosecondsPerMillisecond
            vainResends = min(vainResends + 1, Self.longestResendBackoff)
            unacknowledged.rewind()
        }
        // One that does not know these streams any more says so by silence and is asked first.
        if isOpen { unacknowledged.send(to: address, outbox: &outbox) }
    }
}
