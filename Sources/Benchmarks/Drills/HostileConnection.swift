import Foundation
import Transport
import Wire

/// One connection of a hostile peer; belongs to that peer's thread.
final class HostileConnection {
    private static let patienceSeconds = 0.1

    let role: RoleName
    private let manner: HostilePeer.Manner
    private let context: MessageContext
    private let endpoint: String
    private var name = ""
    private var socket: DealerSocket
    private var messages: [Frame] = []
    private var next = 0
    private var lastHeartbeat = Date.distantPast
    private var stuckSince: Date?

    init(_ context: MessageContext, _ role: RoleName, _ endpoint: String, _ manner: HostilePeer.Manner) throws {
        (self.role, self.manner, self.context, self.endpoint) = (role, manner, context, endpoint)
        (name, socket) = try Self.connect(context, endpoint, manner)
    }

    private static func connect(
        _ context: MessageContext, _ endpoint: String, _ manner: HostilePeer.Manner
    ) throws -> (String, DealerSocket) {
        let name = "hostile-\(manner.rawValue)-\(UInt32.random(in: 0 ... .max))"
        var options = SocketOptions()
        options.identity = try PeerIdentity(name)
        options.lingerMilliseconds = 0
        // The library would end this process by an assertion when it pings a server that has closed a connection which
        // is not read.
        if manner == .deaf { options.heartbeatIntervalMilliseconds = 0 }
        let socket = try DealerSocket(context, options: options)
        try socket.connect(endpoint)
        return (name, socket)
    }

    func arm(_ hostile: HostileRollouts) {
        messages = hostile.messages(to: role).map { Frame(Envelope($0, request: 1).encoded()) }
        next = 0
    }

    /// - Returns: messages that the socket has taken.
    func turn(messages limit: Int, heartbeat: Double) throws -> Int {
        if manner != .deaf { while try socket.receive() != nil {} }
        if role == .coordinator, Date().timeIntervalSince(lastHeartbeat) > heartbeat { try beMember() }
        guard !messages.isEmpty else { return 0 }
        for sent in 0..<limit {
            guard try socket.send(messages[next % messages.count]) == .sent else {
                if manner == .restless, sent == 0 { try beImpatient() }
                return sent
            }
            stuckSince = nil
            next += 1
        }
        return limit
    }

    private func beImpatient() throws {
        let now = Date()
        guard let since = stuckSince else { return stuckSince = now }
        guard now.timeIntervalSince(since) > Self.patienceSeconds else { return }
        stuckSince = nil
        socket.close()
        (name, socket) = try Self.connect(context, endpoint, manner)
        lastHeartbeat = .distantPast
    }

    /// The coordinator hears reports of members alone. While a run collects, an evaluator has nothing to do.
    private func beMember() throws {
        lastHeartbeat = Date()
        let hello = Hello(role: .evaluator, name: name, host: "nowhere", process: 1, endpoint: "", capacity: 1)
        _ = try socket.send(Envelope(.hello(hello)).encoded())
        _ = try socket.send(Envelope(.heartbeat(Heartbeat())).encoded())
    }
}
