/// What a process is in the cluster.
package enum RoleName: String, Sendable, CaseIterable, Codable {
    case coordinator, actor, learner, recorder, distiller, evaluator, supervisor
}

/// A node introduces itself; repeated until a `Welcome` answers it.
package struct Hello: Sendable, Equatable {
    package var role: RoleName
    /// Unique among the nodes of a run; a node that starts again takes a new one.
    package var name: String
    package var host: String
    package var process: Int
    /// Where others reach this node (learner, recorder); empty otherwise.
    package var endpoint: String
    /// Actors that it can carry, or lifetimes that it can learn at once; 0 otherwise.
    package var capacity: Int

    package init(role: RoleName, name: String, host: String, process: Int, endpoint: String, capacity: Int) {
        self.role = role
        self.name = name
        self.host = host
        self.process = process
        self.endpoint = endpoint
        self.capacity = capacity
    }
}

/// The coordinator takes a node in and tells it all that it has to know.
package struct Welcome: Sendable, Equatable {
    package var run: String
    /// The resolved experiment, YAML.
    package var experiment: String
    package var heartbeatIntervalMilliseconds: Int
    /// Without a word for so long, either side takes the other for gone.
    package var silenceLimitMilliseconds: Int
    /// The run's folder on the coordinator's host.
    package var folder: String
    /// Of a learner or a recorder: what it verifies tickets with; empty for others.
    package var ticketSecret: [UInt8]

    package init(
        run: String, experiment: String, heartbeatIntervalMilliseconds: Int, silenceLimitMilliseconds: Int,
        folder: String, ticketSecret: [UInt8] = []
    ) {
        self.run = run
        self.experiment = experiment
        self.heartbeatIntervalMilliseconds = heartbeatIntervalMilliseconds
        self.silenceLimitMilliseconds = silenceLimitMilliseconds
        self.folder = folder
        self.ticketSecret = ticketSecret
    }
}

/// Coordinator to learner and recorder: exactly these clients may connect, until a later list comes.
package struct AllowedKeys: Sendable, Equatable {
    /// Of two lists the one with the higher number counts.
    package var generation: UInt64
    /// CURVE public keys, 32 bytes each.
    package var keys: [[UInt8]]
    /// What the holder of each key may be.
    package var roles: [KeyRoles]

    /// `roles`: one of each key; without them every holder may be anything.
    package init(generation: UInt64, keys: [[UInt8]], roles: [KeyRoles] = []) {
        self.generation = generation
        self.keys = keys
        self.roles = roles.isEmpty ? keys.map { _ in .any } : roles
    }

    /// The keys of those that may connect to a server of this role.
    package func keys(of server: RoleName) -> [[UInt8]] {
        zip(keys, roles).filter { !$1.isDisjoint(with: .clients(of: server)) }.map(\.0)
    }
}

/// Numbers of a moment, for the catalogue and the event files.
package struct Metrics: Sendable, Equatable {
    package var step: UInt64
    package var numbers: [String: Double]

    package init(step: UInt64, numbers: [String: Double]) {
        self.step = step
        self.numbers = numbers
    }
}

/// How many processes of each role there should be; to the supervisor.
package struct Deployment: Sendable, Equatable {
    package var processes: [RoleName: Int]
    package var finished: Bool
    /// It ends before it is complete, because a person, or a signal, asked it to.
    package var stopped: Bool
    /// Why the run failed; empty when it did not.
    package var failure: String

    package init(processes: [RoleName: Int], finished: Bool = false, stopped: Bool = false, failure: String = "") {
        self.processes = processes
        self.finished = finished
        self.stopped = stopped
        self.failure = failure
    }
}
