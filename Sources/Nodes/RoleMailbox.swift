import Synchronization
import Transport
import Wire

/// What goes to and fro between the thread of a node's sockets and the thread of its role: bounded both ways.
///
/// What does not fit waits where it did before: arriving messages in the sockets' `Inbox`, which has limits of its own;
/// the role itself for its answers, which the other thread takes in a moment.
///
/// One lock guards all of it. Each side is woken only if it sleeps, by its own signal: the sockets' thread by a
/// descriptor that its poller watches, the role's by a `ThreadSignal`. `epoch` counts the node's names; what the
/// role says in an earlier epoch is dropped here, so that a long step cannot speak for a name that is no more.
final class RoleMailbox: Sendable {
    /// Messages of other nodes that wait here for the role, and their bytes; one always fits.
    static let parcelLimit = 256
    static let parcelByteLimit = 16 << 20
    /// The coordinator's words that wait here; beyond that they are dropped, for it says everything again.
    static let eventLimit = 4096
    /// Messages that the role wants sent and that wait here, and their bytes; the last batch may go beyond.
    static let outgoingLimit = 4096
    static let outgoingByteLimit = 32 << 20
    /// Messages that the role takes between two looks at its own work.
    static let parcelsPerTurn = 64

    /// A message of another node. Only one thread has it at a time, hence unchecked.
    struct Parcel: @unchecked Sendable {
        let message: Frame
        let sender: Address
    }

    /// How the role's thread came to its end.
    enum Ending: Sendable {
        case finished
        case failed(any Error)
    }

    /// What the role takes at once.
    struct Delivery {
        var events: [RoleEvent] = []
        var parcels: ArraySlice<Parcel> = []
        var mustStop = false
        /// How often the node has changed its name so far.
        var epoch: UInt64 = 0
    }

    private struct State {
        var events: [RoleEvent] = []
        var parcels: [Parcel] = []
        var parcelBytes = 0
        var outgoing: [Outbox.Item] = []
        var outgoingBytes = 0
        /// How often the node has changed its name; what the role wants sent in an earlier name is not.
        var epoch: UInt64 = 0
        /// What the role finds of its peers, for the sockets' thread.
        var standings: [PeerStandings.Change] = []
        var snapshot = RoleSnapshot()
        var ending: Ending?
        var mustStop = false
        var dropped: UInt64 = 0
        /// Whether the thread sleeps and is to be woken.
        var roleSleeps = false
        var socketsSleep = false

        var isFull: Bool {
            outgoing.count >= RoleMailbox.outgoingLimit || outgoingBytes >= RoleMailbox.outgoingByteLimit
        }
    }

    private let state = Mutex(State())
    /// Wakes the thread of the sockets.
    let forSockets: WakeSignal
    private let forRole = ThreadSignal()

    init() throws {
        forSockets = try WakeSignal()
    }

    // MARK: - The sockets' side

    /// Messages that may be put in now.
    var room: Int {
        state.withLock {
            $0.parcelBytes >= Self.parcelByteLimit ? 0 : max(0, Self.parcelLimit - $0.parcels.count)
        }
    }

    /// Hands messages of other nodes to the role. The caller has looked at `room` before.
    func put(_ parcels: [Parcel]) {
        wakeRole { state in
            state.parcels += parcels
            state.parcelBytes += parcels.reduce(0) { $0 + $1.message.count }
        }
    }

    /// Hands a word of the coordinator to the role. Dropped, and counted, beyond `eventLimit`; changes of the
    /// node's life never are.
    func put(_ event: RoleEvent) {
        wakeRole { state in
            if case .message = event, state.events.count >= Self.eventLimit { return state.dropped += 1 }
            state.events.append(event)
        }
    }

    /// The node goes on under another name: nothing that was said to the old one reaches the role, nothing that the
    /// role has said in it goes out.
    func beginAnew() {
        wakeRole { state in
            state.epoch += 1
            // That it is to leave was said to the process, whatever it is called.
            let mustLeave = state.events.contains { if case .drain = $0 { true } else { false } }
            state.events = mustLeave ? [.forgetLeases, .drain] : [.forgetLeases]
            (state.parcels, state.parcelBytes) = ([], 0)
            (state.outgoing, state.outgoingBytes) = ([], 0)
            // Of what it held nothing is to be told.
            state.snapshot.parts = []
            state.snapshot.learning = []
            state.snapshot.waiting = nil
        }
    }

    /// The role is to end after its present step.
    func stop() { wakeRole { $0.mustStop = true } }

    private func wakeRole(_ change: (inout State) -> Void) {
        let sleeps = state.withLock { state in
            change(&state)
            defer { state.roleSleeps = false }
            return state.roleSleeps
        }
        if sleeps { forRole.raise() }
    }

    /// What the sockets' thread takes at once.
    struct Outgoing {
        /// What the role wants sent.
        var items: [Outbox.Item] = []
        var standings: [PeerStandings.Change] = []
        /// How the role has ended; nil before.
        var ending: Ending?
    }

