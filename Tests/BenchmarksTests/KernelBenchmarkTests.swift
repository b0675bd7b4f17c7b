import Benchmarks
import Foundation
import Neural
import Processes
import Settings
import Testing

@Suite("Benchmarks of kernels")
struct KernelBenchmarkTests {
    @Test("a result has its medians as plain numbers, and their spread beside them")
    func shape() throws {
        let result = BenchmarkResult(
            name: "example", configuration: ["threads": 2, "layout": "merged"],
            rates: [.tokens: [3, 1, 2], .gflops: [4, 6]], measured: ["share_of_peak": 0.5])
        let object = try #require(
            try JSONSerialization.jsonObject(with: JSONEncoder().encode(result)) as? [String: Any])
        #expect(
            Set(object.keys) == [
                "name", "configuration", "tokens_per_second", "gflops", "spread", "measured",
            ])
        #expect(object["tokens_per_second"] as? Double == 2)
        #expect(object["gflops"] as? Double == 5)
        let configuration = try #require(object["configuration"] as? [String: Any])
        #expect(configuration["threads"] as? Double == 2)
        #expect(configuration["layout"] as? String == "merged")
        let spread = try #require(object["spread"] as? [String: [String: Double]])
        #expect(spread["tokens_per_second"] == ["minimum": 1, "maximum": 3, "repetitions": 3])
    }

    @Test("the median of nothing, of an odd and of an even number of values")
    func median() {
        #expect([].median == 0)
        #expect([9, 1, 5].median == 5)
        #expect([4, 1, 3, 2].median == 2.5)
    }

    @Test("every kernel runs, and is asked for by a part of its name")
    func kernels() throws {
        var lines = 0
        let plan = BenchmarkPlan(repetitions: 1, secondsPerRepetition: 1e-6) { _ in lines += 1 }
        let all = KernelBenchmark.cases(containing: "")
        let results = try KernelBenchmark.run(all, threads: 1, plan: plan)
        #expect(results.count == all.count + 1)
        #expect(lines == results.count)
        #expect(results.allSatisfy { ($0.rates[.gflops] ?? []).median > 0 })
        let some = KernelBenchmark.cases(containing: "attention")
        #expect(!some.isEmpty && some.count < all.count && some.allSatisfy { $0.name.contains("attention") })
        #expect(KernelBenchmark.cases(containing: "no such kernel").isEmpty)
    }

    @Test(
        "every kind of image encoder is measured in images and in work",
        arguments: RegisteredImageEncoder.registry.names)
    func encoder(kind: String) throws {
        var benchmark = try EncoderBenchmark(
            ImageEncoderChoice(RegisteredImageEncoder.registry.named(kind), json: "{\"channels\":[4]}"), threads: 2)
        (benchmark.image, benchmark.images) = (ImageSize(height: 8, width: 12, colours: 3), 3)
        let result = try benchmark.run(BenchmarkPlan(repetitions: 2, secondsPerRepetition: 1e-6))
        #expect(EncoderBenchmark.names.contains(result.name))
        #expect(result.rates[.frames]?.count == 2 && result.rates[.gflops]?.count == 2)
        #expect(result.configuration["images"] == 3)
    }

    @Test("a recurrent policy is measured acting and learning, with any number of threads", arguments: [1, 3])
    func recurrent(threads: Int) throws {
        var benchmark = RecurrentBenchmark(threads: threads)
        (benchmark.actors, benchmark.steps, benchmark.inputs, benchmark.units) = (7, 3, 5, 16)
        let plan = BenchmarkPlan(repetitions: 2, secondsPerRepetition: 1e-6)
        let results = try benchmark.run(plan)
        #expect(results.map(\.name) == RecurrentBenchmark.names)
        #expect(results.allSatisfy { $0.rates[.transitions]?.count == 2 && $0.rates[.gflops]?.count == 2 })
        #expect(results[0].configuration["steps"] == 1 && results[1].configuration["steps"] == 3)
        #expect(try benchmark.run(plan, containing: "update").map(\.name) == ["lstm-update"])
        #expect(try benchmark.run(plan, containing: "attention").isEmpty)
    }

    @Test("what the caller throws ends a benchmark")
    func interruption() {
        struct Interrupted: Error {}
        let plan = BenchmarkPlan(repetitions: 1, secondsPerRepetition: 1e-6) { _ in throw Interrupted() }
        #expect(throws: Interrupted.self) {
            try KernelBenchmark.run(KernelBenchmark.cases(containing: "adam"), threads: 1, plan: plan)
        }
    }

    @Test("memory of this process is known to the kernel")
    func memory() {
        let buffer = FloatBuffer(4 << 20)
        let memory = ResidentMemory.now()
        #expect(memory.megabytes > 16 && memory.megabytes <= memory.peakMegabytes)
        withExtendedLifetime(buffer) {}
    }
}
