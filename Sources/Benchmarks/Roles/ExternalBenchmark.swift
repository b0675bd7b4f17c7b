package import Environments
import Foundation
import Processes
import Settings

/// An environment in another process beside Gymnasium's own vector environment of the same id, in the same process on its
/// own: what the way between the processes costs.
///
/// Both are measured by turns, so that whatever else the machine does meets both. A step shows every copy's observation and
/// takes an action in it; episodes that ended begin again.
package struct ExternalBenchmark {
    /// Of the kind `external`, complete.
    package let environment: EnvironmentSettings
    package let gymnasium: String
    /// What runs Python.
    package let python: String
    /// Copies that step together, B.
    package let copies: Int

    package init(_ environment: EnvironmentSettings, gymnasium: String, python: String, copies: Int) {
        self.environment = environment
        self.gymnasium = gymnasium
        self.python = python
        self.copies = copies
    }

    private static let rounds = 16
    /// Beyond the time that it measures for.
    private static let patienceSeconds = 120.0

    /// Two results, `external` and `gymnasium`; the first has the share of the other's rate that it comes to.
    package func run(_ plan: BenchmarkPlan) throws -> [BenchmarkResult] {
        let tasks = try environment.makeTasks(split: TaskSplit(testTasks: 0))
        var stepped = try SteppedCopies(of: tasks, count: copies, rounds: Self.rounds)
        let calls = try plan.warmUp { try stepped.takeRounds() }
        var others: [Double] = []
        let rates = try plan.repeated {
            let seconds = try secondsTaken { for _ in 0..<calls { try stepped.takeRounds() } }
            others.append(try rateOfGymnasium(seconds: plan.secondsPerRepetition))
            return Double(calls * Self.rounds * copies) / seconds
        }
        try plan.progress(
            "\(gymnasium): \(Int(rates.median)) steps a second in a process of its own, \(Int(others.median)) in Gymnasium's"
        )
        let configuration: [String: BenchmarkResult.Setting] = [
            "batch": .init(copies), "environment": .text(gymnasium),
        ]
        return [
            BenchmarkResult(
                name: "external", configuration: configuration, rates: [.environmentSteps: rates],
                measured: ["share_of_gymnasium": rates.median / others.median]),
            BenchmarkResult(name: "gymnasium", configuration: configuration, rates: [.environmentSteps: others]),
        ]
    }

    /// Steps a second of `gymnasium.make_vec`. Throws `ProcessError`, or `EnvironmentError` with the end of what the program
    /// said.
    private func rateOfGymnasium(seconds: Double) throws -> Double {
        let log = NSTemporaryDirectory() + "distillery-bench-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: log) }
        let process = try ChildProcess(
            executable: "/usr/bin/env",
            arguments: [
                python, "-m", "distillery.environment.vector_benchmark", gymnasium, "--copies", "\(copies)",
                "--seconds", "\(seconds)",
            ], log: log)
        let end = process.wait(milliseconds: Int((seconds + Self.patienceSeconds) * 1000))
        let lines = process.lastLines()
        guard end?.isSuccess == true, let rate = lines.last.flatMap({ Double($0) }), rate > 0 else {
            throw EnvironmentError(
                "the measurement of Gymnasium's vector environment \(end.map { "\($0)" } ?? "did not end"): "
                    + lines.suffix(3).joined(separator: " | "))
        }
        return rate
    }
}
