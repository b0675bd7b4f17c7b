import Nodes
import Transport
import Wire

/// What the coordinator and the supervisor of one host say to each other. Processes are started by the simulation.
package struct SimulatedSupervisor {
    package static let name = "supervisor"
    package static let host = "supervised"
    private static let heartbeatMilliseconds: UInt64 = 1000
    private static let helloMilliseconds: UInt64 = 100

    private var isWelcome = false
    private var speaksAt: UInt64 = 0

    mutating func tick(now: UInt64, outbox: inout Outbox) {
        guard now >= speaksAt else { return }
        let hello = Hello(
            role: .supervisor, name: Self.name, host: Self.host, process: 0, endpoint: "", capacity: 0)
        outbox.send(isWelcome ? .heartbeat(Heartbeat()) : .hello(hello), to: .coordinator)
        let interval = isWelcome ? Self.heartbeatMilliseconds : Self.helloMilliseconds
        speaksAt = now + interval * nanosecondsPerMillisecond
    }

    /// Gives back the process that is to be ended, if any.
    mutating func receive(_ bytes: [UInt8], outbox: inout Outbox) -> Int? {
        guard let envelope = try? Envelope(decoding: bytes) else { return nil }
        switch envelope.message {
        case .welcome: isWelcome = true
        case .rejoin: isWelcome = false
        case .deployment: outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
        case .endProcess(let process):
            outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            return process
        default: break
        }
        return nil
    }
}
