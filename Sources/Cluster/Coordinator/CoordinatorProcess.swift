package import Processes
import Transport
import Wire

/// Puts a socket, a clock and signals around the coordinator.
package final class CoordinatorProcess {
    private static let messagesPerTurn = 256
    private static let tickIntervalNanoseconds: UInt64 = 50_000_000
    /// Nodes that do not leave within this time after the end are left behind.
    package static let farewellMilliseconds: UInt64 = 10_000

    private let context: MessageContext
    private let server: RouterSocket
    private let clock = SystemClock()
    private let signals: SignalWatcher
    private let poller = Poller()
    private let serverToken: Poller.Token
    private let signalToken: Poller.Token
    private var outbox = Outbox()
    /// Where the coordinator listens.
    package let endpoint: String

    package init(bind: String, insecure: Bool = false, signals: SignalWatcher) throws {
        context = try MessageContext()
        var options = SocketOptions()
        options.insecure = insecure
        options.sendQueueMessages = 10_000
        server = try RouterSocket(context, options: options)
        endpoint = try server.bind(bind)
        self.signals = signals
        serverToken = poller.add(server)
        signalToken = poller.add(descriptor: signals.descriptor)
    }

    package var now: UInt64 { clock.now }

    /// Runs until the run is finished and its nodes have left; `everyTurn` is called about every 50 ms.
    package func run(_ coordinator: Coordinator, everyTurn: (Coordinator) throws -> Void = { _ in }) throws -> Signal? {
        var interruption: Signal?
        var farewell: UInt64?
        var nextTick: UInt64 = 0
        while !coordinator.isFinished {
            try flush()
            let now = clock.now
            let wait = nextTick > now ? (nextTick - now) / 1_000_000 : 0
            if try poller.wait(milliseconds: Int(wait)) {
                if poller.isReadable(signalToken), let signal = signals.next(), signal.asksToEnd {
                    if interruption != nil { break }
                    interruption = signal
                    coordinator.isStopping = true
                }
                try receive(coordinator)
            }
            guard clock.now >= nextTick else { continue }
            try coordinator.tick(now: clock.now, outbox: &outbox)
            try everyTurn(coordinator)
            nextTick = clock.now + Self.tickIntervalNanoseconds
            if coordinator.deployment.finished {
                let deadline = farewell ?? clock.now + Self.farewellMilliseconds * 1_000_000
                farewell = deadline
                if clock.now > deadline { break }
            }
        }
        try flush()
        return interruption
    }

    private func receive(_ coordinator: Coordinator) throws {
        for _ in 0..<Self.messagesPerTurn {
            guard let (peer, message) = try server.receive() else { return }
            try message.withUnsafeBytes {
                try coordinator.receive($0, from: .peer(peer.description), now: clock.now, outbox: &outbox)
            }
        }
    }

    private func flush() throws {
        for item in outbox.items {
            let message = Transport.Message(item.bytes)
            for case .peer(let name) in item.addresses {
                guard let peer = try? PeerIdentity(name) else { continue }
                // What a full or absent peer misses is sent again: every command is acknowledged.
                _ = try server.send(message, to: peer)
            }
        }
        outbox.removeAll()
    }
}
