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

/// `distill` as one of several ranks. Each reads the histories; rank 0 alone reads and writes checkpoints and says how
/// far training is. What may fail on one rank is done by all `together`, so that all of them end.
struct RankedDistillation {
    let command: DistillCommand
    let ranks: any RankGroup

    func run() throws {
        let (experiment, settings, distribution) = try ranks.together {
            let experiment = try command.place.chosen(of: try command.options.read())
            var settings = experiment.distil
            settings.follow = false
            return (experiment, settings, try experiment.makeTasks())
        }
        let lock = try ranks.together { try ranks.isFirst ? command.place.lock() : nil }
        defer { withExtendedLifetime(lock) {} }
        let store = command.place.store
        let signals = try ranks.together { try SignalWatcher(DistillCommand.signals) }
        var line = ProgressLine()
        defer { line.finish() }
        let begin = try ranks.together {
            try ranks.isFirst ? command.place.beginning(experiment, settings, distribution) : nil
        }
        guard !ranks.ofFirst(begin?.isFinished(saying: true) ?? false) else { return }
        let loading = DistillationLoading(
            experiment: experiment, settings: settings, distribution: distribution,
            histories: URL(fileURLWithPath: command.histories), resumeFrom: begin?.resumeFrom, ranks: ranks)
        loading.store.onLeftOut = { printError("\(ranks.names[ranks.rank]) has left out: \($1)") }
        let (loaded, interrupted) = try ranks.together { try load(loading, signals, &line) }
        try exitIfInterrupted(agreed(interrupted))
        // Where no rank was interrupted every one has loaded.
        guard let training = loaded else { return }
        try training.alignRanks()
        describe(training, threads: settings.training.threads)
        let last = try train(training, store, signals, &line)
        line.finish()
        try save(training, in: store, says: true)
        try exitIfInterrupted(last)
    }

    /// The signal that any rank got, on all of them: `mpirun` passes on to all what it gets, a scheduler may not.
    private func agreed(_ signal: Signal?) -> Signal? {
        Signal(rawValue: Int32(ranks.largest(Int(signal?.rawValue ?? 0))))
    }

    /// Nil and the signal where one came; this rank alone knows of it.
    private func load(
        _ loading: DistillationLoading, _ signals: SignalWatcher, _ line: inout ProgressLine
    ) throws -> (DistillationRun?, Signal?) {
        while true {
            if let training = try loading.advance(now: command.clock.now) { return (training, nil) }
            if ranks.isFirst { line.show(readingText(loading.numbers), phase: "read") }
            if !loading.isReading { usleep(DistillCommand.pauseMicroseconds) }
            if let signal = signals.next() { return (nil, signal) }
        }
    }

    private func describe(_ training: DistillationRun, threads: Int) {
        ranks.warnOfBinding(threads: threads)
        guard ranks.isFirst else { return }
        command.describe(training)
        printError("\(ranks.count) ranks of \(threads) \(threads == 1 ? "thread" : "threads")")
    }

    /// Until training is finished, or a signal came to any rank.
    private func train(
        _ training: DistillationRun, _ store: CheckpointStore, _ signals: SignalWatcher, _ line: inout ProgressLine
    ) throws -> Signal? {
        let log = try ranks.together { try ranks.isFirst ? command.log.map { try StepLog(path: $0) } : nil }
        var signal: Signal?
        while !training.isFinished, signal == nil {
            _ = try training.turn(now: command.clock.now)
            if let report = training.lastReport { try log?.add(report) }
            if ranks.isFirst { line.show(distillationText(step: training.steps, training.numbers), phase: "distil") }
            if training.isCheckpointDue { try save(training, in: store) }
            signal = agreed(signals.next())
        }
        return signal
    }

    /// No rank goes on before the checkpoint is there, and none is made of ranks that have gone apart.
    private func save(_ training: DistillationRun, in store: CheckpointStore, says: Bool = false) throws {
        try training.checkRanks()
        try ranks.together {
            guard ranks.isFirst else { return }
            let checkpoint = try command.save(training, in: store)
            if says { print(checkpoint.path) }
        }
    }
}
