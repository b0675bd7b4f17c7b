import Coordination
import Foundation
import Synchronization
import Transport
import Wire

/// Sends to each process that listens what is well formed and must be refused, as fast as sockets take it, from a
/// thread of its own.
final class HostilePeer: Sendable {
    /// How a connection behaves.
    enum Manner: String, CaseIterable {
        case reader
        /// Reads no answer.
        case deaf
        /// Connects anew under another name as soon as it is not read.
        case restless
    }

    private static let messagesOfTurn = 16
    private static let restMicroseconds: UInt32 = 100
    private static let heartbeatSeconds = 0.5

    private struct State {
        var leases: [ClusterStatus.Lease] = []
        /// Counts up with what is known of the leases.
        var generation = 0
        var sent: [RoleName: UInt64] = [:]
        var mustStop = false
        var hasStopped = false
        var failure: String?
    }

    private let endpoints: [RoleName: String]
    private let manners: [Manner]
    private let state = Mutex(State())

    /// One connection of each of the `manners` to each endpoint.
    init(endpoints: [RoleName: String], manners: [Manner]) { (self.endpoints, self.manners) = (endpoints, manners) }

    /// Messages that sockets have taken.
    var sent: [RoleName: UInt64] { state.withLock { $0.sent } }

    /// Why its thread has ended before it was stopped; nil while it floods.
    var failure: String? { state.withLock { $0.failure } }

    /// Takes note of what there is to meddle with.
    func learn(_ status: ClusterStatus) {
        state.withLock { state in
            let leases = status.leases
            guard leases.map(\.attempt) != state.leases.map(\.attempt) || state.leases.isEmpty else { return }
            state.leases = leases
            state.generation += 1
        }
    }

    func start() {
        let thread = Thread { self.flood() }
        thread.name = "hostile"
        thread.start()
    }

    func stop() {
        state.withLock { $0.mustStop = true }
        while !state.withLock({ $0.hasStopped }) { usleep(1000) }
    }

    private func flood() {
        defer { state.withLock { $0.hasStopped = true } }
        do {
            let context = try MessageContext()
            let connections = try endpoints.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { role, endpoint in
                try manners.map { try HostileConnection(context, role, endpoint, $0) }
            }
            var generation = 0
            while !state.withLock({ $0.mustStop }) {
                let (leases, now) = state.withLock { ($0.leases, $0.generation) }
                if now != generation {
                    generation = now
                    let messages = HostileRollouts(leases)
                    for connection in connections { connection.arm(messages) }
                }
                var count = 0
                for connection in connections {
                    let sent = try connection.turn(messages: Self.messagesOfTurn, heartbeat: Self.heartbeatSeconds)
                    count += sent
                    state.withLock { $0.sent[connection.role, default: 0] += UInt64(sent) }
                }
                if count == 0 { usleep(Self.restMicroseconds) }
            }
        } catch { state.withLock { $0.failure = "\(error)" } }
    }
}
