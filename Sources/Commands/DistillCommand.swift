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
            """)

    @OptionGroup var options: ExperimentOptions
    @Option(help: "Folder of sealed streams, or of a run.") var histories: String
    @Option(help: "Folder for the checkpoints.") var out: String
    @Option(help: "Which of the experiment's distillations, where it has variants or several seeds: such as ed-seed-1.")
    var distillation: String?
    @Flag(help: "Go on from the latest checkpoint in the folder.") var resume = false
    @Flag(help: "Begin while the streams are still being collected.") var follow = false
    @Option(help: "With --follow: minutes without anything new after which collection is over.")
    var quiet = CollectionWatch.quietMinutes

    func validate() throws {
        guard quiet > 0, quiet <= 1e6 else {
            throw ValidationError("--quiet: expected minutes above 0, at most 1000000; \(quiet) came")
        }
    }

    func run() throws {
        let experiment = try chosen(of: try options.read())
        // Where nothing collects, nothing is to be followed, whatever the experiment says of a run.
        var settings = experiment.distil
        settings.follow = follow
        let folder = URL(fileURLWithPath: out)
        let lock = try DirectoryLock(path: folder.path + "/.distill.lock", holder: "distill command")
        defer { withExtendedLifetime(lock) {} }
        let store = CheckpointStore(folder: folder)
        if let latest = store.latest, !resume {
            throw ClusterError(
                "\(out) has checkpoints (\(latest)): go on from them by --resume, or choose another --out")
        }
        let signals = try SignalWatcher([.interrupt, .terminate])
        var line = ProgressLine()
        defer { line.finish() }
        let newest = try store.newest(for: settings.training) { name, problem in
            printError("\(out)/\(name) is damaged and was set aside: \(problem)")
        }
        for name in store.strangers { printError("\(out)/\(name) is no checkpoint, and is left alone") }
        let distribution = try experiment.makeTasks()
        let resumeFrom = newest.map { folder.appendingPathComponent($0.name) }
        if let newest, newest.isEnd, let resumeFrom {
            _ = try DistillationRun.changes(experiment, settings, distribution, since: resumeFrom)
            printError("training is finished already")
            return print(resumeFrom.path)
        }
        let loading = DistillationLoading(
            experiment: experiment, settings: settings, distribution: distribution,
            histories: URL(fileURLWithPath: histories), resumeFrom: resumeFrom)
        loading.store.onLeftOut = { printError("left out: \($1)") }
        var watch = CollectionWatch(
            experiment: experiment, settings: settings, distribution: distribution, quietMinutes: quiet)
        let training = try load(loading, &watch, &line, signals)
        for change in training.changes { printError("goes on with another setting: \(change)") }
        for path in training.quarantined { printError("left out, it is damaged: \(path)") }
        printError("\(training.streams) streams, \(training.transitions) transitions")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var signal: Signal?
        while !training.isFinished, signal == nil {
            let turn = try training.turn(now: clock.now)
            if follow, watch.isOver(loading.store, now: clock.now) { training.historiesAreComplete() }
            if turn == .waited { usleep(Self.pauseMicroseconds) }
            line.show(distillationText(step: training.steps, training.numbers), phase: "distil")
            if training.isCheckpointDue { try save(training, in: store) }
            signal = signals.next()
        }
        line.finish()
        print(try save(training, in: store).path)
        try exitIfInterrupted(signal)
    }

    /// The experiment with the distillation that is asked for as its only one.
    private func chosen(of experiment: Experiment) throws -> Experiment {
        let planned = try experiment.distillations()
        let names = planned.map(\.name).joined(separator: ", ")
        guard let distillation else {
            guard planned.count == 1 else {
                throw ClusterError(
                    "the experiment has \(planned.count) distillations; --distillation names one: \(names)")
            }
            return experiment.distilling(planned[0])
        }
        guard let found = planned.first(where: { $0.name == distillation }) else {
            throw ClusterError("the experiment has no distillation \(distillation); expected one of \(names)")
        }
        return experiment.distilling(found)
    }

    /// While training waits for streams.
    private static let pauseMicroseconds: UInt32 = 50_000

    private var clock: SystemClock { SystemClock() }

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
    private func save(_ training: DistillationRun, in store: CheckpointStore) throws -> URL {
        let checkpoint = try training.save(in: store.folder)
        try store.retain(training.keptCheckpoints)
        return checkpoint
    }
}