    /// Everything that the role wants sent, and what else it has to say. Makes room, and wakes a role that waits
    /// for it.
    func takeOutgoing() -> Outgoing {
        let (outgoing, roleWaits) = state.withLock { state in
            let roleWaits = state.isFull && state.roleSleeps
            if roleWaits { state.roleSleeps = false }
            let taken = Outgoing(items: state.outgoing, standings: state.standings, ending: state.ending)
            (state.outgoing, state.outgoingBytes, state.standings) = ([], 0, [])
            return (taken, roleWaits)
        }
        if roleWaits { forRole.raise() }
        return outgoing
    }

    /// Whether the sockets' thread may sleep. Where it may, it is woken from now on when there is something to
    /// take.
    func letSocketsSleep() -> Bool {
        state.withLock { state in
            state.socketsSleep = state.outgoing.isEmpty && state.ending == nil
            return state.socketsSleep
        }
    }

    /// The sockets' thread is awake: no signal is needed.
    func socketsWoke() { state.withLock { $0.socketsSleep = false } }

    var snapshot: RoleSnapshot { state.withLock { $0.snapshot } }
    var ending: Ending? { state.withLock { $0.ending } }
    /// Words of the coordinator that did not fit.
    var dropped: UInt64 { state.withLock { $0.dropped } }

    // MARK: - The role's side

    /// The coordinator's words come first: they tell the role what the others' are about.
    func take() -> Delivery {
        var delivery = Delivery()
        wakeSockets { state in
            swap(&delivery.events, &state.events)
            delivery.mustStop = state.mustStop
            delivery.epoch = state.epoch
            delivery.parcels = state.parcels.prefix(Self.parcelsPerTurn)
            guard !delivery.parcels.isEmpty else { return false }
            let wasFull = state.parcels.count >= Self.parcelLimit || state.parcelBytes >= Self.parcelByteLimit
            state.parcels.removeFirst(delivery.parcels.count)
            state.parcelBytes -= delivery.parcels.reduce(0) { $0 + $1.message.count }
            return wasFull
        }
        return delivery
    }

    /// Gives out what the role wants sent, and empties `outbox`. Blocks the role's thread while too much has not
    /// been taken. Unless it `isUrgent`, the sockets' thread is not woken for it, and takes it when it wakes by
    /// itself.
    func post(_ outbox: inout Outbox, epoch: UInt64, isUrgent: Bool) {
        guard !outbox.items.isEmpty || isUrgent else { return }
        let items = outbox.items
        outbox.removeAll()
        var isFull = false
        wakeSockets { state in
            guard state.epoch == epoch else { return false }
            if state.outgoing.isEmpty { state.outgoing = items } else { state.outgoing += items }
            state.outgoingBytes += items.reduce(0) { $0 + $1.bytes.count }
            isFull = state.isFull
            return (isUrgent || isFull) && !state.outgoing.isEmpty
        }
        while isFull {
            sleep(milliseconds: Self.patienceMilliseconds) { $0.isFull && !$0.mustStop }
            isFull = state.withLock { $0.isFull && !$0.mustStop }
        }
    }

    /// What has changed in how the role stands to its peers; the sockets' thread learns of it when it wakes by
    /// itself.
    func tell(_ changes: [PeerStandings.Change]) {
        guard !changes.isEmpty else { return }
        state.withLock { $0.standings += changes }
    }

    /// A thread that was woken in vain looks again after this time.
    private static let patienceMilliseconds = 1000

    /// What the next heartbeats show of the role. Dropped where the node has changed its name since `epoch`.
    func publish(_ snapshot: RoleSnapshot, epoch: UInt64) {
        state.withLock { if $0.epoch == epoch { $0.snapshot = snapshot } }
    }

    /// The role's thread is about to end; nothing is posted after it.
    func end(_ ending: Ending) {
        wakeSockets { state in
            state.ending = ending
            return true
        }
    }

    /// Lets the role's thread wait until there is something for it, at most so long.
    func waitForDelivery(milliseconds: Int) {
        sleep(milliseconds: milliseconds) { $0.events.isEmpty && $0.parcels.isEmpty && !$0.mustStop }
    }

    private func sleep(milliseconds: Int, while hasNothingToDo: (State) -> Bool) {
        let mayWait = state.withLock { state in
            state.roleSleeps = hasNothingToDo(state)
            return state.roleSleeps
        }
        guard mayWait else { return }
        forRole.wait(milliseconds: milliseconds)
        state.withLock { $0.roleSleeps = false }
    }

    /// `change` says whether there is something for the sockets' thread.
    private func wakeSockets(_ change: (inout State) -> Bool) {
        let sleeps = state.withLock { state in
            guard change(&state), state.socketsSleep else { return false }
            state.socketsSleep = false
            return true
        }
        if sleeps { forSockets.raise() }
    }
}
