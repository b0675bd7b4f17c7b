package import Experience

/// Orders to the recorder to move files aside, because their lifetime is lived anew from its beginning. Owned by the
/// coordinator, which sends them; a lifetime with an order is not leased before the recorder has done it.
package struct DiscardOrders {
    package struct Order {
        /// Lower incarnations are refused from then on.
        package let incarnation: UInt64
        package let reason: String
        /// The number under which the recorder was told; nil while there is no recorder.
        fileprivate var request: UInt64?
    }

    private var orders: [LifetimeIdentifier: Order] = [:]

    package init() {}

    /// Lifetimes whose files are to be moved aside; in no order.
    package var lifetimes: some Collection<LifetimeIdentifier> { orders.keys }

    /// The lifetime's order; nil where its files may stay.
    package subscript(lifetime: LifetimeIdentifier) -> Order? { orders[lifetime] }

    /// In place of an order that the lifetime had.
    package mutating func add(_ lifetime: LifetimeIdentifier, incarnation: UInt64, reason: String) {
        orders[lifetime] = Order(incarnation: incarnation, reason: reason)
    }

    /// The order is about to be given anew: the number under which the recorder before was told, to be told no more.
    package mutating func takeBack(_ lifetime: LifetimeIdentifier) -> UInt64? {
        let request = orders[lifetime]?.request
        orders[lifetime]?.request = nil
        return request
    }

    /// The recorder that is there now was told under this number.
    package mutating func given(_ lifetime: LifetimeIdentifier, as request: UInt64) {
        orders[lifetime]?.request = request
    }

    /// A command was acknowledged; true where it was one of these orders, whose lifetime can be leased again.
    package mutating func acknowledge(_ request: UInt64) -> Bool {
        guard let lifetime = orders.first(where: { $0.value.request == request })?.key else { return false }
        orders[lifetime] = nil
        return true
    }
}
