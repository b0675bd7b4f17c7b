/// The kernels that networks spend their time in, each alone on one thread, with the same data again and again: they
/// stay in the second-level cache, except those of Adam, of the LSTM and of the MLP with 2,048 units.
///
/// Work is counted in the same way for all: of a matrix product 2 operations a multiplication and addition; of
/// attention its products, the causal half of them; of everything else the operations of an element as the plain loop
/// has them, each of +, -, *, /, max, exp and root as one. A small share of the peak says that a kernel is slow for its
/// arithmetic or that something else limits it: the exponential of GELU, or memory.
package struct KernelBenchmark {
    /// One kernel at one size, with its data allocated only when it is measured.
    package struct Case {
        package let name: String
        package let configuration: [String: BenchmarkResult.Setting]
        /// Floating-point operations of a call.
        let operations: Int
        /// Allocates the data and returns the call. What it allocates lives as long as the call that it returns, which
        /// may be made any number of times.
        let prepare: () -> () -> Void

        init(
            _ name: String, _ configuration: [String: BenchmarkResult.Setting], operations: Int,
            _ prepare: @escaping () -> () -> Void
        ) {
            self.name = name
            self.configuration = configuration
            self.operations = operations
            self.prepare = prepare
        }
    }

    /// Kernels whose name contains `word`; all of them for an empty one. The order is that of a training step:
    /// products, attention, loops over elements; then the acting network and the LSTM.
    package static func cases(containing word: String) -> [Case] {
        (products + attention + elementwise + perceptron + recurrent).filter { word.isEmpty || $0.name.contains(word) }
    }

    /// Measures `cases` one after the other, each between samples of the machine's peak. The first results are the
    /// peaks themselves: of one thread and, where `threads` is more than 1, of all of them. Throws what the plan's
    /// functions throw.
    package static func run(_ cases: [Case], threads: Int, plan: BenchmarkPlan) throws -> [BenchmarkResult] {
        // A kernel's repetitions are short, and so is what they are compared with.
        let peak = ProductPeak(threads: 1, products: 1)
        var results = [try measurePeak(peak, threads: 1, plan)]
        if threads > 1 { results.append(try measurePeak(ProductPeak(threads: threads), threads: threads, plan)) }
        for result in results { try plan.progress(line(result)) }
        for kernel in cases {
            let result = try measure(kernel, peak, plan)
            try plan.progress(line(result))
            results.append(result)
        }
        return results
    }

    /// One line for a person who waits: the name and the median.
    private static func line(_ result: BenchmarkResult) -> String {
        "\(result.name): \(Int((result.rates[.gflops] ?? []).median)) GFLOP/s"
    }

    /// The peak itself as a result, so that a report shows what the shares are of.
    private static func measurePeak(_ peak: ProductPeak, threads: Int, _ plan: BenchmarkPlan) throws -> BenchmarkResult
    {
        BenchmarkResult(
            name: "sgemm-peak", configuration: ["threads": .init(threads), "side": .init(ProductPeak.side)],
            rates: [.gflops: try plan.repeated { peak.sample() }])
    }

    /// Times one kernel; its share of the peak is of the mean of the samples before and after each repetition.
    /// `microseconds` is the time of one call at the median rate.
    private static func measure(_ kernel: Case, _ peak: ProductPeak, _ plan: BenchmarkPlan) throws -> BenchmarkResult {
        let run = kernel.prepare()
        let operations = Double(kernel.operations)
        let calls = plan.warmUp(run)
        var rates: [Double] = []
        var shares: [Double] = []
        var peaks = [peak.sample()]
        for _ in 0..<plan.repetitions {
            try plan.mayGoOn()
            let seconds = secondsTaken { for _ in 0..<calls { run() } }
            rates.append(operations * Double(calls) / seconds / 1e9)
            peaks.append(peak.sample())
            shares.append(rates[rates.count - 1] / ((peaks[peaks.count - 2] + peaks[peaks.count - 1]) / 2))
        }
        return BenchmarkResult(
            name: kernel.name, configuration: kernel.configuration, rates: [.gflops: rates],
            measured: [
                "share_of_peak": shares.median, "peak_gflops": peaks.median,
                "microseconds": operations / rates.median / 1e3,
            ])
    }
}
