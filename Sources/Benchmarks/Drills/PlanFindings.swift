import Catalog
import Distillation
import Experience
package import Experiments
import Foundation
import Histories

/// Whether a run that has ended has done each item of its plan of work exactly once, by its catalogue and its files.
package struct PlanFindings {
    /// What must be 0 after whatever has happened.
    package static let losses = [
        "lifetimes_not_done_once", "distillations_not_done_once", "evaluations_not_done_once", "streams_missing",
        "streams_not_whole", "streams_beyond_the_plan",
    ]

    /// The losses by name, and how many items there were.
    package let numbers: [String: Double]
    /// What is wrong, a sentence each.
    package let problems: [String]

    /// `run`: the folder of the run. Throws what the catalogue or the folders throw where they cannot be read.
    package init(ofRun run: String, _ experiment: Experiment) throws {
        var check = try PlanCheck(run: run, experiment)
        try check.lifetimes()
        try check.distillations()
        try check.evaluations()
        try check.streams()
        problems = check.problems
        numbers = check.numbers
    }
}

/// A look at each kind of item in turn.
private struct PlanCheck {
    private let run: String
    private let experiment: Experiment
    private let trainTasks: [Int]
    private let testTasks: [Int]
    private let plannedDistillations: [PlannedDistillation]
    private let plannedEvaluations: [PlannedEvaluation]
    private let ledger: Ledger
    private(set) var problems: [String] = []
    private(set) var numbers = Dictionary(uniqueKeysWithValues: PlanFindings.losses.map { ($0, 0.0) })

    init(run: String, _ experiment: Experiment) throws {
        self.run = run
        self.experiment = experiment
        let tasks = try experiment.makeTasks()
        trainTasks = experiment.trainTasks(of: tasks)
        testTasks = experiment.testTasks(of: tasks)
        plannedDistillations = try experiment.distillations()
        plannedEvaluations = try experiment.allEvaluations(tasks: tasks)
        ledger = try Ledger(path: run + "/catalog.sqlite", mode: .read)
    }

    private mutating func note(_ loss: String, _ problem: String) {
        numbers[loss, default: 0] += 1
        problems.append(problem)
    }

    private var plannedLifetimes: [LifetimeIdentifier] {
        func lifetimes(_ tasks: [Int], _ count: Int) -> [LifetimeIdentifier] {
            tasks.flatMap { task in (0..<count).map { LifetimeIdentifier(task: task, repetition: $0) } }
        }
        return lifetimes(trainTasks, experiment.collect.lifetimes)
            + lifetimes(testTasks, experiment.collect.testLifetimes)
    }

    mutating func lifetimes() throws {
        let records = try ledger.lifetimes()
        numbers["lifetimes"] = Double(plannedLifetimes.count)
        for lifetime in plannedLifetimes {
            let found = records.filter { $0.task == lifetime.task && $0.repetition == lifetime.repetition }
            guard found.map(\.status) != [.finished] else { continue }
            note("lifetimes_not_done_once", "\(lifetime): \(found.map(\.status.rawValue)) in the catalogue")
        }
        if records.count != plannedLifetimes.count {
            note("lifetimes_not_done_once", "\(records.count) lifetimes in the catalogue")
        }
    }

    /// Each has its last checkpoint, whole and in the catalogue once, and no checkpoint belongs to another.
    mutating func distillations() throws {
        let names = try ledger.checkpoints().map(\.name)
        numbers["distillations"] = Double(plannedDistillations.count)
        for planned in plannedDistillations {
            let last = planned.lastCheckpoint
            let count = names.count { $0 == last }
            let files = ["model.safetensors", "config.json"].filter {
                !FileManager.default.fileExists(atPath: "\(run)/checkpoints/distiller/\(last)/\($0)")
            }
            if count != 1 { note("distillations_not_done_once", "\(last) is \(count) times in the catalogue") }
            if !files.isEmpty { note("distillations_not_done_once", "\(last) lacks \(files)") }
        }
        let policies = try experiment.learntPolicies(of: experiment.makeTasks()).map(\.name)
        for name in names
        where experiment.distillation(of: name) == nil && !policies.contains(Checkpoint.parts(of: name).distillation) {
            note("distillations_not_done_once", "the checkpoint \(name) is of no distillation of the plan")
        }
    }

    /// Each task of each evaluation has one result of as many seeds and episodes as planned.
    mutating func evaluations() throws {
        let results = try ledger.evaluationReturns()
        numbers["evaluations"] = Double(plannedEvaluations.count)
        let jobs = plannedEvaluations.flatMap { planned in planned.tasks.map { (planned: planned, task: $0) } }
        numbers["jobs"] = Double(jobs.count)
        for (planned, task) in jobs {
            let found = results.filter { $0.evaluation.evaluation == planned.name && $0.evaluation.task == task }
            let expected = Array(repeating: planned.episodes, count: planned.seeds)
            guard found.map({ $0.returns.map(\.count) }) != [expected] || found[0].evaluation.status != .finished
            else { continue }
            note("evaluations_not_done_once", "\(planned.name) task \(task): \(found.map { $0.returns.map(\.count) })")
        }
        if results.count != jobs.count {
            note("evaluations_not_done_once", "\(results.count) results in the catalogue, \(jobs.count) planned")
        }
    }

    /// The files are those of the plan, each sealed; those of evaluations have the planned number of episodes.
    mutating func streams() throws {
        var planned: [String: Int?] = [:]
        for lifetime in plannedLifetimes {
            for actor in 0..<experiment.recordedStreams {
                planned[StreamIdentifier(lifetime: lifetime, actor: actor).path] = .some(nil)
            }
        }
        for evaluation in plannedEvaluations {
            for task in evaluation.tasks {
                let lifetime = LifetimeIdentifier(evaluation: evaluation.name, task: task)
                for seed in 0..<evaluation.seeds {
                    planned[StreamIdentifier(lifetime: lifetime, actor: seed).path] = evaluation.episodes
                }
            }
        }
        let files = Set(try StreamFolder(path: run).files.map { String($0.dropFirst(run.count + 1)) })
        for path in files.subtracting(planned.keys).sorted() {
            note("streams_beyond_the_plan", "\(path) is in no item of the plan")
        }
        for (path, episodes) in planned.sorted(by: { $0.key < $1.key }) {
            guard files.contains(path) else {
                note("streams_missing", "\(path) is missing")
                continue
            }
            try checkStream(path, episodes: episodes)
        }
    }

    private mutating func checkStream(_ path: String, episodes: Int?) throws {
        let verification = StreamVerification(path: run + "/" + path)
        let isWhole = episodes.map { verification.finishedEpisodes == $0 && verification.gaps.isEmpty } ?? true
        guard !verification.isSealed || !isWhole else { return }
        note(
            "streams_not_whole",
            "\(path): \(verification.isSealed ? "sealed" : "not sealed"), \(verification.finishedEpisodes) episodes of "
                + "\(episodes.map(String.init) ?? "a lifetime"), \(verification.gaps.count) gaps")
    }
}
