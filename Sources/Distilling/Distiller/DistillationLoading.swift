import Distillation
package import Environments
import Experience
package import Experiments
package import Foundation

/// The streams of a training run on their way into memory, in slices: between two of them its owner says that it is
/// there, and how far it is.
///
/// It also stands between a lease and a run in a second way: `resumeFrom` may change until the last slice was read,
/// as when the coordinator dies meanwhile and leases the training again.
package final class DistillationLoading {
    /// A slice ends when it has read so many files, or so many transitions: some tens of milliseconds.
    package static let filesPerSlice = 16
    package static let transitionsPerSlice = 1 << 18

    private let experiment: Experiment
    private let distribution: any TaskDistribution
    private let histories: URL
    /// Nil before the first slice and after the last.
    private var reading: HistoriesReading?
    /// The checkpoint's folder that training will go on from; nil for a new model.
    package var resumeFrom: URL?

    /// Called after each file.
    package var onProgress: (() -> Void)?

    /// `histories`: a run, a folder of streams or one file. Nothing is looked at before the first `advance`.
    package init(experiment: Experiment, distribution: any TaskDistribution, histories: URL, resumeFrom: URL?) {
        self.experiment = experiment
        self.distribution = distribution
        self.histories = histories
        self.resumeFrom = resumeFrom
    }

    /// Reads one slice; gives the run when all is read. Throws for a damaged stream, or where nothing can be learnt
    /// from.
    package func advance() throws -> DistillationRun? {
        guard reading != nil else {
            reading = try HistoriesReading(path: histories.path, settings: experiment.distil.windows)
            return nil
        }
        var transitions = 0
        for _ in 0..<Self.filesPerSlice where transitions < Self.transitionsPerSlice {
            guard let more = try reading?.readNext() else { return try finish() }
            transitions += more
            onProgress?()
        }
        return nil
    }

    private func finish() throws -> DistillationRun? {
        guard let data = try reading?.finish() else { return nil }
        reading = nil
        return try DistillationRun(
            experiment: experiment, distribution: distribution, histories: data, source: histories.path,
            resumeFrom: resumeFrom)
    }

    /// For a status: `streams_read` of `streams_found`.
    package var numbers: [String: Double] {
        guard let reading else { return [:] }
        return [
            "streams_read": Double(reading.filesRead), "streams_found": Double(reading.fileCount),
            "transitions": Double(reading.transitions),
        ]
    }
}
