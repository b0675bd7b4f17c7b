import ArgumentParser
import Benchmarks
import Experiments

struct BenchTrialsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trials", abstract: "Train RL2 in this process, and play its frozen policy on held-out tasks.",
        discussion: """
            EXPERIMENT is one whose environment is trials and whose source has an lstm. Its lifetime is lived here, in \
            lockstep and unrecorded; then the policy plays tasks of every group, with its memory cleared at each trial.
            Example: distillery bench trials deploy/experiments/rl2-dark-room.yaml --minutes 40 --json
            """)

    @Argument(help: "Experiment file.") var experiment: String
    @Option(name: .customLong("set"), help: "Change a setting: KEY=VALUE; may be given several times.")
    var overrides: [String] = []
    @Option(help: "Minutes of training.") var minutes = 40.0
    @Option(help: "Trials in a row that the policy lives.") var trials = 2
    @Option(help: "Tasks of each group that are played, at most.") var tasks = 100
    @Option(help: "Copies of each task.") var copies = 16
    @Option(parsing: .upToNextOption, help: "Temperatures that actions are drawn at when it is played.")
    var temperatures = [1.0]
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard minutes > 0, minutes <= 10_000, (1...1000).contains(trials), (1...100_000).contains(tasks),
            (1...1024).contains(copies), !temperatures.isEmpty, temperatures.allSatisfy({ $0 > 0 && $0 <= 100 })
        else {
            throw ValidationError(
                "expected at most 10000 minutes, 1 to 1000 trials, 1 to 100000 tasks, 1 to 1024 copies and temperatures "
                    + "above 0")
        }
    }

    func run() throws {
        let bench = try TrialsBenchmark(
            try Experiment(path: experiment, overrides: overrides), seconds: minutes * 60, trials: trials,
            mostTasks: tasks, copies: copies, temperatures: temperatures)
        try conclude("trials", try bench.run(BenchmarkMonitor.ofCommand()), json: json)
    }
}
