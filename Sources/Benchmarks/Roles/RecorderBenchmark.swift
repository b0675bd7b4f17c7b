import Collecting
import Environments
import Experience
import Experiments
import Foundation
import Glibc
import Logging
import Neural
import Nodes
import Quantities
import Wire

/// How fast the recorder records and seals short streams: the real state machine, encoded messages and files on a disk.
///
/// Lifetimes of 100 actors come at full speed, several at a time as in a run. The clock runs while the recorder works:
/// opening, decoding, appending, sealing, and making durable; not while the made-up carriers do.
package struct RecorderBenchmark {
    /// Actors of each lifetime, all recorded: a carrier's message has a rollout of each.
    private static let actors = 100
    /// One episode of the environment.
    private static let rolloutRows = 20
    /// Carriers wait for the seals of what they have sent, as for memory in a run. It is counted in streams, ten
    /// lifetimes of them.
    private static let unsealedLimit = 1000

    /// Streams that are recorded: a multiple of 100.
    package let streams: Int
    /// Transitions of each stream.
    package let rows: Int
    private let lifetimes: Int

    /// `streams`: at least; whole lifetimes are recorded. `rows`: of each.
    package init(streams: Int, rows: Int) {
        lifetimes = (streams + Self.actors - 1) / Self.actors
        self.streams = lifetimes * Self.actors
        self.rows = rows
    }

    /// Records in folders of `folder`, on whose disk the figures depend, which are its own. Rates are those of all
    /// repetitions; what else was measured is of the one in the middle.
    package func run(repetitions: Int, in folder: String, _ monitor: BenchmarkMonitor) throws -> BenchmarkResult {
        // All files stay to the end: some file systems are slow to make files where others were just removed.
        let runs = try (0..<repetitions).map { index in
            try monitor.mayGoOn()
            let run = try run(folder: "\(folder)/\(index)")
            monitor.say(line(run))
            return run
        }
        return BenchmarkResult(middleOf: runs, by: "seconds")
    }

    private func line(_ run: BenchmarkResult) -> String {
        func text(_ name: String, _ decimals: Int) -> String {
            NumberText.fixed(run.measured[name] ?? 0, decimals: decimals)
        }
        return
            "\(Int(run.rates[.streams]?.first ?? 0)) streams a second, \(text("milliseconds_per_stream", 2)) ms each, "
            + "\(text("cpu_milliseconds_per_stream", 2)) ms of processor time (\(text("user_seconds", 1)) s user, "
            + "\(text("system_seconds", 1)) s system in all), longest step \(text("longest_step_milliseconds", 0)) ms"
    }

    private func run(folder: String) throws -> BenchmarkResult {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let experiment = try self.experiment()
        let context = try ExperimentContext(experiment: experiment, folder: folder)
        let tasks = experiment.trainTasks(of: context.distribution)
        let driver = try RecorderDriver(experiment: experiment, folder: folder)
        let carrier = MadeUpCarrier(actors: Self.actors, rows: rows, rolloutRows: Self.rolloutRows)
        for index in 0..<lifetimes {
            let lifetime = LifetimeIdentifier(task: tasks[index % tasks.count], repetition: index / tasks.count)
            for message in carrier.messages(of: lifetime) { try driver.hear(message) }
            while (index + 1) * Self.actors - driver.sealed > Self.unsealedLimit { try driver.work() }
        }
        while driver.sealed < streams { try driver.work() }
        return result(driver)
    }

    /// The smallest experiment that has room for all lifetimes: 64 train tasks, each with as many lifetimes as are
    /// needed.
    private func experiment() throws -> Experiment {
        try Experiment(
            yaml: """
                name: bench-recorder
                tasks: {test: 16, train: 64}
                collect: {actors: \(Self.actors), lifetimes: \((lifetimes + 63) / 64), test_lifetimes: 0, \
                synchronization: asynchronous}
                """, file: "the bench's experiment")
    }

    /// One repetition: streams and transitions a second of the time that the recorder was at work, and what that cost
    /// in processor time.
    private func result(_ driver: RecorderDriver) -> BenchmarkResult {
        let spent = driver.spent
        return BenchmarkResult(
            name: "recorder", configuration: ["streams": .init(streams), "rows": .init(rows)],
            rates: [
                .streams: [Double(streams) / spent.seconds], .transitions: [Double(streams * rows) / spent.seconds],
            ],
            measured: [
                "milliseconds_per_stream": 1000 * spent.seconds / Double(streams), "seconds": spent.seconds,
                "user_seconds": spent.user, "system_seconds": spent.system,
                "cpu_milliseconds_per_stream": 1000 * (spent.user + spent.system) / Double(streams),
                "longest_step_milliseconds": 1000 * driver.longestStep,
            ])
    }
}

