import CWire

/// Coordinator to supervisor, whenever it changes and again until it is acknowledged: how many processes of each role
/// there should be.
package struct Deployment: Sendable, Equatable {
    /// Numbers of processes by role, from 0 to 65,536 each.
    package var processes: [RoleName: Int]
    /// The run is over: nothing is to be started any more.
    package var finished: Bool
    /// The run ends before it is complete, because a person or a signal asked for it.
    ///
    /// `--resume` goes on from there.
    package var stopped: Bool
    /// Why the run failed; empty when it did not.
    package var failure: String

    /// Roles that are missing from `processes` have no process.
    package init(processes: [RoleName: Int], finished: Bool = false, stopped: Bool = false, failure: String = "") {
        self.processes = processes
        self.finished = finished
        self.stopped = stopped
        self.failure = failure
    }
}

extension Deployment: WireMessage {
    static var initialiser: (UnsafeMutablePointer<Distillery__Deployment>?) -> Void { distillery__deployment__init }
    static var place: EnvelopePlace<Distillery__Deployment> {
        .init(DISTILLERY__ENVELOPE__BODY_DEPLOYMENT, \.deployment)
    }

    func encode(into body: inout Distillery__Deployment, _ arena: EncodingArena) {
        (body.n_processes, body.processes) = arena.numbers(
            Dictionary(uniqueKeysWithValues: processes.map { ($0.key.rawValue, Double($0.value)) }))
        body.finished = arena.flag(finished)
        body.stopped = arena.flag(stopped)
        body.failure = arena.string(failure)
    }

    /// Throws for a role that this version does not know, and for numbers of processes below 0 or above
    /// `WireProtocol.actorLimit`.
    init(decoding body: Distillery__Deployment) throws {
        processes = [:]
        for (role, number) in try Field.numbers(body.processes, body.n_processes) {
            guard number >= 0, number <= Double(WireProtocol.actorLimit) else {
                throw WireError("a deployment of \(number) processes")
            }
            processes[try RoleName(decoding: role)] = Int(number)
        }
        finished = body.finished != 0
        stopped = body.stopped != 0
        failure = Field.beginning(of: body.failure)
    }
}
