import Experience

/// Which tasks of a distribution are held out: the first `testTasks` of a shuffle of all ids.
///
/// The shuffle depends on `seed` and on the number of tasks alone, so a larger `testTasks` under the same seed holds
/// out the same tasks and some more. Train and test never overlap.
package struct TaskSplit: Hashable, Sendable, Codable {
    package var testTasks: Int
    package var seed: UInt64

    package init(testTasks: Int = 16, seed: UInt64 = 0) {
        self.testTasks = testTasks
        self.seed = seed
    }

    /// Random numbers of the seed alone: the shuffle's, and those that a distribution draws its tasks by.
    var generator: Philox {
        Philox(key0: UInt32(truncatingIfNeeded: seed), key1: UInt32(truncatingIfNeeded: seed >> 32))
    }

    /// The split of each of `count` tasks, by id.
    /// Throws `EnvironmentError` unless at least one task is left to train on.
    package func assign(count: Int) throws -> [Split] {
        guard testTasks >= 0, testTasks < count else {
            throw EnvironmentError(
                "the split holds out \(testTasks) test tasks, expected 0 to \(count - 1): "
                    + "the environment has \(count) tasks and at least one must be left to train on")
        }
        var splits = [Split](repeating: .train, count: count)
        for id in order(count: count).prefix(testTasks) { splits[id] = .test }
        return splits
    }

    /// The ids of `count` tasks as the seed shuffles them: the held-out ones come first.
    package func order(count: Int) -> [Int] {
        var numbers = PhiloxSequence(generator, purpose: .split)
        var order = Array(0..<count)
        // Fisher-Yates spelled out: the standard library does not promise that its shuffle stays the same.
        for index in stride(from: count - 1, to: 0, by: -1) {
            let other = Int(numbers.next().multipliedFullWidth(by: UInt64(index + 1)).high)
            order.swapAt(index, other)
        }
        return order
    }
}
