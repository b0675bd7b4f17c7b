import Foundation
import Transport

/// Runs a role in a thread of its own, between the two ends of a mailbox: takes what has come, lets the role work,
/// posts what it says, and sleeps until something comes or a tick (50 ms) is due.
///
/// Unchecked: runner, outbox and standings belong to the thread once it has been started; no other thread touches
/// them.
final class RoleThread: @unchecked Sendable {
    private static let tickIntervalNanoseconds: UInt64 = 50_000_000
    /// So often the role shows itself for the heartbeat: collecting its numbers costs something.
    private static let snapshotIntervalNanoseconds: UInt64 = 250_000_000
    /// What a busy role wants sent is kept back for so long at most.
    private static let longestDelayNanoseconds: UInt64 = 2_000_000
    private static let stackBytes = 8 << 20

    private let runner: RoleRunner
    private let mailbox: RoleMailbox
    private let clock: any Clock
    private let hook: TestWorkStep?
    private var outbox = Outbox()
    private var standings = PeerStandings()
    private var epoch: UInt64 = 0
    private var nextTick: UInt64 = 0
    /// The moment since which something may be kept back; nil while nothing is.
    private var heldSince: UInt64?
    private var nextSnapshot: UInt64 = 0

    init(_ runner: RoleRunner, _ mailbox: RoleMailbox, clock: any Clock, hook: TestWorkStep? = nil) {
        self.runner = runner
        self.mailbox = mailbox
        self.clock = clock
        self.hook = hook
    }

    /// Starts the thread, once. It ends when the role has finished, has thrown or is to stop, and says so by
    /// `RoleMailbox.end`.
    func start() {
        let thread = Thread { self.run() }
        thread.name = "role"
        thread.stackSize = Self.stackBytes
        thread.start()
    }

    private func run() {
        do {
            var mayGoOn = true
            while mayGoOn { mayGoOn = try turn() }
            mailbox.end(.finished)
        } catch { mailbox.end(.failed(error)) }
    }

    /// False when there is nothing more to do.
    private func turn() throws -> Bool {
        let delivery = mailbox.take()
        guard !delivery.mustStop else { return false }
        epoch = delivery.epoch
        for event in delivery.events { try runner.take(event, now: clock.now, outbox: &outbox) }
        for parcel in delivery.parcels {
            let before = outbox.verdicts
            try parcel.message.withUnsafeBytes {
                try runner.receive($0, from: parcel.sender, now: clock.now, outbox: &outbox)
            }
            standings.note(parcel.sender, before, outbox.verdicts, now: clock.now)
        }
        mailbox.tell(standings.takeChanges())
        if let hook, hook.isDue(delivery) { hook.work(runner.progress) }
        let isBusy = try runner.work(now: clock.now, outbox: &outbox)
        let now = clock.now
        if now >= nextTick {
            try runner.tick(now: now, outbox: &outbox)
            nextTick = now + Self.tickIntervalNanoseconds
        }
        // A role that has more to do soon has more to send, too: one waking of the other thread does for both.
        let isUrgent = !isBusy || heldSince.map { now >= $0 + Self.longestDelayNanoseconds } ?? false
        heldSince = isUrgent ? nil : heldSince ?? now
        mailbox.post(&outbox, epoch: epoch, isUrgent: isUrgent)
        if now >= nextSnapshot {
            mailbox.publish(runner.snapshot(now: now), epoch: epoch)
            nextSnapshot = now + Self.snapshotIntervalNanoseconds
        }
        guard !runner.isFinished else { return false }
        if !isBusy {
            mailbox.waitForDelivery(milliseconds: Int(milliseconds(from: clock.now, to: nextTick)))
        }
        return true
    }
}

/// Whole milliseconds, rounded up, from one moment to another in nanoseconds; 0 where that is past.
func milliseconds(from moment: UInt64, to end: UInt64) -> UInt64 {
    end > moment ? (end - moment + nanosecondsPerMillisecond - 1) / nanosecondsPerMillisecond : 0
}
