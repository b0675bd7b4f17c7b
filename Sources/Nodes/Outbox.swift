package import Wire

/// A party that a role hears or speaks to. A role never sees a socket: it gets senders and names receivers by
/// these.
package enum Address: Hashable, Sendable {
    /// The one coordinator of the run; a coordinator itself never uses it.
    case coordinator
    /// A node that has connected to us, by its name.
    case peer(String)
    /// A node that we connect to, by the endpoint that it announced.
    case endpoint(String)
}

extension Address: CustomStringConvertible {
    package var description: String {
        switch self {
        case .coordinator: "the coordinator"
        case .peer(let name): name
        case .endpoint(let endpoint): endpoint
        }
    }
}

/// What a role wants sent, in order, and what it made of the messages that it took. The role's caller sends the
/// items (a process, a simulation, a test) and empties it.
///
/// ```swift
/// var outbox = Outbox()
/// try role.receive(envelope, from: .peer("actor-a"), now: now, outbox: &outbox)
/// for item in outbox.items { network.send(item.bytes, to: item.addresses) }
/// outbox.removeAll()
/// ```
package struct Outbox: Sendable {
    /// One encoded message and its receivers.
    package struct Item: Sendable {
        package let bytes: [UInt8]
        /// Several where the same bytes go to more than one.
        package let addresses: [Address]
        /// It says that something is wrong; the sockets may send fewer of these than they are given
        /// (`ComplaintLimit`).
        package let isComplaint: Bool

        package init(bytes: [UInt8], addresses: [Address], isComplaint: Bool = false) {
            self.bytes = bytes
            self.addresses = addresses
            self.isComplaint = isComplaint
        }
    }

    /// What is to be sent, in the order in which it was said.
    package private(set) var items: [Item] = []
    /// What has become of the messages that were received since the beginning, but for those that were taken: each
    /// count goes up with the message that is being received.
    package struct Verdicts: Sendable {
        /// Messages that were refused, with a failure or silently.
        package fileprivate(set) var refusals = 0
        /// Messages that were neither taken nor refused.
        package fileprivate(set) var disregards = 0
    }

    /// Never goes back, not with `removeAll` either: the caller compares it before and after a message
    /// (`PeerStandings.note`).
    package private(set) var verdicts = Verdicts()

    package init() {}

    /// Encodes a message. A `Message.failure` is a complaint and counts as a refusal of the message that is being
    /// taken.
    /// - Parameter request: the number that the receiver repeats in its answer; 0 where no answer is told apart by
    ///   it.
    package mutating func send(_ message: Message, to address: Address, request: UInt64 = 0) {
        let isComplaint = if case .failure = message { true } else { false }
        if isComplaint { verdicts.refusals += 1 }
        items.append(
            Item(bytes: Envelope(message, request: request).encoded(), addresses: [address], isComplaint: isComplaint))
    }

    /// Bytes that were encoded once.
    package mutating func send(_ bytes: [UInt8], to addresses: [Address]) {
        items.append(Item(bytes: bytes, addresses: addresses, isComplaint: false))
    }

    /// What is being taken is refused, and nothing is said.
    package mutating func noteRefusal() { verdicts.refusals += 1 }

    /// What is being taken may come from an honest peer that is early, and earns it nothing.
    package mutating func noteDisregard() { verdicts.disregards += 1 }

    /// Puts `other` behind what is there, and adds its verdicts.
    package mutating func append(_ other: Outbox) {
        items += other.items
        verdicts.refusals += other.verdicts.refusals
        verdicts.disregards += other.verdicts.disregards
    }

    /// Forgets the items, after they were sent or because they must not be.
    package mutating func removeAll() { items.removeAll(keepingCapacity: true) }
}