/// Time of this process: what has passed by a monotonic clock, and processor time of all its threads (`getrusage`), in
/// user code and in the system. All in seconds.
private struct TimeSpent {
    var seconds = 0.0
    var user = 0.0
    var system = 0.0

    /// The readings of this moment; two of them are subtracted by `add`.
    static var now: TimeSpent {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return TimeSpent(
            seconds: Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9,
            user: Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) * 1e-6,
            system: Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) * 1e-6)
    }

    /// Adds what has been spent between `began` and now.
    mutating func add(since began: TimeSpent) {
        let now = TimeSpent.now
        seconds += now.seconds - began.seconds
        user += now.user - began.user
        system += now.system - began.system
    }
}

/// Lets a recorder work as its thread does, and is its coordinator. One thread calls it. Only calls of the recorder are
/// timed, each by `measure`.
private final class RecorderDriver {
    /// The recorder as a run has it, without a socket.
    private let recorder: RecorderRole
    private var outbox = Outbox()
    /// Streams that the recorder has reported as sealed.
    private(set) var sealed = 0
    /// What the recorder's calls have taken so far, made-up carriers and the coordinator's answers not included.
    private(set) var spent = TimeSpent()
    /// The longest call of the recorder, in seconds.
    private(set) var longestStep = 0.0

    init(experiment: Experiment, folder: String) throws {
        recorder = RecorderRole(folder: nil, logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        try recorder.begin(
            Welcome(
                run: "bench", experiment: experiment.yaml, heartbeatIntervalMilliseconds: 1000,
                silenceLimitMilliseconds: 5000, folder: folder), now: now)
    }

    /// Nanoseconds of the monotonic clock: the recorder's timers and its turns run on real time here.
    private var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Gives the recorder a carrier's message, then lets it work. The order is that of a role's thread, which takes a
    /// message and then does a piece of its other work.
    func hear(_ message: [UInt8]) throws {
        try measure {
            try recorder.receive(Envelope(decoding: message), from: .peer("carrier"), now: now, outbox: &outbox)
        }
        try work()
    }

    /// One turn of the recorder, with the coordinator's answers. What the recorder sends is decoded again, as a
    /// coordinator would; acknowledgements to the carrier are dropped.
    func work() throws {
        try measure { _ = try recorder.work(now: now, outbox: &outbox) }
        try measure { try recorder.tick(now: now, outbox: &outbox) }
        let items = outbox.items
        outbox.removeAll()
        for item in items { try answer(Envelope(decoding: item.bytes)) }
    }

    /// Does as a coordinator would: acknowledges seals. Throws `ClusterError` for a stream that is lost or a message
    /// that is refused. Other messages, such as answers to the carrier, mean nothing here.
    private func answer(_ envelope: Envelope) throws {
        switch envelope.message {
        case .streamsSealed(let report):
            sealed += report.streams.count
            try measure {
                try recorder.receive(
                    Envelope(.acknowledgement, request: envelope.request), from: .coordinator, now: now, outbox: &outbox
                )
            }
        case .streamQuarantined(let report):
            throw ClusterError("the bench's stream \(report.lifetime) \(report.actor) is lost: \(report.reason)")
        case .failure(let reason): throw ClusterError("the bench's recorder refuses: \(reason)")
        default: break
        }
    }

    /// Adds the time that `body` takes to what the recorder has spent.
    private func measure(_ body: () throws -> Void) throws {
        let began = TimeSpent.now
        try body()
        let before = spent.seconds
        spent.add(since: began)
        longestStep = max(longestStep, spent.seconds - before)
    }
}

/// What a carrier of a whole lifetime says: the same walks in every lifetime. Its rollouts are made once, before
/// anything is timed.
private struct MadeUpCarrier {
    private let actors: Int
    /// A lifetime's rollouts by sequence number, (actors, rows) each; only the lifetime's name is changed for the next.
    private let batches: [RolloutBatch]

