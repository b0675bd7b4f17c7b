import Experience
import Experiments
import Settings

/// A claim with what was measured: the difference of two curves, or the value of one, against what is claimed of it.
package struct JudgedClaim: Sendable, Encodable {
    /// By the interval, or where that has the claimed bound inside it by the mean.
    package enum Verdict: String, Sendable, Encodable {
        case holds, likely, unlikely, fails
        /// The run does not have what it takes to judge, or has not got there yet.
        case open
    }

    package let name: String
    package let figure: String
    package let says: String
    package let paper: String
    package let best: String
    package let measure: String
    /// What is compared, in words: `ad@test at episode 100 is at least 0.92`.
    package let comparison: String
    package let verdict: Verdict
    /// The curve's own value; nil where it is open.
    package private(set) var value: Double?
    /// What the verdict is about: the value, or the difference from the other curve or from the first episode.
    package private(set) var measured: Double?
    /// Of `measured`, 95 %; nil of a single curve.
    package private(set) var interval: Interval?
    package private(set) var trainings: Int?
    package private(set) var tasks: Int?
    package private(set) var seeds: Int?
    /// Why it is open.
    package private(set) var problem: String?

    init(_ claim: ClaimSettings, in curves: MeasuredCurves) {
        name = claim.name
        figure = claim.figure
        says = claim.says
        paper = claim.paper
        best = claim.best
        measure = claim.measure.rawValue
        comparison = claim.inWords
        do throws(ClaimProblem) {
            let statistic = try curves.statistic(of: claim)
            guard statistic.measured.isFinite, statistic.value.isFinite else {
                throw ClaimProblem(description: "\(claim.measure.rawValue): there is nothing to measure it against")
            }
            value = statistic.value
            measured = statistic.measured
            interval = statistic.interval
            trainings = statistic.counts.trainings
            tasks = statistic.counts.tasks
            seeds = statistic.counts.seeds
            verdict = Self.verdict(of: claim, statistic.measured, statistic.interval)
        } catch {
            problem = error.description
            verdict = .open
        }
    }

    /// What is claimed to be at most a bound is judged by the other side of the interval.
    private static func verdict(of claim: ClaimSettings, _ measured: Double, _ interval: Interval?) -> Verdict {
        let sign: Double = [.below, .flat].contains(claim.kind) ? -1 : 1
        let bound = sign * claim.bound
        if let interval {
            let (low, high) = sign > 0 ? (interval.low, interval.high) : (-interval.high, -interval.low)
            if low > bound || low == bound && !claim.kind.isStrict { return .holds }
            if high < bound { return .fails }
        }
        return sign * measured >= bound ? .likely : .unlikely
    }
}

extension ClaimSettings.Kind {
    /// What is above something else is not equal to it.
    fileprivate var isStrict: Bool { [.above, .faster, .rises, .attends].contains(self) }
}

extension ClaimSettings {
    /// What the measured number is compared with.
    fileprivate var bound: Double { kind == .within ? -value : value }

    /// The comparison as people read it.
    fileprivate var inWords: String {
        let at = episode.map { " at episode \($0)" } ?? ""
        let number = shortest(value)
        let more = value == 0 ? "" : " by \(number)"
        let other = than ?? ""
        return switch kind {
        case .reaches: "\(curve)\(at) is at least \(number)"
        case .below: "\(curve)\(at) is at most \(number)"
        case .above: "\(curve)\(at) is above \(other)\(more)"
        case .within: "\(curve)\(at) is at most \(number) below \(other)"
        case .faster:
            "the mean of \(curve) up to \(episode.map { "episode \($0)" } ?? "its end") is above \(other)\(more)"
        case .rises: "\(curve)\(at) is above its first episode\(more)"
        case .flat: "\(curve)\(at) is less than \(number) above its first episode"
        case .attends:
            "attention of \(curve) to \(measure.rawValue.replacing("_", with: " ")) is above even attention\(more)"
        }
    }
}

/// What a number was drawn from.
struct ClaimCounts {
    let trainings: Int
    let tasks: Int
    let seeds: Int
}

extension MeasuredCurves {
    /// Throws `ClaimProblem` where the run does not have what the claim is about.
    fileprivate func statistic(of claim: ClaimSettings) throws(ClaimProblem) -> ClaimStatistic {
        guard claim.kind == .attends else { return try ClaimStatistic(claim, in: self) }
        guard let attention = contents.attention, attention.curve == claim.curve else {
            throw ClaimProblem(description: "the attention of \(claim.curve) is not known")
        }
        return ClaimStatistic(claim, attention)
    }
}

/// The number that a claim is judged by, with a 95 % interval by the percentile bootstrap: a draw takes trainings, tasks
/// and repetitions with replacement, the same tasks for both curves where they were played on the same.
struct ClaimStatistic {
    let counts: ClaimCounts
    let value: Double
    let measured: Double
    let interval: Interval?

    init(counts: ClaimCounts, value: Double, measured: Double, interval: Interval?) {
        self.counts = counts
        self.value = value
        self.measured = measured
        self.interval = interval
    }

