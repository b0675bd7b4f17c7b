package import Distillation
package import Environments
package import Experiments

/// Tells when the streams that another process collects are complete, for a distiller that follows them without a
/// coordinator: when as many are sealed as the experiment asks for, or when nothing has come for a long time.
///
/// Streams that their recorder has given up count as sealed. How many streams an elastic lifetime will have is not
/// known, nor what a run of another experiment collects: there the quiet time decides.
package struct CollectionWatch {
    /// How long nothing may come until collection is taken to be over, where no other time is given.
    package static let quietMinutes = 10.0

    private let selection: StreamSelection
    /// Streams that there will be; nil where that is not known.
    private let expected: Int?
    private let quietNanoseconds: UInt64
    private var seenVersion: Int?
    /// The scan after which streams were counted last.
    private var countedScan = 0
    /// When the store was last seen to change.
    private var changed: UInt64 = 0

    package init(
        experiment: Experiment, settings: DistilSettings, distribution: any TaskDistribution,
        quietMinutes: Double = Self.quietMinutes
    ) {
        let tasks = experiment.trainTasks(of: distribution)
        selection = StreamSelection(settings.windows, tasks: tasks)
        let streams = min(experiment.recordedActors, settings.windows.maximumStreamsPerLifetime ?? .max)
        expected =
            experiment.collect.elastic
            ? nil : min(tasks.count, settings.windows.tasks ?? .max) * experiment.collect.lifetimes * streams
        quietNanoseconds = UInt64(quietMinutes * 60e9)
    }

    /// Whether nothing more will come to what `store` has read. `now`: nanoseconds of a monotonic clock.
    package mutating func isOver(_ store: HistoriesReading, now: UInt64) -> Bool {
        if seenVersion != store.streams.version {
            seenVersion = store.streams.version
            changed = now
        }
        guard store.streams.streamCount > 0 else { return false }
        if let expected, store.scans != countedScan {
            countedScan = store.scans
            if store.sealedCount(of: selection) + store.quarantined.count >= expected { return true }
        }
        return now - changed >= quietNanoseconds
    }
}
