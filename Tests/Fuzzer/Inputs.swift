import Simulation

/// libFuzzer calls back on one thread.
private nonisolated(unsafe) var cluster: FuzzedCluster?

func takeInput(_ input: UnsafeRawBufferPointer) {
    do {
        let fuzzed = try cluster ?? FuzzedCluster()
        cluster = fuzzed
        try fuzzed.take(input)
        if let problem = fuzzed.problems.first { fatalError(problem) }
    } catch { fatalError("the test cannot go on: \(error)") }
}