    /// Throws `ClaimProblem` where a curve is missing or shorter than the claim says.
    init(_ claim: ClaimSettings, in curves: MeasuredCurves) throws(ClaimProblem) {
        let first = try curves.curve(CurveName(claim.curve), claim.measure)
        counts = ClaimCounts(trainings: first.trainings, tasks: first.tasks.count, seeds: first.seeds)
        let own = try ClaimRows(first, claim.stretch, of: claim.curve)
        value = own.mean
        var sides = [(own, 1.0)]
        if let than = claim.than {
            let second = try curves.curve(CurveName(than), claim.measure)
            var stretch = claim.stretch
            if claim.kind == .faster {
                // Both means are taken up to the same episode.
                stretch = .upTo(claim.episode ?? min(first.curves.longest, second.curves.longest))
                sides = [(try ClaimRows(first, stretch, of: claim.curve), 1)]
            }
            sides.append((try ClaimRows(second, stretch, of: than), -1))
        }
        if [.rises, .flat].contains(claim.kind) {
            sides.append((try ClaimRows(first, .first, of: claim.curve), -1))
        }
        measured = sides.reduce(0) { $0 + $1.1 * $1.0.mean }
        interval = Self.interval(sides)
    }

    /// Nil of one curve.
    private static func interval(_ sides: [(rows: ClaimRows, sign: Double)]) -> Interval? {
        guard sides.contains(where: { $0.rows.count > 1 }) else { return nil }
        var random = PhiloxSequence(Philox(key0: 0x636C_6169, key1: 0), purpose: .other)
        let shared = sides.dropFirst().allSatisfy { $0.rows.tasks == sides[0].rows.tasks }
        let draws = (0..<Bootstrap.mostDraws).map { _ in
            var drawn = sides[0].rows.drawTasks(&random)
            var total = 0.0
            for (index, side) in sides.enumerated() {
                if index > 0, !shared { drawn = side.rows.drawTasks(&random) }
                total += side.sign * side.rows.draw(tasks: drawn, &random)
            }
            return total
        }
        return Interval(draws: draws)
    }
}

extension ClaimSettings {
    /// Which points of a curve its value is the mean of.
    fileprivate var stretch: ClaimRows.Stretch {
        guard let episode, kind != .faster else { return .end }
        return .before(episode)
    }
}

/// Means of a stretch of each curve, and what they are measured against.
struct ClaimRows {
    /// Points of a curve.
    enum Stretch {
        case first
        /// The points at its end that its final value is the mean of.
        case end
        /// As many points as at the end; the last one has this number.
        case before(Int)
        /// From the first point to the one of this number; a curve that ended goes on at its final value.
        case upTo(Int)
    }

    let tasks: [Int]
    /// (trainings, tasks, repetitions).
    private let rows: [[[Double]]]
    private let floor: [Double]
    private let ceiling: [Double]

    /// Throws `ClaimProblem` for curves that are shorter than the stretch.
    init(_ curve: MeasuredCurve, _ stretch: Stretch, of name: String) throws(ClaimProblem) {
        let final = curve.curves.finalPoints
        if case .before(let episode) = stretch, curve.curves.longest < episode {
            throw ClaimProblem(description: "\(name) has \(curve.curves.longest) episodes so far")
        }
        tasks = curve.tasks
        floor = curve.floor
        ceiling = curve.ceiling
        rows = curve.curves.trainings.map { $0.map { $0.map { Self.mean($0, stretch, final) } } }
    }

    private static func mean(_ curve: [Double], _ stretch: Stretch, _ final: Int) -> Double {
        let end = average(curve.suffix(final))
        switch stretch {
        case .first: return curve.first ?? .nan
        case .end: return end
        case .before(let episode):
            guard curve.count >= episode else { return end }
            return average(curve[max(0, episode - final)..<episode])
        case .upTo(let episode):
            let lived = curve.prefix(episode)
            return (lived.reduce(0, +) + Double(episode - lived.count) * end) / Double(episode)
        }
    }

    /// How many curves there are.
    var count: Int { rows.joined().reduce(0) { $0 + $1.count } }

    /// In units of the measure, every task with the same weight.
    var mean: Double {
        scaled(Array(tasks.indices)) { task in
            rows.reduce(0) { $0 + average($1[task][...]) } / Double(rows.count)
        }
    }

    /// Positions of tasks, with replacement.
    func drawTasks(_ random: inout PhiloxSequence) -> [Int] { tasks.map { _ in random.below(tasks.count) } }

    /// The mean of a draw: of trainings, and of the repetitions of each of these tasks.
    func draw(tasks drawn: [Int], _ random: inout PhiloxSequence) -> Double {
        let trainings = rows.count == 1 ? [0] : rows.map { _ in random.below(rows.count) }
        return scaled(drawn) { task in
            var total = 0.0
            for training in trainings {
                let repetitions = rows[training][task]
                var sum = 0.0
                for _ in repetitions { sum += repetitions[random.below(repetitions.count)] }
                total += sum / Double(repetitions.count)
            }
            return total / Double(trainings.count)
        }
    }

    private func scaled(_ drawn: [Int], _ value: (Int) -> Double) -> Double {
        var (sum, low, high) = (0.0, 0.0, 0.0)
        for task in drawn {
            sum += value(task)
            low += floor[task]
            high += ceiling[task]
        }
        return (sum - low) / (high - low)
    }
}
