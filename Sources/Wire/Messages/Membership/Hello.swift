import CWire

/// Every role to the coordinator, once after connecting and again each 250 ms until a `Welcome`, a `Failure` or a
/// `Stop` answers it.
///
/// A supervisor, too, says hello: the coordinator reaches the processes of a host through it.
package struct Hello: Sendable, Equatable {
    /// What it wants to be; with keys, its key must be good for it.
    package var role: RoleName
    /// Unique among the nodes of a run; a node that starts again takes a new one.
    package var name: String
    /// Name of the host, by which the coordinator finds the supervisor that can end the process.
    package var host: String
    /// Its process id on that host, by which a supervisor ends it.
    package var process: Int
    /// Where others reach this node (learner, recorder); empty otherwise.
    ///
    /// With the server's key behind it where the cluster has keys (`ServerAddress` in `Transport`).
    package var endpoint: String
    /// Actors that it can carry, lifetimes that it can learn at once, processes that its host has room for
    /// (supervisor); 0: as the experiment has it.
    package var capacity: Int

    /// A node says the same hello again until it is answered: a second one under the same name changes nothing.
    package init(role: RoleName, name: String, host: String, process: Int, endpoint: String, capacity: Int) {
        self.role = role
        self.name = name
        self.host = host
        self.process = process
        self.endpoint = endpoint
        self.capacity = capacity
    }
}

extension Hello: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Hello>?) -> Void { distillery__hello__init }
    static var place: EnvelopePlace<Distillery__Hello> { .init(DISTILLERY__ENVELOPE__BODY_HELLO, \.hello) }

    func encode(into body: inout Distillery__Hello, _ arena: EncodingArena) {
        body.role = arena.string(role.rawValue)
        body.name = arena.string(name)
        body.host = arena.string(host)
        body.process = UInt32(process)
        body.endpoint = arena.string(endpoint)
        body.capacity = UInt32(capacity)
    }

    /// Throws for a role that this version does not know, a name that is none, and texts that are too long.
    init(decoding body: Distillery__Hello) throws {
        role = try RoleName(decoding: Field.text(body.role))
        name = try Field.name(body.name, "node name")
        host = try Field.shortText(body.host, "host")
        process = Int(body.process)
        endpoint = try Field.shortText(body.endpoint, "endpoint")
        capacity = Int(body.capacity)
    }
}
