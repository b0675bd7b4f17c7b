import ArgumentParser
import Cluster
import Environments
import Experiments
import Foundation
import Histories
import Neural
import Processes
import Wire

/// A cluster at work, of which one process after the other is killed.
struct BenchDrillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Collection while processes are killed: what it costs, and that nothing is lost.",
        discussion: """
            A cluster collects undisturbed, then another one while a random process of a random role is killed with \
            SIGKILL again and again. Afterwards every stream is verified and replayed, and what actors were told to be \
            durable is looked for in the files. Exit status 1 when anything is missing or damaged.
            Example: distillery bench drill --minutes 20 --every 10 --json
            """)

    @Option(help: "Minutes of the disturbed collection.") var minutes = 20.0
    @Option(help: "Minutes of the undisturbed collection before it.") var reference = 3.0
    @Option(help: "Seconds between two kills; 0 for none, to watch the memory of an undisturbed cluster.") var every =
        10.0
    @Option(help: "Actors of a lifetime.") var actors = 100
    @Option(help: "Actor processes.") var processes = 3
    @Option(help: "Of the choice of victims.") var seed: UInt64 = 0
    @Option(help: "Folder for the two runs; by default a temporary one that is removed.") var out: String?
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard minutes > 0, reference >= 0, every >= 0, (1...65_536).contains(actors), (1...1_024).contains(processes)
        else { throw ValidationError("expected positive numbers") }
    }

    func run() throws {
        let signals = try SignalWatcher([.hangUp, .interrupt, .terminate])
        let folder =
            out
            ?? FileManager.default.temporaryDirectory
            .appendingPathComponent("distillery-drill-\(ProcessInfo.processInfo.processIdentifier)").path
        defer { if out == nil { try? FileManager.default.removeItem(atPath: folder) } }
        var results: [BenchmarkResult] = []
        if reference > 0 {
            results.append(
                try collect("undisturbed", folder + "/undisturbed", minutes: reference, every: 0, signals))
        }
        results.append(try collect("drill", folder + "/drill", minutes: minutes, every: every, signals))
        if let calm = results.first?.rates[.transitions]?.first, results.count == 2,
            let disturbed = results[1].rates[.transitions]?.first
        {
            results[1].measured["share_of_undisturbed"] = disturbed / calm
        }
        try BenchDocument(suite: "drill", results: results).print(json: json)
        if !json { for result in results { print(Self.text(result)) } }
        let losses = ["streams_damaged", "streams_that_differ", "acknowledged_missing"]
        guard results.allSatisfy({ result in losses.allSatisfy { result.measured[$0] == 0 } }) else {
            throw ExitCode.failure
        }
    }

    private static func text(_ result: BenchmarkResult) -> String {
        result.name + ": "
            + result.measured.sorted { $0.key < $1.key }.map { "\($0.key) \(fixed($0.value, 3))" }
            .joined(separator: ", ")
    }

    /// More than can be lived in the time: a million transitions a second take 15 lifetimes a minute.
    private func experiment(minutes: Double) throws -> Experiment {
        let lifetimes = 1 + Int(30 * minutes * 100 / Double(actors) / 65)
        return try Experiment(
            yaml: """
                name: drill
                tasks: {test: 16}
                collect: {actors: \(actors), lifetimes: \(lifetimes), test_lifetimes: 0, synchronization: asynchronous, \
                end: {episodes_per_actor: 2000}}
                cluster: {learners: 1, lifetimes_per_learner: 2, actor_processes: \(processes)}
                """, file: "the drill's experiment")
    }

    private func collect(
        _ name: String, _ folder: String, minutes: Double, every: Double, _ signals: SignalWatcher
    ) throws -> BenchmarkResult {
        let cluster = try ClusterUnderDrill(try experiment(minutes: minutes), folder: folder)
        defer { cluster.stop() }
        while (cluster.status()?.environmentSteps ?? 0) == 0 {
            guard !cluster.hasEnded else { throw ClusterError("the cluster ended: \(cluster.lastWords)") }
            try exitIfInterrupted(signals.next())
            usleep(50_000)
        }
        let drill = Drill(cluster, seed: seed, every: every)
        let began = Date()
        while Date().timeIntervalSince(began) < 60 * minutes {
            guard !cluster.hasEnded else { throw ClusterError("the cluster ended: \(cluster.lastWords)") }
            try exitIfInterrupted(signals.next())
            drill.turn(seconds: Date().timeIntervalSince(began))
            if let line = drill.line { printError("\(name): \(line)") }
        }
        let seconds = Date().timeIntervalSince(began)
        cluster.stop()
        var measured = drill.numbers
        let findings = try StreamFindings(of: cluster)
        measured.merge(findings.numbers) { $1 }
        measured["seconds"] = seconds
        return BenchmarkResult(
            name: name,
            configuration: [
                "actors": .init(actors), "actor_processes": .init(processes), "kill_every_seconds": .number(every),
            ],
            rates: [.transitions: [Double(findings.transitions) / seconds]], measured: measured)
    }
}

/// What the files of a drill say.
private struct StreamFindings {
    private(set) var transitions = 0
    private(set) var numbers: [String: Double] = [:]

    init(of cluster: ClusterUnderDrill) throws {
        let folder = try StreamFolder(path: cluster.run)
        var damaged = 0
        var differing = 0
        var gaps = 0
        var cut = 0
        for file in folder.files {
            let verification = StreamVerification(path: file)
            transitions += verification.rows
            gaps += verification.gaps.count
            cut += verification.cutEpisodes
            if !verification.isSound {
                damaged += 1
                printError("\(file): \(verification.problems.joined(separator: "; "))")
            }
            if !StreamReplay(path: file).isSound { differing += 1 }
        }
        let missing = try Self.missing(cluster.acknowledged(), in: cluster.run)
        numbers = [
            "streams": Double(folder.files.count), "transitions": Double(transitions),
            "streams_damaged": Double(damaged), "streams_that_differ": Double(differing),
            "acknowledged_missing": Double(missing), "gaps": Double(gaps), "cut_episodes": Double(cut),
        ]
    }

    /// Streams in which something is not there that was called durable: the file is shorter, or a later incarnation has
    /// written in its place.
    private static func missing(_ acknowledged: [String: [UInt64: UInt64]], in run: String) throws -> Int {
        var streams = 0
        for (path, incarnations) in acknowledged {
            let contents = try? StreamContents(path: run + "/" + path)
            let rollouts = contents?.rollouts ?? []
            // The mark that the next carrier of an ended stream brings is acknowledged, but is no row.
            let marks: UInt64 = contents?.metadata.isComplete == true ? 1 : 0
            let isWhole = incarnations.allSatisfy { incarnation, next in
                let last = min(next, UInt64(rollouts.count))
                return next <= UInt64(rollouts.count) + marks
                    && (last == 0 || rollouts[Int(last) - 1].incarnation <= incarnation)
            }
            guard !isWhole else { continue }
            streams += 1
            printError(
                "\(path): of what was called durable, \(incarnations), not all is in its \(rollouts.count) rollouts")
        }
        return streams
    }
}
