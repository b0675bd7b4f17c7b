import Experience
import Experiments
import Foundation
import Nodes
import Processes
import Wire

/// Whole runs of an experiment with several variants, seeds and evaluations, one after the other. A random process of
/// any role is killed again and again, the supervisor among them, and the whole run is stopped and taken up; each run has
/// to come to its report with every item of its plan done once, and to the results of an undisturbed evaluation.
package final class WholeRunsDrill {
    /// A run that has not come to its end for so long hangs.
    static let runLimitSeconds = 600.0

    /// What must be 0 besides `StreamFindings.losses`.
    package static let losses =
        ["runs_without_report", "results_counted_twice", "results_that_differ"] + PlanFindings.losses

    /// Seconds that a run takes undisturbed, about, on two cores: several kills fall into each, in every phase.
    var lengthSeconds: Double { max(10, min(60, 6 * every)) }

    private let folder: String
    let every: Double
    private let random: Philox
    private let monitor: BenchmarkMonitor
    private var kills: [String: Int] = [:]
    private var totals: [String: Double] = ["runs": 0]
    /// Since the last kill, of whichever run: kills fall into other phases in each.
    private var calmSeconds = 0.0

    /// - Parameters:
    ///   - folder: of all runs, one folder each.
    ///   - every: seconds between two kills.
    ///   - seed: of the choice of victims.
    package init(folder: String, every: Double, seed: UInt64, _ monitor: BenchmarkMonitor) {
        self.folder = folder
        self.every = every
        self.monitor = monitor
        random = Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0))
    }

    /// Begins another run as long as the time is not over, and one at least. Throws where an undisturbed run that it
    /// compares with fails.
    package func carryOut(minutes: Double) throws -> BenchmarkResult {
        let began = Date()
        repeat { try disturb(number: Int(totals["runs"] ?? 0)) } while Date().timeIntervalSince(began) < 60 * minutes
        for (role, count) in kills { totals["\(role)_kills"] = Double(count) }
        totals["seconds"] = Date().timeIntervalSince(began)
        return BenchmarkResult(
            name: "whole runs", configuration: ["kill_every_seconds": .number(every)], rates: [:], measured: totals)
    }

    private func disturb(number: Int) throws {
        let experiment = try Experiment(yaml: self.experiment, file: "the drill's experiment")
        let cluster = try ClusterUnderDrill(experiment, folder: "\(folder)/whole-\(number)", command: "run", monitor)
        defer { cluster.stop() }
        let began = Date()
        var seconds = 0.0
        while cluster.exitStatus == nil {
            try monitor.mayGoOn()
            usleep(50_000)
            let now = Date().timeIntervalSince(began)
            calmSeconds += now - seconds
            seconds = now
            guard seconds < Self.runLimitSeconds else { break }
            guard every > 0, calmSeconds >= every, cluster.exitStatus == nil else { continue }
            calmSeconds = 0
            try strike(cluster)
        }
        add(1, to: "runs")
        let hasReport = FileManager.default.fileExists(atPath: cluster.run + "/report.html")
        guard cluster.exitStatus?.isSuccess == true, hasReport else {
            monitor.say("whole run \(number) ended without its report: \(cluster.lastWords)")
            return add(1, to: "runs_without_report")
        }
        for (name, value) in try StreamFindings(of: cluster).numbers { add(value, to: name) }
        let plan = try PlanFindings(ofRun: cluster.run, experiment)
        for problem in plan.problems { monitor.say("whole run \(number): \(problem)") }
        for (name, value) in plan.numbers { add(value, to: name) }
        try compare(cluster)
        monitor.say("whole run \(number): ended after \(Int(Date().timeIntervalSince(began))) s, \(kills)")
    }

    private func add(_ value: Double, to name: String) { totals[name, default: 0] += value }

    /// Every role is as likely as any other, however many processes it has. Every other time that it falls on the
    /// supervisor the run is stopped, as by Ctrl-C.
    private func strike(_ cluster: ClusterUnderDrill) throws {
        let processes = cluster.processes
        let count = kills.values.reduce(0, +)
        let words = random.words(.other, episode: UInt64(count), step: 0)
        let roles = [RoleName.supervisor] + processes.keys.sorted { $0.rawValue < $1.rawValue }
        let role = roles[Int(words.x) % roles.count]
        guard role != .supervisor else {
            let isStop = words.z % 2 == 0
            if isStop { cluster.stop() } else { try cluster.killSupervisor() }
            // A run may have come to its end before it heard of the stop.
            guard cluster.exitStatus?.isSuccess != true else { return }
            kills[isStop ? "stop" : role.rawValue, default: 0] += 1
            return try cluster.resume()
        }
        guard let all = processes[role]?.sorted() else { return }
        kill(all[Int(words.y) % all.count], SIGKILL)
        kills[role.rawValue, default: 0] += 1
    }

    // MARK: - Results

    /// The same checkpoint is evaluated by a copy of the run, undisturbed.
    private func compare(_ cluster: ClusterUnderDrill) throws {
        let copy = cluster.folder + "/undisturbed"
        try FileManager.default.copyItem(atPath: cluster.run, toPath: copy)
        for name in ["evaluations", "catalog.sqlite"] { try FileManager.default.removeItem(atPath: copy + "/" + name) }
        try carryOut(["histories", "index", copy], cluster)
        try carryOut(["run", cluster.folder + "/drill.yaml", "--out", copy, "--resume"], cluster)
        let disturbed = try Self.results(of: cluster.run)
        let undisturbed = try Self.results(of: copy)
        for (name, lines) in disturbed {
            add(Double(lines.count - Set(lines).count), to: "results_counted_twice")
            add(lines == undisturbed[name] ? 0 : 1, to: "results_that_differ")
        }
        add(disturbed.keys == undisturbed.keys ? 0 : 1, to: "results_that_differ")
        try FileManager.default.removeItem(atPath: copy)
    }

    private func carryOut(_ arguments: [String], _ cluster: ClusterUnderDrill) throws {
        let child = try ChildProcess(
            executable: try ChildProcess.ownExecutable(), arguments: arguments,
            log: cluster.folder + "/\(arguments[0]).log")
        defer { child.kill() }
        let deadline = Date(timeIntervalSinceNow: Self.runLimitSeconds)
        while child.exitStatus == nil, Date() < deadline {
            try monitor.mayGoOn()
            usleep(100_000)
        }
        guard child.exitStatus?.isSuccess == true else {
            throw ClusterError("\(arguments.joined(separator: " ")): \(child.lastLines(8).joined(separator: "\n"))")
        }
    }

    /// The lines of each evaluation's summary, in order.
    private static func results(of run: String) throws -> [String: [String]] {
        let names = try FileManager.default.contentsOfDirectory(atPath: run + "/evaluations")
        return try Dictionary(
            uniqueKeysWithValues: names.map { name in
                let path = "\(run)/evaluations/\(name)/summary.csv"
                return (
                    name,
                    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init).sorted()
                )
            })
    }
}
