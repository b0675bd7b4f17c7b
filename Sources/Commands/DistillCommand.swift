import ArgumentParser
import Coordination
import Distillation
import Distilling
import Environments
import Experience
import Experiments
import Foundation
import Nodes
import Processes
import Transport

struct DistillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distill", abstract: "Train a transformer on a folder of streams, without a cluster.",
        discussion: """
            Example: distillery distill deploy/experiments/quickstart.yaml --histories runs/quickstart/histories \
            --out checkpoints --set distil.training.seed=2

            With --follow it may begin while another process still collects the run: what is recorded is learnt from \
            some seconds later, and half of the training (distil.training.follow_share) is kept for when the \
            experiment's last stream is sealed, or nothing has come for --quiet minutes.

            Built with MPI, `mpirun -n 2 distillery distill ...` divides every batch among two processes (docs/mpi.md).
            """)

    @OptionGroup var options: ExperimentOptions
    @Option(help: "Folder of sealed streams, or of a run.") var histories: String
    @OptionGroup var place: DistillationPlace
    @Flag(help: "Begin while the streams are still being collected.") var follow = false
    @Option(help: "With --follow: minutes without anything new after which collection is over.")
    var quiet = CollectionWatch.quietMinutes
    @Option(help: "File to which a line of JSON is added after every step: step, loss, learning rate, gradient norm.")
    var log: String?

    func validate() throws {
        guard quiet > 0, quiet <= 1e6 else {
            throw ValidationError("--quiet: expected minutes above 0, at most 1000000; \(quiet) came")
        }
    }

    func run() throws {
        try asRanks { ranks in
            guard let ranks, ranks.count > 1 else { return try distil() }
            guard !follow else {
                throw RankGroupError(description: "--follow is for one process: each rank would see other streams")
            }
            try RankedDistillation(command: self, ranks: ranks).run()
        }
    }

    /// Alone.
    private func distil() throws {
        let experiment = try place.chosen(of: try options.read())
        // Where nothing collects, nothing is to be followed, whatever the experiment says of a run.
        var settings = experiment.distil
        settings.follow = follow
        let distribution = try experiment.makeTasks()
        let lock = try place.lock()
        defer { withExtendedLifetime(lock) {} }
        let store = place.store
        let signals = try SignalWatcher(Self.signals)
        var line = ProgressLine()
        defer { line.finish() }
        let begin = try place.beginning(experiment, settings, distribution)
        guard !begin.isFinished(saying: true) else { return }
        let loading = DistillationLoading(
            experiment: experiment, settings: settings, distribution: distribution,
            histories: URL(fileURLWithPath: histories), resumeFrom: begin.resumeFrom)
        loading.store.onLeftOut = { printError("left out: \($1)") }
        var watch = CollectionWatch(
            experiment: experiment, settings: settings, distribution: distribution, quietMinutes: quiet)
        let training = try load(loading, &watch, &line, signals)
        describe(training)
        try FileManager.default.createDirectory(at: place.folder, withIntermediateDirectories: true)
        let log = try log.map { try StepLog(path: $0) }
        var signal: Signal?
        while !training.isFinished, signal == nil {
            let turn = try training.turn(now: clock.now)
            if follow, watch.isOver(loading.store, now: clock.now) { training.historiesAreComplete() }
            if turn == .trained, let report = training.lastReport { try log?.add(report) }
            if turn == .waited { usleep(Self.pauseMicroseconds) }
            line.show(distillationText(step: training.steps, training.numbers), phase: "distil")
            if training.isCheckpointDue { try save(training, in: store) }
            signal = signals.next()
        }
        line.finish()
        print(try save(training, in: store).path)
        try exitIfInterrupted(signal)
    }

    /// Says what is about to be learnt from.
    func describe(_ training: DistillationRun) {
        for change in training.changes { printError("goes on with another setting: \(change)") }
        for path in training.quarantined { printError("left out, it is damaged: \(path)") }
        printError("\(training.streams) streams, \(training.transitions) transitions")
        if let note = training.memoryNote { printError(note) }
    }

    /// With each of them training ends, after a checkpoint.
    static let signals: [Signal] = [.interrupt, .userDefined2, .terminate]

    /// While training waits for streams.
    static let pauseMicroseconds: UInt32 = 50_000

    var clock: SystemClock { SystemClock() }

    private func load(
        _ loading: DistillationLoading, _ watch: inout CollectionWatch, _ line: inout ProgressLine,
        _ signals: SignalWatcher
    ) throws -> DistillationRun {
        while true {
            if let training = try loading.advance(now: clock.now) { return training }
            if follow, watch.isOver(loading.store, now: clock.now) { loading.historiesAreComplete() }
            if !loading.isReading { usleep(Self.pauseMicroseconds) }
            line.show(readingText(loading.numbers), phase: "read")
            try exitIfInterrupted(signals.next())
        }
    }

    @discardableResult
    func save(_ training: DistillationRun, in store: CheckpointStore) throws -> URL {
        let checkpoint = try training.save(in: store.folder)
        try store.retain(training.keptCheckpoints)
        return checkpoint
    }
}
