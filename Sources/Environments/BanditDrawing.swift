/// A bandit as bars: the means of its arms, and how often an episode has pulled each.
extension BanditTasks: DrawnTasks {
    /// Arms have numbers, which are their names.
    package var actionNames: [String] { [] }

    package func picture(of task: Task) throws -> String {
        let means = try means(of: task.json)
        let best = means.max() ?? 0
        return means.enumerated().map { arm, mean in
            let text = "arm \(padded(arm, of: means.count))  \(fixed(mean))  \(bar(Double(mean)))"
            return mean == best ? text + "  best" : text
        }.joined(separator: "\n")
    }

    /// Bars are shares of the pulls; the number behind is the mean of what the arm has paid.
    package func picture(of episode: LivedEpisode, in task: Task) throws -> String? {
        let arms = try means(of: task.json).count
        var pulls = [Int](repeating: 0, count: arms)
        var paid = [Float](repeating: 0, count: arms)
        for step in episode.steps {
            guard let arm = environment.actionSpace.words(of: step.action).wholeNumber, arm < arms else { continue }
            pulls[arm] += 1
            paid[arm] += step.reward
        }
        let lines = (0..<arms).map { arm -> String in
            let share = Double(pulls[arm]) / Double(max(1, episode.steps.count))
            let mean = pulls[arm] == 0 ? "" : "  \(fixed(paid[arm] / Float(pulls[arm])))"
            return "arm \(padded(arm, of: arms))  \(padded(pulls[arm], of: 1000)) pulls  \(bar(share))\(mean)"
        }
        return (lines + ["bars: share of the pulls; behind them the mean reward"]).joined(separator: "\n")
    }

    /// 40 characters for 1.
    private func bar(_ share: Double) -> String { String(repeating: "#", count: Int((share * 40).rounded())) }

    /// Two decimals of a number from 0 to 1.
    private func fixed(_ value: Float) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 / 10)\(hundredths % 10)"
    }

    /// As wide as the largest number below `count`.
    private func padded(_ number: Int, of count: Int) -> String {
        let text = "\(number)"
        return String(repeating: " ", count: max(0, "\(count - 1)".count - text.count)) + text
    }
}

extension String {
    fileprivate var wholeNumber: Int? { Int(self) }
}
