package import Processes
package import Transport

/// What drives a process of a cluster: in each turn it waits for its sockets, a signal or the next tick, every 50 ms.
///
/// The first signal that asks the process to end lets it do so in good order, the second at once. `NodeProcess` takes
/// its turns by this, and so does the coordinator's process. Belongs to the thread of the process's sockets.
package final class ProcessTurns {
    private static let tickIntervalNanoseconds: UInt64 = 50_000_000

    /// What a signal that has come asks for.
    package enum Request {
        case nothing, end, endAtOnce
    }

    /// Waits for the signals, and for whatever the process adds.
    package let poller = Poller()
    /// The last signal that has asked for the end; nil before.
    package private(set) var interruption: Signal?
    /// Counts only time in which this process ran: after Ctrl-Z no peer is taken for silent.
    private let clock = WorkingClock()
    private let signals: SignalWatcher
    private let signalToken: Poller.Token
    private var memory = MemoryMeter()
    private var nextTick: UInt64 = 0

    package init(_ signals: SignalWatcher) {
        self.signals = signals
        signalToken = poller.add(descriptor: signals.descriptor)
    }

    /// Nanoseconds in which this process ran.
    package var now: UInt64 { clock.now }
    /// The time of day, in nanoseconds, for what others are told.
    package var wallClock: UInt64 { clock.wallClock }
    /// The same clock for the threads beside this one.
    var sharedClock: any Clock { clock }

    /// Waits until there is something to read, or the next tick is due; only looks where the process may not sleep.
    package func wait(maySleep: Bool) throws {
        let now = now
        try poller.wait(milliseconds: maySleep ? Int(milliseconds(from: now, to: nextTick)) : 0)
    }

    /// What the signal asks for that the last wait has found.
    package func takeRequest() -> Request {
        guard poller.isReadable(signalToken), let signal = signals.next(), signal.asksToEnd else { return .nothing }
        defer { interruption = signal }
        return interruption == nil ? .end : .endAtOnce
    }

    /// Calls `body` where a tick is due.
    package func tickIfDue(_ body: (_ now: UInt64) throws -> Void) rethrows {
        let now = now
        guard now >= nextTick else { return }
        try body(now)
        nextTick = self.now + Self.tickIntervalNanoseconds
    }

    /// This process's resident memory, looked at once a second.
    package func residentBytes(now: UInt64) -> Double { memory.bytes(now: now) }
}
