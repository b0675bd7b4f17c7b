import Experience

/// Means of rows of numbers over trainings, tasks and repetitions, with 95 % intervals by the percentile bootstrap
/// (Efron and Tibshirani 1993, chapter 13).
///
/// A draw takes trainings and tasks with replacement, and repetitions within each pair of them. Every task weighs
/// 1 / tasks, every repetition of it 1 / (tasks * its repetitions). Random numbers come from a fixed key, so that the
/// same numbers always give the same interval.
///
/// Work is draws times rows times width. It is bounded by `mostAdditions`: of many rows there are fewer draws, down to
/// `leastDraws`.
struct Bootstrap {
    /// All rows one after the other.
    private var values: [Double] = []
    /// (trainings, tasks): the first row of each.
    private var first: [[Int]] = []
    /// (trainings, tasks): how many rows each has.
    private var counts: [[Int]] = []
    private let width: Int
    private var rows = 0

    /// How often the bootstrap draws where there are not very many rows.
    static let mostDraws = 1000
    /// Below, a quantile of 2.5 % would hang on five draws.
    static let leastDraws = 200
    /// About a tenth of a second.
    static let mostAdditions = 100_000_000

    /// `table`: (trainings, tasks, repetitions, width). Every training has as many tasks as the others.
    init(_ table: [[[[Double]]]], width: Int) {
        self.width = width
        for tasks in table {
            first.append([])
            counts.append([])
            for repetitions in tasks {
                first[first.count - 1].append(rows)
                counts[counts.count - 1].append(repetitions.count)
                rows += repetitions.count
                for row in repetitions { values += row }
            }
        }
    }

    /// How often `intervals` draws.
    private var draws: Int { Self.draws(rows: rows, width: width) }

    private static func draws(rows: Int, width: Int) -> Int {
        min(mostDraws, max(leastDraws, mostAdditions / max(1, rows * width)))
    }

    /// How often the mean curves of these are drawn, of the one with the most work.
    static func draws(of curves: [LearningCurves]) -> Int {
        curves.map { draws(rows: $0.curveCount, width: $0.drawnPoints) }.min() ?? mostDraws
    }

    private var taskCount: Int { first.first?.count ?? 0 }

    /// (width); empty where there is no row.
    var mean: [Double] {
        guard rows > 0 else { return [] }
        var total = [Double](repeating: 0, count: width)
        for training in first.indices {
            for task in 0..<taskCount {
                for repetition in 0..<counts[training][task] { add(training, task, repetition, to: &total) }
            }
        }
        return total
    }

    /// (width); nil where there is one row or none.
    var intervals: [Interval]? {
        guard rows > 1 else { return nil }
        var drawn = [[Double]](repeating: [], count: width)
        var random = PhiloxSequence(Philox(key0: 0x626F_6F74, key1: 0), purpose: .other)
        for _ in 0..<draws {
            let mean = draw(&random)
            for index in 0..<width { drawn[index].append(mean[index]) }
        }
        return drawn.map { Interval(draws: $0) }
    }

    private func draw(_ random: inout PhiloxSequence) -> [Double] {
        var total = [Double](repeating: 0, count: width)
        // One training alone is no choice, and costs no random number.
        let trainings = first.count == 1 ? [0] : first.indices.map { _ in random.below(first.count) }
        for _ in 0..<taskCount {
            let task = random.below(taskCount)
            for training in trainings {
                let count = counts[training][task]
                for _ in 0..<count { add(training, task, random.below(count), to: &total) }
            }
        }
        return total
    }

    private func add(_ training: Int, _ task: Int, _ repetition: Int, to total: inout [Double]) {
        let weight = 1 / Double(counts[training][task] * taskCount * first.count)
        let start = (first[training][task] + repetition) * width
        values.withUnsafeBufferPointer { values in
            total.withUnsafeMutableBufferPointer { total in
                for index in 0..<width { total[index] += weight * values[start + index] }
            }
        }
    }
}

extension Interval {
    /// Between the 2.5 % and the 97.5 % quantile of what was drawn, at least one number.
    init(draws: [Double]) {
        let sorted = draws.sorted()
        self.init(low: quantile(sorted, 0.025), high: quantile(sorted, 0.975))
    }
}

/// Linear between neighbours; `sorted` is not empty.
///
/// `share` from 0 to 1: 0.025 of 1,000 values is between the 25th and the 26th.
///
/// As numpy's default.
func quantile(_ sorted: [Double], _ share: Double) -> Double {
    let position = share * Double(sorted.count - 1)
    let low = Int(position)
    let high = min(low + 1, sorted.count - 1)
    return sorted[low] + (position - Double(low)) * (sorted[high] - sorted[low])
}

extension PhiloxSequence {
    /// A number in `0..<bound`.
    ///
    /// By the high half of a product of 64 and 64 bits: its bias is below `bound` / 2^64.
    mutating func below(_ bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }
}
