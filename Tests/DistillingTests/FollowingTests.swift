import Distillation
import Distilling
import Environments
import Experience
import Experiments
import Foundation
import Histories
import Simulation
import TestSupport
import Testing

@Suite("Training that follows streams which still grow") struct FollowingTests {
    private static let second: UInt64 = 1_000_000_000
    private static let promise = 10 * second

    /// A run whose streams grow as a test says, the training that follows it, and a clock.
    private final class Following {
        let experiment: Experiment
        let distribution: any TaskDistribution
        let folder: URL
        var streams: [GrowingStream] = []
        var random: SplitMix
        var now: UInt64 = second

        init(seed: UInt64, steps: Int = 40) throws {
            let yaml =
                smallExperiment(lockstep: false, actors: 4, trainTasks: 5)
                .replacing("steps: 3, batch_size: 2", with: "steps: \(steps), batch_size: 2")
                .replacing("windows: {every_episodes: 1}", with: "follow: true")
            experiment = try Experiment(yaml: yaml, file: "the test")
            distribution = try experiment.makeTasks()
            folder = URL(fileURLWithPath: try makeTemporaryFolder())
            random = SplitMix(seed: seed)
            for task in experiment.trainTasks(of: distribution) {
                streams += (0..<4).map {
                    GrowingStream(in: folder, environment: distribution.environment, task: task, actor: $0)
                }
            }
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func loading(resumeFrom: URL? = nil, store: HistoriesReading? = nil) -> DistillationLoading {
            DistillationLoading(
                experiment: experiment, settings: experiment.distil, distribution: distribution, histories: folder,
                resumeFrom: resumeFrom, store: store)
        }

        /// Rows of whole episodes that a stream's file has now.
        func wholeRows(_ stream: GrowingStream) throws -> Int {
            try StreamContents(path: stream.path).finishedEpisodes.reduce(0) { $0 + $1.count }
        }

        func recordAll(rollouts: Int) throws {
            for stream in streams { try stream.record(rollouts: rollouts, using: &random) }
        }

        func begin(_ loading: DistillationLoading) throws -> DistillationRun {
            for _ in 0..<1000 {
                if let run = try loading.advance(now: now) { return run }
                now += 10_000_000
            }
            throw FollowingError.didNotBegin
        }

        /// A turn, and the time that it takes.
        func turn(_ run: DistillationRun) throws -> DistillationRun.Turn {
            let turn = try run.turn(now: now)
            let milliseconds =
                switch turn {
                case .trained: UInt64.random(in: 100...1500, using: &random)
                case .read: UInt64.random(in: 10...200, using: &random)
                case .waited: UInt64(50)
                }
            now += milliseconds * 1_000_000
            return turn
        }
    }

    private enum FollowingError: Error { case didNotBegin }

