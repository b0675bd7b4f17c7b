package import Catalog
import Environments
import Experience
package import Experiments
package import Foundation
import Histories
import Settings

/// All that a report is made from: the catalogue, the experiment, the provenance, the source's returns.
///
/// Read once, in one thread; nothing of the run is open afterwards. A run that goes on may be read too: the report then
/// shows what there is.
package struct RunContents: Sendable {
    /// Of the experiment, else of the run, else of the folder.
    package var name: String
    /// RUN/experiment.yaml; nil where it cannot be read, which a remark then says.
    package var experiment: Experiment?
    /// Nil in a catalogue that was remade from files without an experiment.
    package var run: RunRecord?
    /// By id, with the optimum and the random return where they are known.
    package var tasks: [TaskRecord] = []
    /// By task and repetition, with what their learners counted.
    package var lifetimes: [LifetimeRecord] = []
    /// Records alone; the files that are read are those of `sourceReturns`.
    package var streams: [StreamRecord] = []
    /// In the order in which they joined.
    package var nodes: [NodeRecord] = []
    /// By training step, whether evaluated or not.
    package var checkpoints: [CheckpointRecord] = []
    /// Of all policies, with returns (seeds, episodes), which are those of the recorded streams.
    package var evaluations: [EvaluationReturns] = []
    /// By name, such as `distiller/loss`, in the order in which they were written.
    package var metrics: [String: [MetricRecord]] = [:]
    /// Names and values of RUN/provenance.json, nested names joined by a dot.
    package var provenance: [(name: String, value: String)] = []
    /// Returns by episode of one actor, (lifetimes, episodes) of each task: the mean over the actors that were read.
    package var sourceReturns: [Int: [[Double]]] = [:]
    /// What could not be read, in sentences that the report shows.
    package var remarks: [String] = []

    /// Streams of one lifetime that are read for its curve.
    ///
    /// Those with the lowest actor numbers.
    ///
    /// Reading all of hundreds of actors would take long, and a mean over ten is close enough for a figure.
    package static let actorsPerLifetime = 10

    /// Empty but for the name: for tests, and for the reading initialiser.
    package init(name: String) { self.name = name }

    /// Reads the run in `folder`. Throws `CatalogError` without a catalogue; all else that is missing becomes a remark.
    /// `progress` is told how many stream files are read.
    ///
    /// Blocks on the disk: a run of thousands of streams takes seconds to minutes. `progress` is told after each file.
    package init(folder: URL, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }) throws {
        self.init(name: folder.standardizedFileURL.lastPathComponent)
        let ledger = try Ledger(path: folder.appendingPathComponent("catalog.sqlite").path, mode: .read)
        run = try ledger.run()
        tasks = try ledger.tasks()
        lifetimes = try ledger.lifetimes()
        streams = try ledger.streams()
        nodes = try ledger.nodes()
        checkpoints = try ledger.checkpoints()
        evaluations = try ledger.evaluationReturns()
        for name in try ledger.metricNames() { metrics[name] = try ledger.metrics(named: name) }
        try ledger.close()
        readExperiment(folder.appendingPathComponent("experiment.yaml"))
        readProvenance(folder.appendingPathComponent("provenance.json"))
        readStreams(folder, progress)
        readEvaluations(folder)
    }

    /// Where a job's streams cannot be read its returns are those that its evaluator told, and a remark says so.
    private mutating func readEvaluations(_ folder: URL) {
        var failures: [String] = []
        evaluations = evaluations.map { told in
            do { return try told.recorded(in: folder) } catch {
                failures.append("\(error)")
                return told
            }
        }
        guard let first = failures.first else { return }
        remarks.append(
            "The streams of \(failures.count) of \(evaluations.count) evaluation jobs could not be read; their curves are "
                + "what the evaluators told. The first: \(first)")
    }

    /// An experiment that cannot be read costs the report its settings, with a remark.
    ///
    /// Also decides on the name: the experiment's, else the run's, else the folder's.
    private mutating func readExperiment(_ file: URL) {
        do throws(SettingsError) {
            experiment = try Experiment(path: file.path)
        } catch {
            remarks.append("The settings are not shown: \(error)")
        }
        name = experiment?.name ?? run?.name ?? name
    }

    /// Without the file there is no provenance, and no remark.
    ///
    /// A file that is there but is not JSON becomes a remark.
    private mutating func readProvenance(_ file: URL) {
        guard let data = try? Data(contentsOf: file) else { return }
        guard let object = try? JSONSerialization.jsonObject(with: data) else {
            remarks.append("The provenance is not shown: \(file.path) is not JSON.")
            return
        }
        provenance = flattened(object, name: "")
    }

    /// Streams that cannot be read are left out, with one remark that counts them.
    ///
    /// Fills `sourceReturns`. Only histories count; lifetimes are taken in the order of their folders.
    private mutating func readStreams(_ folder: URL, _ progress: (Int, Int) -> Void) {
        let histories = streams.filter { $0.stream.lifetime.collection == .histories }
        let lifetimes = Dictionary(grouping: histories, by: \.stream.lifetime).sorted { $0.key.folder < $1.key.folder }
        let total = lifetimes.reduce(0) { $0 + min($1.value.count, Self.actorsPerLifetime) }
        var done = 0
        var failures: [String] = []
        for (lifetime, members) in lifetimes {
            var curves: [[Double]] = []
            for record in members.sorted(by: { $0.stream.actor < $1.stream.actor }).prefix(Self.actorsPerLifetime) {
                do throws(StreamError) {
                    let contents = try StreamContents(path: folder.appendingPathComponent(record.path).path)
                    curves.append(contents.episodes.compactMap(\.episodeReturn))
                } catch {
                    failures.append("\(error)")
                }
                done += 1
                progress(done, total)
            }
            let curve = meanOverActors(curves)
            if !curve.isEmpty { sourceReturns[lifetime.task, default: []].append(curve) }
        }
        if let first = failures.first {
            remarks.append(
                "\(failures.count) of \(total) streams could not be read and are left out of the source's curves; "
                    + "the first: \(first)")
        }
    }
}

/// The mean return by episode over the actors that lived it, as long as the longest life.
///
/// Actors that lived shorter drop out of the mean where they end. (episodes)
private func meanOverActors(_ curves: [[Double]]) -> [Double] {
    (0..<(curves.map(\.count).max() ?? 0)).map { episode in
        let values = curves.compactMap { episode < $0.count ? $0[episode] : nil }
        return values.reduce(0, +) / Double(values.count)
    }
}

/// `{"host":{"cores":16}}` becomes `host.cores`, `16`; names are sorted, lists are joined by commas.
///
/// Used for the table "Run and machine".
private func flattened(_ object: Any, name: String) -> [(name: String, value: String)] {
    switch object {
    case let object as [String: Any]:
        object.sorted { $0.key < $1.key }
            .flatMap { flattened($0.value, name: name.isEmpty ? $0.key : "\(name).\($0.key)") }
    case let list as [Any]: [(name, list.map { "\($0)" }.joined(separator: ", "))]
    default: [(name, "\(object)")]
    }
}
