import CWire

/// Coordinator to a node, in answer to each `Hello` of it: the node is taken in, and here is all that it has to know.
///
/// So a node needs nothing but the coordinator's endpoint, and a key, to join a run.
package struct Welcome: Sendable, Equatable {
    /// Name of the run.
    package var run: String
    /// The resolved experiment, YAML.
    package var experiment: String
    /// How often the node is to send a `Heartbeat`.
    package var heartbeatIntervalMilliseconds: Int
    /// Node and coordinator each take the other for gone when they have heard nothing from it for this long.
    ///
    /// 5,000 in every run: a node that is silent for this long loses its leases.
    package var silenceLimitMilliseconds: Int
    /// The run's folder on the coordinator's host.
    package var folder: String
    /// What a learner or a recorder verifies tickets with; empty for others.
    package var ticketSecret: [UInt8]

    /// `ticketSecret` is given to learners and recorders alone.
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

extension Welcome: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Welcome>?) -> Void { distillery__welcome__init }
    static var place: EnvelopePlace<Distillery__Welcome> { .init(DISTILLERY__ENVELOPE__BODY_WELCOME, \.welcome) }

    func encode(into body: inout Distillery__Welcome, _ arena: EncodingArena) {
        body.run = arena.string(run)
        body.experiment = arena.string(experiment)
        body.heartbeat_interval_milliseconds = UInt32(heartbeatIntervalMilliseconds)
        body.silence_limit_milliseconds = UInt32(silenceLimitMilliseconds)
        body.folder = arena.string(folder)
        body.ticket_secret = arena.bytes(ticketSecret)
    }

    /// Throws for texts that are too long and for a secret of another length than 0 or 32 bytes. The experiment may be
    /// as long as the message: it is parsed, with bounds, by its reader.
    init(decoding body: Distillery__Welcome) throws {
        run = try Field.shortText(body.run, "run")
        experiment = Field.text(body.experiment)
        heartbeatIntervalMilliseconds = Int(body.heartbeat_interval_milliseconds)
        silenceLimitMilliseconds = Int(body.silence_limit_milliseconds)
        folder = try Field.shortText(body.folder, "folder")
        ticketSecret = try Field.ticket(body.ticket_secret)
    }
}
