import Benchmarks
import Environments
import Testing

@Suite("The benchmark of environments")
struct EnvironmentBenchmarkTests {
    @Test("environments are stepped, through ends of episodes too, and their steps are counted")
    func rooms() throws {
        for environment in [
            RegisteredEnvironment(DarkRoomTasks.self), RegisteredEnvironment(DarkRoomHardTasks.self),
            RegisteredEnvironment(KeyToDoorTasks.self),
        ] {
            let plan = BenchmarkPlan(repetitions: 2, secondsPerRepetition: 1e-6)
            let result = try EnvironmentBenchmark(environment, copies: 3).run(plan)
            #expect(result.name == environment.name)
            #expect(result.configuration["batch"] == 3)
            #expect(result.rates[.environmentSteps]?.count == 2)
            #expect((result.rates[.environmentSteps] ?? []).allSatisfy { $0 > 0 })
        }
    }

    @Test("views are measured where streams do not store what is seen, and nowhere else") func views() throws {
        let plan = BenchmarkPlan(repetitions: 2, secondsPerRepetition: 1e-6)
        let result = try #require(try ViewBenchmark(RegisteredEnvironment(WatermazeTasks.self), batch: 3).run(plan))
        #expect(result.name == "watermaze-view" && result.configuration["batch"] == 3)
        #expect(result.rates[.frames]?.count == 2 && (result.rates[.frames] ?? []).allSatisfy { $0 > 0 })
        #expect(try ViewBenchmark(RegisteredEnvironment(DarkRoomTasks.self), batch: 3).run(plan) == nil)
    }
}
