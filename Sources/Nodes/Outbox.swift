package import Wire

/// Whom a role speaks to.
package enum Address: Hashable, Sendable {
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

/// What a role wants sent; whoever drives the role sends it.
package struct Outbox: Sendable {
    package struct Item: Sendable {
        package let bytes: [UInt8]
        /// Several where the same bytes go to more than one.
        package let addresses: [Address]
        /// It says that something is wrong; whoever sends it may say that less often.
        package let isComplaint: Bool

        package init(bytes: [UInt8], addresses: [Address], isComplaint: Bool = false) {
            self.bytes = bytes
            self.addresses = addresses
            self.isComplaint = isComplaint
        }
    }

    package private(set) var items: [Item] = []
    /// What has become of the messages that were received since the beginning, but for those that were taken: each count
    /// goes up with the message that is being received.
    package struct Verdicts: Sendable {
        package fileprivate(set) var refusals = 0
        /// Messages that were neither taken nor refused.
        package fileprivate(set) var disregards = 0
    }

    package private(set) var verdicts = Verdicts()

    package init() {}

    /// A complaint is a refusal, too.
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

    /// Behind what is there already.
    package mutating func append(_ other: Outbox) {
        items += other.items
        verdicts.refusals += other.verdicts.refusals
        verdicts.disregards += other.verdicts.disregards
    }

    package mutating func removeAll() { items.removeAll(keepingCapacity: true) }
}