    @Test("what is acknowledged is in reach of the windows 10 s later, whatever steps and scans take", arguments: 1...4)
    func promise(seed: UInt64) throws {
        let following = try Following(seed: seed, steps: 200)
        try following.recordAll(rollouts: 4)
        let loading = following.loading()
        let run = try following.begin(loading)
        var acknowledged: [(stream: GrowingStream, rows: Int, time: UInt64)] = []
        var longest: UInt64 = 0
        let end = following.now + 90 * Self.second
        while following.now < end {
            for stream in following.streams where Int.random(in: 0..<4, using: &following.random) == 0 {
                try stream.record(rollouts: 2, using: &following.random)
                acknowledged.append((stream, try following.wholeRows(stream), following.now))
            }
            let turn = try following.turn(run)
            let inReach = Dictionary(
                uniqueKeysWithValues: loading.store.streams.streams.map { ($0.name, $0.rowCount) })
            if turn == .trained { #expect(run.transitions == inReach.values.reduce(0, +)) }
            if turn == .read { continue }
            acknowledged.removeAll { entry in
                guard inReach[entry.stream.path] ?? 0 >= entry.rows else { return false }
                longest = max(longest, following.now - entry.time)
                return true
            }
            let late = acknowledged.filter { following.now - $0.time > Self.promise }
            #expect(late.isEmpty, "seed \(seed): \(late.count) are late")
            if !late.isEmpty { return }
        }
        #expect(longest > Self.second && longest <= Self.promise, "seed \(seed)")
    }

    @Test("half of the training waits until the histories are complete; then it is on what was sealed, and ends")
    func wholeTraining() throws {
        let following = try Following(seed: 5)
        let loading = following.loading()
        // Nothing to begin with, and then too little.
        for _ in 0..<3 {
            #expect(try loading.advance(now: following.now) == nil)
            following.now += 4 * Self.second
        }
        // Two of the five lifetimes allow two fifths of the half.
        for stream in following.streams.prefix(8) { try stream.record(rollouts: 12, using: &following.random) }
        let run = try following.begin(loading)
        for _ in 0..<200 { _ = try following.turn(run) }
        #expect(run.isWaiting && run.steps == 8 && !run.isFinished)
        try following.recordAll(rollouts: 12)
        for _ in 0..<200 { _ = try following.turn(run) }
        #expect(run.isWaiting && run.steps == 20 && !run.isFinished)
        try following.recordAll(rollouts: 12)
        for _ in 0..<200 { _ = try following.turn(run) }
        #expect(run.steps == 20)
        for stream in following.streams.dropLast(3) { try stream.seal() }
        run.historiesAreComplete()
        for _ in 0..<200 where !run.isFinished { _ = try following.turn(run) }
        #expect(run.isFinished && run.steps == 40)
        #expect(run.streams == following.streams.count - 3)
        let sealed = try following.streams.dropLast(3).reduce(0) { $0 + (try following.wholeRows($1)) }
        #expect(run.transitions == sealed)
    }

    @Test("a distiller that died goes on from its checkpoint with what is there by then")
    func resumed() throws {
        let following = try Following(seed: 6)
        try following.recordAll(rollouts: 12)
        let first = try following.begin(following.loading())
        while first.steps < 7 { _ = try following.turn(first) }
        let checkpoints = URL(fileURLWithPath: try makeTemporaryFolder())
        defer { try? FileManager.default.removeItem(at: checkpoints) }
        let checkpoint = try first.save(in: checkpoints)
        try following.recordAll(rollouts: 12)
        let loading = following.loading(resumeFrom: checkpoint)
        let second = try following.begin(loading)
        #expect(second.steps == 7 && second.transitions > first.transitions)
        for stream in following.streams { try stream.seal() }
        second.historiesAreComplete()
        for _ in 0..<300 where !second.isFinished { _ = try following.turn(second) }
        #expect(second.isFinished && second.steps == 40)
    }

    @Test("the next distillation begins with what the one before has read")
    func reused() throws {
        let following = try Following(seed: 7)
        try following.recordAll(rollouts: 12)
        for stream in following.streams { try stream.seal() }
        let loading = following.loading()
        loading.historiesAreComplete()
        let first = try following.begin(loading)
        let second = try #require(try following.loading(store: loading.store).advance(now: following.now))
        #expect(second.transitions == first.transitions && second.transitions > 0)
        for run in [first, second] { while !run.isFinished { _ = try following.turn(run) } }
        #expect(try first.checkpointFiles()[1].content == second.checkpointFiles()[1].content)
    }

    @Test(
        "without a coordinator, collection is over when the experiment's streams are sealed, or nothing comes for long")
    func over() throws {
        let following = try Following(seed: 8)
        let loading = following.loading()
        func watch() -> CollectionWatch {
            CollectionWatch(
                experiment: following.experiment, settings: following.experiment.distil,
                distribution: following.distribution, quietMinutes: 2)
        }
        func scan(_ watch: inout CollectionWatch, after seconds: UInt64) throws -> Bool {
            following.now += seconds * Self.second
            while try loading.store.advance(now: following.now) {}
            return watch.isOver(loading.store, now: following.now)
        }
        var first = watch()
        // Before the first stream it waits for as long as it takes.
        #expect(try !scan(&first, after: 1))
        #expect(try !scan(&first, after: 3600))
        try following.recordAll(rollouts: 12)
        #expect(try !scan(&first, after: 10))
        #expect(try !scan(&first, after: 100))
        #expect(try scan(&first, after: 60))
        var second = watch()
        for stream in following.streams.dropLast() { try stream.seal() }
        #expect(try !scan(&second, after: 10))
        try following.streams[following.streams.count - 1].seal()
        #expect(try scan(&second, after: 10))
    }
}
