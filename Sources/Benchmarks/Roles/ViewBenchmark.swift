package import Environments
import Experience
import Settings

/// The view of an environment whose streams do not store what is seen, alone, on one thread: a batch of stored observations
/// after the other, of the states that random actions lead to.
package struct ViewBenchmark {
    /// With its default settings, and the first task to train on.
    package let environment: RegisteredEnvironment
    /// Observations that are seen in one call.
    package let batch: Int

    package init(_ environment: RegisteredEnvironment, batch: Int) {
        self.environment = environment
        self.batch = batch
    }

    /// Steps of the batch's copies whose observations are seen.
    private static let rounds = 64

    /// One result, `NAME-view`; nil where what is stored is what is seen. Throws what the environment or `plan` throws.
    package func run(_ plan: BenchmarkPlan) throws -> BenchmarkResult? {
        let tasks = try EnvironmentSettings(environment).makeTasks(split: TaskSplit())
        let task = try tasks.task(tasks.ids(of: .train).first ?? 0)
        guard let view = try tasks.view(of: task) else { return nil }
        var copies = try SteppedCopies(of: tasks, count: batch, rounds: Self.rounds)
        let stored = try copies.observationsOfRounds()
        let width = tasks.environment.stored.space.byteCount * batch
        var seen = [UInt8](repeating: 0, count: tasks.environment.observationSpace.byteCount * batch)
        func seeAll() {
            stored.withUnsafeBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                for round in 0..<Self.rounds { view.see(base + round * width, count: batch, into: &seen) }
            }
        }
        let calls = plan.warmUp(seeAll)
        let rates = try plan.repeated {
            let seconds = secondsTaken { for _ in 0..<calls { seeAll() } }
            return Double(calls * Self.rounds * batch) / seconds
        }
        let name = "\(environment.name)-view"
        try plan.progress("\(name): \(Int(rates.median)) frames a second")
        return BenchmarkResult(
            name: name, configuration: ["batch": .init(batch), "threads": 1], rates: [.frames: rates])
    }
}
