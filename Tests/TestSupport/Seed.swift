import Foundation

/// A seed for a random test: `DISTILLERY_TEST_SEED` where it is set, otherwise a new one. Name it in every expectation,
/// so that a failure can be repeated.
package func testSeed() -> UInt64 {
    ProcessInfo.processInfo.environment["DISTILLERY_TEST_SEED"].flatMap(UInt64.init)
        ?? UInt64.random(in: 0...UInt64.max)
}
