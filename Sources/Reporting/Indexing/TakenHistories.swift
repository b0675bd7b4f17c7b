import Catalog
import Experience
package import Experiments
import Files
package import Foundation
import Glibc
import Histories

/// The sealed histories of one run taken over into another, which then collects only what is missing: files are linked,
/// or copied where the file systems differ, and the catalogue is made from them.
///
/// A sealed stream is never written again, so that two runs may share it. Of a lifetime with a stream that is not sealed
/// nothing is taken: it is collected from its beginning.
package struct TakenHistories {
    /// Streams that were taken.
    package let streams: Int
    /// Lifetimes that were left, because they are not complete.
    package let left: Int

    /// Takes over what `from`, the folder of a run, has of the experiment. `run` is the new run's folder, which has no
    /// catalogue yet; does nothing where it has one. Throws `TakingError` where `from` is no run or has collected
    /// otherwise, and what the disk throws.
    ///
    /// May be called again after it was interrupted.
    package init(
        from: URL, into run: URL, of experiment: Experiment, softwareVersion: String,
        progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
    ) throws {
        let source = from.standardizedFileURL.path
        try Self.check(from, against: experiment)
        guard !FileManager.default.fileExists(atPath: run.path + "/catalog.sqlite") else {
            (streams, left) = (0, 0)
            return
        }
        let (files, left) = try Self.completeStreams(in: source, expected: experiment)
        var folders: Set<String> = []
        for file in files {
            let copy = run.standardizedFileURL.path + file.dropFirst(source.count)
            if folders.insert(Folder.of(copy)).inserted { try Folder.create(Folder.of(copy)) }
            try Self.take(file, as: copy)
        }
        for folder in folders { try Folder.synchronize(folder) }
        let began = Date().timeIntervalSince1970
        try RunIndex(folder: run, progress: progress).write(into: run)
        let own = try Ledger(path: run.path + "/catalog.sqlite", mode: .resume)
        // The run begins now, not when its histories were lived.
        try own.save(
            RunRecord(
                name: experiment.name, softwareVersion: softwareVersion, experimentYAML: experiment.yaml, started: began
            ))
        try Self.takeMetrics(from: source, into: own)
        try own.close()
        streams = files.count
        self.left = left
    }

    /// Throws `TakingError` where the folder is no run, or one that has collected otherwise: before anything is made.
    package static func check(_ from: URL, against experiment: Experiment) throws {
        let source = from.standardizedFileURL.path
        let file = source + "/experiment.yaml"
        guard FileManager.default.fileExists(atPath: file) else {
            throw TakingError(description: "\(source) is not the folder of a run: it has no experiment.yaml")
        }
        let differences = try Experiment(path: file).collectingDifferences(from: experiment)
        guard differences.isEmpty else {
            throw TakingError(
                description: "the histories of \(source) were collected otherwise: there "
                    + differences.joined(separator: "; "))
        }
    }

    /// Files of lifetimes all of whose recorded streams are sealed, and how many lifetimes are not such.
    private static func completeStreams(in source: String, expected: Experiment) throws -> ([String], left: Int) {
        let streams = try StreamFolder(path: source)
        let histories = streams.files.filter { $0.hasPrefix(source + "/histories/") }
        let lifetimes = Dictionary(grouping: histories, by: Folder.of).filter { !streams.discarded.contains($0.key) }
        let recorded = expected.recordedStreams
        let complete = try lifetimes.filter { _, files in
            try files.count >= recorded
                && files.allSatisfy { file in
                    let reader = try StreamReader(path: file)
                    defer { reader.close() }
                    return reader.metadata.isComplete
                }
        }
        return (complete.values.joined().sorted(), lifetimes.count - complete.count)
    }

    private static func take(_ file: String, as copy: String) throws {
        if link(file, copy) == 0 { return }
        switch errno {
        case EEXIST: return
        case EXDEV, EPERM, EMLINK:
            let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
            try AtomicFile.write(bytes, to: copy)
        default: throw FileError.system("link the stream", copy)
        }
    }

    /// What the learners told of their learning, which the streams do not hold.
    private static func takeMetrics(from source: String, into own: Ledger) throws {
        guard let theirs = try? Ledger(path: source + "/catalog.sqlite", mode: .read) else { return }
        for name in try theirs.metricNames() where name.hasPrefix("learner/") {
            try own.save(LedgerBatch(metrics: try theirs.metrics(named: name)))
        }
        try theirs.close()
    }
}

/// Why histories cannot be taken over, in a sentence.
package struct TakingError: Error, CustomStringConvertible {
    package let description: String
}
