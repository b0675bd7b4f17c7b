internal import CSodium
package import Experience

/// Makes and verifies tickets: the coordinator's word that certain actors are leased to a node, which the node shows to
/// the learner or the recorder that it was sent to.
///
/// A ticket is a code of authentication (HMAC-SHA-512-256) over the lease, under a secret that only the coordinator and
/// the one server have. It names its holder: no other node can use it. Nothing has to be remembered for it, and a server
/// that joins again gets another secret, which makes all tickets before it void.
///
/// An example: the coordinator leases actors 0 to 24 of a lifetime to `actor-a` with incarnation 65536. It derives
/// the learner's secret from its own by the learner's name, makes the ticket under it and sends both on their ways:
/// the secret in the learner's `Welcome`, the ticket in `CarryActors`. The learner computes the code over what
/// `JoinLifetime` says, with the sender's name as the socket saw it, and compares in constant time.
package struct LeaseTickets: Sendable {
    /// 32 bytes (`crypto_auth_KEYBYTES`). Travels in `Welcome` alone; it is encrypted where the cluster has keys.
    package let secret: [UInt8]

    /// Makes tickets with a new secret, drawn from the system's random numbers.
    package init() { secret = (0..<Int(crypto_auth_KEYBYTES)).map { _ in UInt8.random(in: 0...255) } }

    /// Nil for bytes that are no secret, as where no coordinator has given one.
    package init?(secret: [UInt8]) {
        guard secret.count == Int(crypto_auth_KEYBYTES) else { return nil }
        self.secret = secret
    }

    /// The secret of one server, always the same: one that is taken in twice under its name verifies what it did
    /// before.
    package func derived(for server: String) -> LeaseTickets {
        var code = [UInt8](repeating: 0, count: Int(crypto_auth_BYTES))
        let name = Array(server.utf8)
        crypto_auth(&code, name, UInt64(name.count), secret)
        return LeaseTickets(derived: code)
    }

    private init(derived secret: [UInt8]) { self.secret = secret }

    /// The ticket, 32 bytes, by which `holder` (a node's name) shows that these actors are leased to it with this
    /// incarnation.
    package func ticket(
        of lifetime: LifetimeIdentifier, actors: Range<Int>, incarnation: UInt64, holder: String
    ) -> [UInt8] {
        let lease = Self.bytes(lifetime, actors, incarnation, holder)
        var ticket = [UInt8](repeating: 0, count: Int(crypto_auth_BYTES))
        crypto_auth(&ticket, lease, UInt64(lease.count), secret)
        return ticket
    }

    /// Whether `ticket` was made for just this lease. Always false for a holder that is not a peer of our own
    /// socket, since only such a peer's name is known from its connection.
    package func isValid(
        _ ticket: [UInt8], for lifetime: LifetimeIdentifier, actors: Range<Int>, incarnation: UInt64, holder: Address
    ) -> Bool {
        guard case .peer(let name) = holder, ticket.count == Int(crypto_auth_BYTES) else { return false }
        let lease = Self.bytes(lifetime, actors, incarnation, name)
        return crypto_auth_verify(ticket, lease, UInt64(lease.count), secret) == 0
    }

    /// No two leases have the same bytes: texts come with their lengths.
    private static func bytes(
        _ lifetime: LifetimeIdentifier, _ actors: Range<Int>, _ incarnation: UInt64, _ holder: String
    ) -> [UInt8] {
        let evaluation: [UInt8]
        if case .evaluation(let name) = lifetime.collection { evaluation = Array(name.utf8) } else { evaluation = [] }
        let numbers = [
            UInt64(evaluation.count), UInt64(holder.utf8.count), UInt64(lifetime.task), UInt64(lifetime.repetition),
            UInt64(actors.lowerBound), UInt64(actors.upperBound), incarnation,
        ]
        return numbers.flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
            + evaluation + Array(holder.utf8)
    }
}
