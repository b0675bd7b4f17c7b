import Simulation

/// libFuzzer calls back on one thread.
private nonisolated(unsafe) var cluster: FuzzedCluster?

/// libFuzzer's side of `FuzzedCluster`: whatever is a problem there ends the process here, and libFuzzer keeps the
/// input.
@_cdecl("LLVMFuzzerTestOneInput") public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        let fuzzed = try cluster ?? FuzzedCluster()
        cluster = fuzzed
        try fuzzed.take(UnsafeRawBufferPointer(start: bytes, count: count))
        if let problem = fuzzed.problems.first { fatalError(problem) }
    } catch { fatalError("the test cannot go on: \(error)") }
    return 0
}
