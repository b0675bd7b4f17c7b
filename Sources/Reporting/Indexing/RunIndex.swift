package import Catalog
import Distillation
import Environments
import Experience
import Experiments
package import Foundation
import Histories

/// Remakes a run's catalogue from its files: streams, experiment, checkpoints. What the coordinator alone knew (nodes,
/// metrics, which learner learnt what) stays as it is, or is lost with the catalogue.
///
///     try RunIndex(folder: folder).write(into: folder)
///
/// `distillery histories index` does this, and `--resume` does it through `restore` where the catalogue is gone.
package struct RunIndex {
    /// What the streams tell.
    package let index: HistoriesIndex
    /// Checkpoints whose configuration can be read, by name: of the distiller, then of what lifetimes have learnt.
    package let checkpoints: [CheckpointRecord]
    /// The latest checkpoint is that of a training that has done its steps, or had its time.
    package let distilled: [(name: String, time: Double)]
    /// Files that are no sound streams, with the reason.
    ///
    /// Quarantined streams are among them.
    package let damaged: [String]
    /// Nil where `experiment.yaml` cannot be read; then no row of `run` can be made.
    private let experiment: Experiment?

    /// Reads every stream below `folder`, checksums included. `progress` is told how many files are read.
    ///
    /// Throws where the folder cannot be listed or the experiment's tasks cannot be made. A damaged stream does not
    /// throw: it is counted in `damaged`. Time is that of reading all bytes of all streams.
    package init(folder: URL, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }) throws {
        let root = folder.standardizedFileURL.path
        experiment = try? Experiment(path: root + "/experiment.yaml")
        let streams = try StreamFolder(path: root)
        let files = streams.files
        var reader = IndexedStreams(root: root)
        for (position, file) in files.enumerated() {
            reader.read(file)
            progress(position + 1, files.count)
        }
        let policies = try RunIndex.policies(of: experiment, in: folder.appendingPathComponent("checkpoints/learner"))
        let expected = experiment.map { experiment in
            HistoriesIndex.Expectation(recordedActors: experiment.recordedStreams, unfinished: policies.missing) {
                experiment.size(ofEvaluation: $0)
            }
        }
        index = HistoriesIndex(
            reader.streams, quarantined: streams.quarantined.compactMap(reader.quarantined) + reader.unreadable,
            tasks: try RunIndex.tasks(of: experiment), expected: expected)
        damaged =
            reader.damaged
            + streams.quarantined.map { "\($0): \(StreamVerification(quarantined: $0).problems.joined())" }
        let found = RunIndex.checkpoints(
            in: folder.appendingPathComponent("checkpoints/distiller"),
            of: (try? experiment?.distillations().map(\.name)) ?? [""])
        checkpoints = found.0 + policies.records
        distilled = found.distilled
    }

    /// A run whose catalogue is lost gets one made from its files, so that it can be taken up again. Does nothing where
    /// there is one, or nothing to make it from.
    ///
    /// Throws what the initialiser and `write` throw.
    package static func restore(
        _ folder: URL, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
    ) throws {
        let files = FileManager.default
        guard !files.fileExists(atPath: folder.appendingPathComponent(catalogue).path),
            files.fileExists(atPath: folder.appendingPathComponent("histories").path),
            let streams = try? StreamFolder(path: folder.path), !streams.files.isEmpty
        else { return }
        try RunIndex(folder: folder, progress: progress).write(into: folder)
    }

    /// The catalogue's file name in a run's folder.
    private static let catalogue = "catalog.sqlite"

    /// Writes it into `folder`'s catalogue, a new one if there is none.
    ///
    /// A run without a row in `run` gets one, as far as experiment and streams tell it. Throws `CatalogError`.
    ///
    /// Streams' rows are replaced as a whole; checkpoints that the catalogue knows keep their rows, which may hold more
    /// than the files do. Must not run beside a coordinator, which writes the same catalogue.
    package func write(into folder: URL) throws {
        let path = folder.appendingPathComponent(RunIndex.catalogue).path
        let isNew = !FileManager.default.fileExists(atPath: path)
        let ledger = try Ledger(path: path, mode: isNew ? .create : .resume)
        try ledger.replaceIndex(index)
        let known = try ledger.checkpoints()
        var batch = LedgerBatch(
            checkpoints: checkpoints.filter { found in !known.contains { $0.name == found.name } })
        for (name, time) in distilled
        where try ledger.metrics(named: MetricRecord.distillationFinished(name)).isEmpty {
            batch.metrics.append(.distillationFinished(name, at: time))
        }
        try ledger.save(batch)
        if try ledger.run() == nil, let experiment, let started = index.lifetimes.compactMap(\.started).min() {
            let ends = index.lifetimes.compactMap(\.ended) + index.evaluations.compactMap(\.evaluation.ended)
            try ledger.save(
                RunRecord(
                    name: experiment.name, softwareVersion: "unknown, catalogue remade",
                    experimentYAML: experiment.yaml,
                    started: started, ended: ends.max()))
        }
        try ledger.close()
    }

    /// Empty where the experiment cannot be read: the streams' own tasks are taken then.
    ///
    /// Tasks that the experiment uses, with their bounds; throws what the environment throws.
    private static func tasks(of experiment: Experiment?) throws -> [TaskRecord] {
        guard let experiment else { return [] }
        let distribution = try experiment.makeTasks()
        return try experiment.usedTasks(of: distribution).map { TaskRecord(try distribution.task($0), distribution) }
    }

    /// What lifetimes have left to be evaluated, and the lifetimes that were to and have not.
    private static func policies(
        of experiment: Experiment?, in root: URL
    ) throws -> (records: [CheckpointRecord], missing: Set<LifetimeIdentifier>) {
        guard let experiment else { return ([], []) }
        var records: [CheckpointRecord] = []
        var missing: Set<LifetimeIdentifier> = []
        for planned in try experiment.learntPolicies(of: experiment.makeTasks()) {
            let folder = root.appendingPathComponent(planned.name)
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
            guard let name = names.filter({ Checkpoint.step(of: $0) != nil }).max(),
                let step = Checkpoint.step(of: name),
                let checkpoint = try? Checkpoint(folder: folder.appendingPathComponent(name)),
                (try? LearntPolicyCheckpoint(checkpoint)) != nil
            else {
                missing.insert(planned.lifetime)
                continue
            }
            let config = folder.appendingPathComponent("\(name)/\(Checkpoint.configFile)").path
            let written = try? FileManager.default.attributesOfItem(atPath: config)[.modificationDate] as? Date
            records.append(
                CheckpointRecord(
                    name: planned.checkpoint(name), step: step, created: written?.timeIntervalSince1970 ?? 0))
        }
        return (records, missing)
    }

    /// A checkpoint without a readable `config.json` is left out. `created` is when that file was written.
    ///
    /// `step-` folders of each distillation in the order of their names, which is that of their steps. `distilled`: the
    /// distillations whose last checkpoint ends their training, with its time.
    private static func checkpoints(
        in root: URL, of distillations: [String]
    ) -> ([CheckpointRecord], distilled: [(name: String, time: Double)]) {
        var records: [CheckpointRecord] = []
        var distilled: [(name: String, time: Double)] = []
        for distillation in distillations {
            let folder = distillation.isEmpty ? root : root.appendingPathComponent(distillation)
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
            var end: Double?
            for name in names.filter({ $0.hasPrefix("step-") }).sorted() {
                let file = folder.appendingPathComponent("\(name)/config.json")
                guard let data = try? Data(contentsOf: file),
                    let configuration = try? CheckpointConfiguration(data, name: file.path),
                    let written = try? FileManager.default.attributesOfItem(atPath: file.path)[.modificationDate]
                        as? Date
                else { continue }
                let created = written.timeIntervalSince1970
                end = configuration.isEnd(of: configuration.training) ? created : nil
                records.append(
                    CheckpointRecord(
                        name: distillation.isEmpty ? name : "\(distillation)/\(name)", step: configuration.step,
                        created: created, trainingSeconds: configuration.seconds))
            }
            if let end { distilled.append((distillation, end)) }
        }
        return (records, distilled)
    }
}