    /// Makes all rollouts, in memory: `rows` transitions of each actor, cut after every `rolloutRows`. The last piece
    /// may be shorter.
    init(actors: Int, rows: Int, rolloutRows: Int) {
        self.actors = actors
        var random = PhiloxSequence(Philox(key0: 0, key1: 0), purpose: .other)
        batches = stride(from: 0, to: rows, by: rolloutRows).enumerated().map { sequence, first in
            Self.batch(
                UInt64(sequence), actors: actors, rows: min(rolloutRows, rows - first),
                isLast: first + rolloutRows >= rows, endsEpisode: rows - first >= rolloutRows, &random)
        }
    }

    /// The rollouts of all actors with one sequence number: `rows` rows each, checksums included. `endsEpisode`: the
    /// last row is a truncation, and final observations follow.
    private static func batch(
        _ sequence: UInt64, actors: Int, rows: Int, isLast: Bool, endsEpisode: Bool, _ random: inout PhiloxSequence
    ) -> RolloutBatch {
        let count = actors * rows
        func cells(_ count: Int) -> [UInt8] { (0..<2 * count).map { _ in UInt8.random(in: 0..<9, using: &random) } }
        var flags = [UInt8](repeating: 0, count: rows)
        if endsEpisode { flags[rows - 1] = 1 }
        var batch = RolloutBatch(
            lifetime: LifetimeIdentifier(task: 0, repetition: 0),
            headers: (0..<actors).map {
                RolloutHeader(
                    actor: $0, incarnation: 1, sequence: sequence, policyVersion: sequence, firstEpisode: sequence,
                    length: rows, finishedEpisodes: endsEpisode ? 1 : 0, checksum: 0, isLast: isLast)
            },
            bytes: RolloutBytes([
                .observations: cells(count),
                .actions: (0..<count).map { _ in UInt8.random(in: 0..<5, using: &random) },
                .rewards: (0..<count).map { _ in Float(Int.random(in: 0..<2, using: &random)) }
                    .withUnsafeBytes { Array($0) }, .terminations: [UInt8](repeating: 0, count: count),
                .truncations: (0..<actors).flatMap { _ in flags },
                .finalObservations: endsEpisode ? cells(actors) : [],
            ]))
        batch.seal(RolloutLayout(observation: .multiDiscrete(counts: [9, 9]), action: .discrete(count: 5)))
        return batch
    }

    /// In their order, encoded. `OpenStreams` comes first, then one message of rollouts for each 20 rows, with one
    /// rollout of each actor. There is no ticket, since the recorder was given no secret.
    func messages(of lifetime: LifetimeIdentifier) -> [[UInt8]] {
        let open = OpenStreams(lifetime: lifetime, actors: 0..<actors, incarnation: 1, firstPolicyVersion: 0)
        return [Envelope(.openStreams(open)).encoded()]
            + batches.enumerated().map { index, batch in
                var content = batch
                content.lifetime = lifetime
                return Envelope(
                    .rollouts(Rollouts(attempt: 1, firstActor: 0, batch: UInt64(index) + 1, content: content))
                ).encoded()
            }
    }
}
