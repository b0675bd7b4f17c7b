import Agents
import Environments
import Experience
import Experiments
import Foundation
package import Histories
package import Logging
package import Nodes
package import Transport
package import Wire

/// Writes every stream into its own file and acknowledges what is durable.
///
/// A carrier's way with it: `OpenStreams` (with a ticket), answered by `StreamsOpened`, which says where each
/// stream goes on; then `Rollouts`, answered by `RolloutsDurable` when they are on disk. The answer is cumulative
/// and late on purpose: one fdatasync serves many rollouts. A run may have several recorders, each with a folder of its
/// own; those of one folder are held apart by a lock in it. All of it, the calls on files too, is on the role's thread; only syncs are spread over
/// several threads, inside `Histories`.
///
/// Where the machine lacks something (room above all), carriers wait and `waiting` says what for. Where one file is
/// found to be damaged, that stream is quarantined and reported, and all others go on.
package final class RecorderRole: Role {
    /// What failed for lack of room is tried again after this time.
    package static let retryMilliseconds: UInt64 = 1000
    /// A carrier that goes on sending rollouts of a quarantined stream is told again after this time.
    static let reminderMilliseconds: UInt64 = 1000
    /// Sealed streams that are remembered; of older ones the files are asked again.
    package static let rememberedSealedStreams = 4096

    /// Nothing is appended that would leave less room than this: catalogue, checkpoints and the copies that sealing
    /// makes need some, and a person who makes room should find the rest of the run alive.
    static let reservedDiskBytes: UInt64 = 16 << 20

    package let name = RoleName.recorder
    package let capacity = 0

    /// The run's folder, or one of the recorder's own; empty until the coordinator has named it, where no other was given.
    var folder: String
    let logger: Logger
    var context: ExperimentContext?
    /// Nil where the coordinator gives no tickets out.
    var tickets: LeaseTickets?
    /// Nil while another recorder still writes the streams: nothing is answered then.
    var lock: DirectoryLock?
    /// Nanoseconds at which waiting for the lock ends; 0 before the recorder was taken in.
    private var lockDeadline: UInt64 = 0
    /// A recorder that was replaced is told so and ends; it is waited for so long.
    private static let lockMilliseconds: UInt64 = 20_000
    /// Every stream that is open, and sealed ones as far as they are remembered.
    var streams: [StreamIdentifier: RecordedStream] = [:]
    /// Growing streams with rollouts that are not on disk, and those to be sealed.
    var pending = PendingStreams()
    /// Orders of carriers to open streams whose streams are not all open yet, in the order in which they came.
    var openings: [Opening] = []
    /// What lasts many turns is told.
    package let progress: WorkProgress? = WorkProgress()
    /// Whether `progress` speaks of something that lasts many turns.
    var isNotingProgress = false
    /// Streams that were sealed since streams last began to wait for their seals, for `progress`; 0 while none waits.
    var sealedMeanwhile = 0
    /// Streams that are being sealed; each gets a piece of work in turn.
    var sealings: [Sealing] = []
    /// Writers that are open and bytes that they have in memory, kept by the writers themselves.
    let tally = WriterTally()
    /// Sealed streams that are remembered, in the order in which they were sealed.
    var sealedOrder = Line<StreamIdentifier>()
    /// By what its folder is known; nil before it is.
    private var identity: String?
    /// The coordinator is told of the folder, by this name of the node.
    private var hasToldFolder = false
    private var introductions = ReliableSender(after: RecorderRole.introductionsBehind)
    /// Numbers of reports stay below.
    private static let introductionsBehind: UInt64 = 1 << 62
    /// To the coordinator: seals and quarantines, again until each is acknowledged.
    var reports = ReliableSender()
    /// The recorder was asked to leave: what it has is flushed and sealed, and nothing is opened.
    var isDraining = false
    /// All files are closed: nothing more is recorded by this process.
    package internal(set) var hasClosedFiles = false
    /// And all that grew elsewhere is at home, or stays where it is.
    var isClosed = false
    /// A disk of this host on which streams grow; nil where they grow in the folder.
    private let disk: RecorderLinks.Place?
    /// Where they grow on it. Set with `lock`.
    private(set) var growing: GrowingFolder?
    /// Streams that are still to be brought home by a recorder that leaves; nil before it begins.
    var comingHome: [String]?
    /// Nanoseconds from which appending is tried again after the machine lacked something.
    var retryAt: UInt64 = 0
    /// Nanoseconds from which sealing is tried again: apart from `retryAt`, since sealing makes room and goes on while
    /// appending waits.
    var sealAgainAt: UInt64 = 0
    /// What the machine lacks, in words; nil when nothing.
    var obstacle: String?
    /// Since when there has been an obstacle, for `waiting`; set by `tick`.
    private var obstacleSince: UInt64?
    /// Counters for `status`, by their names there.
    var counts: [String: Double] = [:]
    /// How often a sender is told that it is refused.
    var complaints = ComplaintLimit()
    /// Streams whose carriers are owed word of how far they are, and whether something is to be sent again.
    var owed: [StreamIdentifier: Bool] = [:]
    /// Checksums of rollouts that came again.
    var checksums = RecordedChecksums()
    /// Incarnations of lifetimes that were discarded: lower ones are refused.
    var discards: [LifetimeIdentifier: UInt64] = [:]

    /// Bytes that are free on a folder's disk; nil where that cannot be told.
    let freeBytes: (_ folder: String) -> UInt64?
    /// Measures how long a turn of work has lasted.
    let clock: any Clock
    /// Calls to the operating system that a test can make fail.
    let fileCalls: FileCalls
    /// Folders in which names that were found are durable: their sync was done since.
    var syncedFolders: Set<String> = []

    /// - Parameters:
    ///   - folder: where the run's streams go; nil for the coordinator's own folder of the run. While another recorder
    ///     still holds that folder, this one waits.
    ///   - disk: where streams grow, on this host; nil for the folder itself
    ///   - clock: measures the turns of work, which are bounded by it
    package init(
        folder: String?, disk: RecorderLinks.Place? = nil, logger: Logger, clock: any Clock = SystemClock(),
        fileCalls: FileCalls = .system,
        freeBytes: @escaping (_ folder: String) -> UInt64? = freeDiskBytes
    ) {
        self.clock = clock
        self.fileCalls = fileCalls
        self.freeBytes = freeBytes
        self.folder = folder ?? ""
        self.disk = disk
        self.logger = logger
    }

    /// Throws what reading the experiment throws. Where another recorder holds the streams for more than 20 s, `tick`
    /// throws `ClusterError`.
    package func begin(_ welcome: Welcome, now: UInt64) throws {
        tickets = LeaseTickets(secret: welcome.ticketSecret)
        openings.removeAll()
        hasToldFolder = false
        if let context { return try context.check(isStill: welcome.experiment, in: welcome.folder) }
        context = try ExperimentContext(yaml: welcome.experiment, folder: welcome.folder)
        if folder.isEmpty { folder = welcome.folder }
        lockDeadline = now + Self.lockMilliseconds * nanosecondsPerMillisecond
        try takeLock(now: now)
    }

    /// Throws `ClusterError` when another recorder has not let go of the streams in time.
    private func takeLock(now: UInt64) throws {
        do {
            // Known before it is ours: of two recorders with one folder the coordinator lets one end.
            let identity = try FolderIdentity.make(folder)
            self.identity = identity
            let taken = try DirectoryLock(path: folder + "/histories/.recorder.lock", holder: "recorder")
            growing = try GrowingFolder.take(disk, for: folder, identity: identity)
            lock = taken
            obstacle = nil
        } catch {
            guard now < lockDeadline else { throw error }
            obstacle = "\(error)"
        }
    }

    package var isFinished: Bool { isDraining && isClosed && reports.isEmpty }

    /// Streams are opened by their carriers, not leased: they stay as they are. Only orders to open that wait are
    /// dropped; their carriers ask again.
    package func forgetLeases(now: UInt64) { openings.removeAll() }

    package func drain(now: UInt64) { isDraining = true }

    package var numbers: [String: Double] {
        var numbers = counts
        numbers["open_streams"] = Double(tally.writers)
        numbers["unflushed_bytes"] = Double(tally.pendingBytes)
        numbers["disk_free_bytes"] = freeBytes(growing?.path ?? folder).map { Double($0) }
        return numbers
    }

    package func waiting(now: UInt64) -> Waiting? {
        obstacle.map { Waiting(for: "", why: $0, since: obstacleSince ?? now, now: now) }
    }

    // MARK: - Messages

    package func receive(_ envelope: Envelope, from sender: Address, now: UInt64, outbox: inout Outbox) throws {
        if case .acknowledgement = envelope.message, sender == .coordinator,
            introductions.acknowledge(envelope.request, by: sender)
        {
            return
        }
        // What concerns files comes again, to the recorder behind this one: those of this one are closed, and may be on
        // their way home.
        guard lock != nil, !hasClosedFiles || Self.concernsReports(envelope.message) else {
            counts["refused_messages", default: 0] += 1
            return
        }
        switch envelope.message {
        case .acknowledgement where sender == .coordinator: reports.acknowledge(envelope.request, by: sender)
        case .openStreams(let open):
            try self.open(open, from: sender, envelope.request, now: now, outbox: &outbox)
        case .rollouts(let rollouts): take(rollouts, from: sender, now: now, outbox: &outbox)
        case .discardStreams(let discard) where sender == .coordinator:
            if try self.discard(discard, now: now) {
                outbox.send(.acknowledgement, to: .coordinator, request: envelope.request)
            }
        case .sealStreams(let seal) where sender == .coordinator:
            var isTaken = true
            for actor in seal.actors {
                let stream = StreamIdentifier(lifetime: seal.lifetime, actor: actor)
                if !end(stream, now: now, outbox: &outbox) { isTaken = false }
            }
            // What cannot be opened for lack of something is ordered again.
            if isTaken { outbox.send(.acknowledgement, to: .coordinator, request: envelope.request) }
        case .failure where sender == .coordinator && reports.refuse(envelope.request, by: sender):
            counts["refused_messages", default: 0] += 1
        case .failure:
            counts["refused_messages", default: 0] += 1
            outbox.noteRefusal()
        default:
            counts["refused_messages", default: 0] += 1
            outbox.send(.failure("a recorder does not take this message"), to: sender, request: envelope.request)
        }
    }

    /// All that a recorder still waits for when its files are closed.
    private static func concernsReports(_ message: Message) -> Bool {
        switch message {
        case .acknowledgement, .failure: true
        default: false
        }
    }

    /// Lockstep and evaluations play again what is on disk already; their files hold incarnation 0, and must come
    /// out the same.
    func isLivedAgain(_ lifetime: LifetimeIdentifier) -> Bool {
        lifetime.collection != .histories || context?.experiment.collect.synchronization == .lockstep
    }

    // MARK: - Answers

    func report(
        _ identifier: StreamIdentifier, rows: UInt64, rollouts: UInt64, now: UInt64, outbox: inout Outbox
    ) {
        report(
            [.init(actor: identifier.actor, rows: rows, rollouts: rollouts)], of: identifier.lifetime, now: now,
            outbox: &outbox)
    }

    func report(
        _ sealed: [StreamsSealed.Stream], of lifetime: LifetimeIdentifier, now: UInt64, outbox: inout Outbox
    ) {
        reports.send(
            .streamsSealed(StreamsSealed(lifetime: lifetime, streams: sealed)), to: .coordinator, now: now,
            outbox: &outbox)
    }

    /// Tells the coordinator that a stream is quarantined, again until it is acknowledged.
    func report(_ identifier: StreamIdentifier, reason: String, now: UInt64, outbox: inout Outbox) {
        reports.send(
            .streamQuarantined(
                StreamQuarantined(lifetime: identifier.lifetime, actor: identifier.actor, reason: reason)),
            to: .coordinator, now: now, outbox: &outbox)
    }

    /// Tells each carrier how far its streams are on disk, in one message for each lifetime. `resend`: rollouts
    /// were missed.
    func acknowledge(_ identifiers: [StreamIdentifier], resend: Bool = false, outbox: inout Outbox) {
        struct Group: Hashable {
            let carrier: Address
            let lifetime: LifetimeIdentifier
        }
        var groups: [Group: [RolloutsDurable.Stream]] = [:]
        for identifier in identifiers {
            guard let stream = streams[identifier], stream.carrier != .coordinator else { continue }
            groups[Group(carrier: stream.carrier, lifetime: identifier.lifetime), default: []].append(
                stream.standing(of: identifier))
        }
        for (group, streams) in groups {
            outbox.send(
                .rolloutsDurable(RolloutsDurable(lifetime: group.lifetime, streams: streams, resend: resend)),
                to: group.carrier)
        }
    }

    /// Until it is acknowledged: the coordinator gives the recorder no streams before.
    private func tellFolder(now: UInt64, outbox: inout Outbox) {
        introductions.tick(now: now, outbox: &outbox)
        guard let identity, !hasToldFolder else { return }
        hasToldFolder = true
        introductions.forget(.coordinator)
        introductions.send(
            .recorderFolder(RecorderFolder(identity: identity, path: Self.absolute(folder))), to: .coordinator,
            now: now, outbox: &outbox)
    }

    private static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }

    package func tick(now: UInt64, outbox: inout Outbox) throws {
        if lock == nil, lockDeadline > 0 { try takeLock(now: now) }
        tellFolder(now: now, outbox: &outbox)
        reports.tick(now: now, outbox: &outbox)
        answerOwed(outbox: &outbox)
        obstacleSince = obstacle == nil ? nil : obstacleSince ?? now
    }
}

extension RecordedStream {
    /// What its carrier is told.
    func standing(of identifier: StreamIdentifier) -> RolloutsDurable.Stream {
        RolloutsDurable.Stream(
            actor: identifier.actor, nextSequence: acknowledgedSequence, incarnation: incarnation, state: state)
    }
}
