package import Distillation
package import Environments
import Experience
package import Experiments
package import Foundation
import Models

/// The streams of a training run on their way into memory, in slices: between two of them its owner says that it is
/// there, and how far it is.
///
/// It also stands between a lease and a run in a second way: `resumeFrom` may change until the last slice was read,
/// as when the coordinator dies meanwhile and leases the training again.
///
/// Where training follows (`distil.follow`), it is over when all that is there was read and holds at least as many
/// transitions as one optimiser step shows; otherwise when the sealed streams were read.
package final class DistillationLoading {
    private let experiment: Experiment
    private let settings: DistilSettings
    private let distribution: any TaskDistribution
    private let ranks: (any RankGroup)?
    /// What is read, for the next distillation of the same histories.
    package let store: HistoriesReading
    /// The checkpoint's folder that training will go on from; nil for a new model.
    package var resumeFrom: URL?

    /// Called after each file.
    package var onProgress: (() -> Void)?

    /// `settings`: those of this distillation, which may differ from the experiment's own. `histories`: a run, a folder
    /// of streams or one file. `store`: what an earlier distillation has read of the same histories, so that only what
    /// it left out is read. `ranks`: those that train together, each of which reads for itself. Nothing is looked at
    /// before the first `advance`.
    package init(
        experiment: Experiment, settings: DistilSettings, distribution: any TaskDistribution, histories: URL,
        resumeFrom: URL?, store: HistoriesReading? = nil, ranks: (any RankGroup)? = nil
    ) {
        self.experiment = experiment
        self.settings = settings
        self.distribution = distribution
        self.resumeFrom = resumeFrom
        self.ranks = ranks
        self.store = store ?? HistoriesReading(path: histories.path, environment: distribution.environment)
        self.store.memory = settings.memory
        self.store.widen(to: selection)
        if !settings.follow { self.store.historiesAreComplete() }
    }

    private var selection: StreamSelection {
        StreamSelection(settings.windows, tasks: experiment.trainTasks(of: distribution))
    }

    /// All streams are sealed that will be: one more look, and training need not wait any more.
    package func historiesAreComplete() { store.historiesAreComplete() }

    /// Reads one slice; gives the run when there is enough. Nil where there is not yet: at once again where
    /// `isReading`, otherwise a scan later. `now`: nanoseconds of a monotonic clock. Throws for streams of another
    /// environment, for what cannot be read, or where nothing can be learnt from.
    package func advance(now: UInt64) throws -> DistillationRun? {
        store.onProgress = onProgress
        isReading = try store.advance(now: now)
        guard !isReading, store.scans > 0, store.isComplete || settings.follow && hasEnough else { return nil }
        // Of several ranks the first alone has the checkpoint, and all have to read the same.
        store.rotate(
            from: try ranks == nil ? resumeFrom.flatMap(Checkpoint.streamsInMemory(in:)) : nil, selection: selection)
        isReading = store.rotation.map { !$0.isFilled } ?? false
        guard !isReading else { return nil }
        return try DistillationRun(
            experiment: experiment, settings: settings, distribution: distribution, store: store,
            selection: selection, resumeFrom: resumeFrom, ranks: ranks)
    }

    /// There is more to read at once.
    package private(set) var isReading = true

    /// As many transitions as an optimiser step shows: fewer would be the same ones again and again.
    private var hasEnough: Bool {
        store.streams.rowCount(of: selection)
            >= settings.training.batchSize * settings.model.dimensions.contextLength
    }

    /// For a status: `streams_read` of `streams_found`.
    package var numbers: [String: Double] {
        guard store.fileCount > 0 else { return [:] }
        return [
            "streams_read": Double(store.filesRead), "streams_found": Double(store.fileCount),
            "transitions": Double(store.streams.rowCount),
        ]
    }
}
