package import Environments
package import Wire

/// What carries some streams, in its talk with their recorder: asks where they stand, keeps what is not durable yet, and
/// sends it again when something was lost.
package struct RecorderDialogue {
    package static let requestIntervalMilliseconds: UInt64 = 1000
    /// A recorder that has acknowledged nothing for so long is asked where it stands.
    package static let silenceMilliseconds: UInt64 = 5000

    package private(set) var endpoint: String
    /// The recorder at `endpoint` has said where the streams stand.
    package private(set) var isOpen = false
    private var unacknowledged = UnacknowledgedRollouts()
    /// When the last message was sent that the recorder has yet to answer, or its last answer came.
    private var lastSign: UInt64 = 0

    package init(endpoint: String) { self.endpoint = endpoint }

    private var address: Address { .endpoint(endpoint) }
    /// Everything that was sent is durable.
    package var isDone: Bool { unacknowledged.isEmpty }
    package var unacknowledgedBytes: Int { unacknowledged.byteCount }

    /// The recorder has come back elsewhere; it is to be asked where it stands.
    package mutating func move(to endpoint: String) {
        self.endpoint = endpoint
        isOpen = false
    }

    package mutating func ask(_ request: OpenStreams, now: UInt64, outbox: inout Outbox) {
        lastSign = now
        outbox.send(.openStreams(request), to: address)
    }

    /// What was on its way to a recorder may be lost, and it may have been restarted: asking makes it say where it
    /// stands.
    package func isOverdue(now: UInt64) -> Bool {
        let patience = isOpen ? Self.silenceMilliseconds : Self.requestIntervalMilliseconds
        return (!isOpen || !unacknowledged.isEmpty) && now >= lastSign + patience * 1_000_000
    }

    /// The recorder has said where the streams stand: what it lacks of what was sent is sent again.
    package mutating func take(_ opened: StreamsOpened, now: UInt64, outbox: inout Outbox) {
        isOpen = true
        lastSign = now
        guard !unacknowledged.isEmpty else { return }
        for (index, next) in opened.nextSequences.enumerated() {
            unacknowledged.acknowledge(actor: opened.firstActor + index, next: next)
        }
        unacknowledged.drop()
        unacknowledged.resend(to: address, outbox: &outbox)
    }

    /// These rollouts are on their way, encoded, to the recorder.
    package mutating func sent(_ bytes: [UInt8], _ headers: [RolloutHeader], recordedActors: Int, now: UInt64) {
        if unacknowledged.isEmpty { lastSign = now }
        unacknowledged.append(bytes, headers, recordedActors: recordedActors)
    }

    /// Takes what the message says of the actors in `actors`.
    package mutating func take(
        _ durable: RolloutsDurable, actors: Range<Int>, from sender: Address, now: UInt64, outbox: inout Outbox
    ) {
        let streams = durable.streams.filter { actors.contains($0.actor) }
        guard !streams.isEmpty else { return }
        lastSign = now
        for stream in streams { unacknowledged.acknowledge(actor: stream.actor, next: stream.nextSequence) }
        unacknowledged.drop()
        if durable.resend { unacknowledged.resend(to: sender, outbox: &outbox) }
    }
}
