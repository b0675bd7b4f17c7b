import Catalog
import Environments
import Experience
import Experiments
package import Foundation
import Histories
import Quantities
import Settings

extension RunContents {
    /// Reads the run in `folder`. Throws `CatalogError` without a catalogue; all else that is missing becomes a remark.
    /// `progress` is told how many stream files are read.
    ///
    /// Blocks on the disk: a run of thousands of streams takes seconds to minutes, never more than `mostHistories` and
    /// `mostEvaluationStreams` of them. `progress` is told after each file.
    package init(folder: URL, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }) throws {
        self.init(name: folder.standardizedFileURL.lastPathComponent)
        let ledger = try Ledger(path: folder.appendingPathComponent("catalog.sqlite").path, mode: .read)
        run = try ledger.run()
        tasks = try ledger.tasks()
        lifetimes = try ledger.lifetimes()
        streams = try ledger.streams()
        nodes = try ledger.nodes()
        checkpoints = try ledger.checkpoints()
        let jobs = try ledger.evaluationReturns()
        for name in try ledger.metricNames() { metrics[name] = try ledger.metrics(named: name) }
        try ledger.close()
        readExperiment(folder.appendingPathComponent("experiment.yaml"))
        readProvenance(folder.appendingPathComponent("provenance.json"))
        let lifetimes = chosenLifetimes()
        let chosen = chosenJobs(of: jobs)
        let total = lifetimes.reduce(0) { $0 + $1.count } + chosen.reduce(0) { $0 + $1.returns.count }
        var done = 0
        func advance(_ count: Int) {
            guard count > 0 else { return }
            done += count
            progress(done, total)
        }
        readHistories(lifetimes, in: folder, advance)
        jobCount = jobs.count
        readEvaluations(chosen, in: folder, advance)
        do { paths = try RecordedPath.all(self, in: folder) } catch {
            remarks.append("Paths are not shown: \(error)")
        }
        if let settings = experiment?.attention {
            do { attention = try ReportedAttention(settings, ReportedEvaluations(self), in: folder) } catch {
                remarks.append("Attention is not shown: \(error)")
            }
        }
    }

    /// The streams that are read of each lifetime, in the order of their folders.
    private mutating func chosenLifetimes() -> [[StreamRecord]] {
        let histories = streams.filter { $0.stream.lifetime.collection == .histories }
        let all = Dictionary(grouping: histories, by: \.stream.lifetime).map { lifetime, members in
            (
                folder: lifetime.folder,
                members: Array(
                    members.sorted { $0.stream.actor < $1.stream.actor }.prefix(Self.actorsPerLifetime))
            )
        }.sorted { $0.folder < $1.folder }.map(\.members)
        let longest = all.map(\.count).max() ?? 0
        let chosen = all.spread(Self.mostHistories / max(1, longest))
        if chosen.count < all.count {
            remarks.append(
                "The source's curves are means over \(NumberText.count(chosen.count)) of its "
                    + "\(NumberText.count(all.count)) lifetimes, at even distances: more are not read for a report.")
        }
        return chosen
    }

    /// Every evaluation has the same share of the streams that are read.
    ///
    /// Where all have the same tasks and seeds, the same tasks are chosen of all of them.
    private mutating func chosenJobs(of jobs: [EvaluationReturns]) -> [EvaluationReturns] {
        let streams = jobs.reduce(0) { $0 + $1.returns.count }
        guard streams > Self.mostEvaluationStreams else { return jobs }
        let evaluations = Dictionary(grouping: jobs, by: \.evaluation.evaluation).sorted { $0.key < $1.key }
        let share = max(1, Self.mostEvaluationStreams / evaluations.count)
        let chosen = evaluations.flatMap { _, jobs in
            jobs.spread(max(1, share / max(1, jobs.map(\.returns.count).max() ?? 1)))
        }
        remarks.append(
            "The curves of evaluations are means over \(NumberText.count(chosen.count)) of their "
                + "\(NumberText.count(jobs.count)) jobs, of tasks at even distances: more are not read for a report.")
        return chosen
    }

    /// Where a job's streams cannot be read its returns are those that its evaluator told, and a remark says so. Rewards
    /// by step are told by the streams alone, so that such a job is left out where curves are of them.
    private mutating func readEvaluations(_ jobs: [EvaluationReturns], in folder: URL, _ advance: (Int) -> Void) {
        var failures: [String] = []
        evaluations = jobs.map { told in
            defer { advance(told.returns.count) }
            do { return try told.recorded(in: folder, over: axis) } catch {
                failures.append("\(error)")
                var lost = told
                if axis == .step { lost.returns = [] }
                return lost
            }
        }
        readPrompts(in: folder)
        guard let first = failures.first else { return }
        remarks.append(
            "The streams of \(failures.count) of \(jobs.count) evaluation jobs could not be read; "
                + (axis == .step ? "they are left out" : "their curves are what the evaluators told")
                + ". The first: \(first)")
    }

    /// Of the models' evaluations alone, and only where the experiment has one that begins with a prompt.
    private mutating func readPrompts(in folder: URL) {
        guard experiment?.evaluations.contains(where: { $0.prompt != nil }) ?? false else { return }
        prompts = evaluations.filter { $0.evaluation.checkpoint != nil && !$0.returns.isEmpty }
            .compactMap { $0.recordedPrompt(in: folder) }
            .sorted { ($0.evaluation, $0.task) < ($1.evaluation, $1.task) }
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
        distribution = try? experiment?.makeTasks()
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
    /// Fills `sourceReturns`.
    private mutating func readHistories(
        _ lifetimes: [[StreamRecord]], in folder: URL, _ advance: (Int) -> Void
    ) {
        var failures: [String] = []
        for members in lifetimes {
            var curves: [[Double]] = []
            for record in members {
                do throws(StreamError) {
                    let contents = try StreamContents(path: folder.appendingPathComponent(record.path).path)
                    curves.append(contents.curve(over: axis))
                } catch {
                    failures.append("\(error)")
                }
                advance(1)
            }
            let curve = meanOverActors(curves)
            if let task = members.first?.stream.lifetime.task, !curve.isEmpty {
                sourceReturns[task, default: []].append(curve)
            }
        }
        if let first = failures.first {
            remarks.append(
                "\(failures.count) of \(lifetimes.reduce(0) { $0 + $1.count }) streams could not be read and are left out "
                    + "of the source's curves; the first: \(first)")
        }
    }
}

/// The mean by point over the actors that lived it, as long as the longest life.
///
/// Actors that lived shorter drop out of the mean where they end. (points)
private func meanOverActors(_ curves: [[Double]]) -> [Double] {
    (0..<(curves.map(\.count).max() ?? 0)).map { point in
        let values = curves.compactMap { point < $0.count ? $0[point] : nil }
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

extension Array {
    /// `count` elements at even distances, all where there are no more.
    fileprivate func spread(_ count: Int) -> [Element] {
        guard count < self.count else { return self }
        return (0..<Swift.max(1, count)).map { self[$0 * self.count / Swift.max(1, count)] }
    }
}
