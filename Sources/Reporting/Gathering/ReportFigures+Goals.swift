import Catalog
import Environments
import Foundation

extension ReportFigures {
    /// Final return of the distilled model by goal, train and held-out; nil where tasks are not goals in a grid, or
    /// nothing was evaluated.
    ///
    /// Goals that were not evaluated are shown as empty cells.
    func heatMapOfModel() -> HeatMap? {
        guard let checkpoint else { return nil }
        var shares: [Int: [Double]] = [:]
        for split in Split.allCases {
            guard let evaluated = contents.evaluated(checkpoint, split, .inContext) else { continue }
            for final in contents.finalShares(evaluated) { shares[final.task, default: []].append(final.share) }
        }
        return heatMap(
            "final-return-by-goal", "Distilled model: final return by goal",
            "Percent of the goal's optimum, mean over seeds of the last \(LearningCurves.finalEpisodes) episodes. Framed "
                + "goals were held out; of the training goals those with a number were evaluated.", shares)
    }

    /// The same of the source algorithm, mean over its lifetimes on the goal.
    ///
    /// Lifetimes are those whose streams could be read. Goals without a known optimum stay empty.
    func heatMapOfSource() -> HeatMap? {
        var shares: [Int: [Double]] = [:]
        for task in contents.tasks {
            guard let optimum = task.optimalReturn, optimum > 0, let curves = contents.sourceReturns[task.id] else {
                continue
            }
            shares[task.id] = LearningCurves([curves]).finals.joined().map { $0 / optimum }
        }
        return heatMap(
            "source-return-by-goal", "Source algorithm: final return by goal",
            "The same for the algorithm that made the data, mean over its lifetimes. On framed goals it learnt for "
                + "comparison only; the distiller never saw them.", shares)
    }

    /// Nil where tasks are not goals in a grid.
    ///
    /// `shares`: by task, one for each seed or lifetime; their mean is shown. The start is taken to be the middle of
    /// the grid, as in Dark Room.
    ///
    /// Width and height follow from the farthest goal, so that a room whose last column has no goal is drawn narrower.
    private func heatMap(_ name: String, _ title: String, _ caption: String, _ shares: [Int: [Double]]) -> HeatMap? {
        let goals = contents.tasks.compactMap { task in Goal(task).map { (task: task, goal: $0) } }
        guard !shares.isEmpty, goals.count == contents.tasks.count else { return nil }
        let columns = (goals.map(\.goal.x).max() ?? 0) + 1
        let rows = (goals.map(\.goal.y).max() ?? 0) + 1
        return HeatMap(
            name: name, title: title, caption: caption, columns: columns, rows: rows,
            cells: goals.map { task, goal in
                HeatMap.Cell(
                    x: goal.x, y: goal.y, split: task.split,
                    share: shares[task.id].map { $0.reduce(0, +) / Double($0.count) }, task: task.id)
            }, start: (columns / 2, rows / 2))
    }
}

/// The cell that a task's JSON names, as in `{"goal":[3,5]}`.
///
/// Nil for a task whose JSON has no such goal, or one outside of 0..<512.
private struct Goal {
    /// Column from 0.
    let x: Int
    /// Row from 0.
    let y: Int

    /// Reads only the member `goal` of the JSON; a task of another environment has none, and the map is left out.
    init?(_ task: TaskRecord) {
        struct Description: Decodable { let goal: [Int] }
        guard let goal = try? JSONDecoder().decode(Description.self, from: Data(task.json.utf8)).goal, goal.count == 2,
            goal.allSatisfy({ (0..<512).contains($0) })
        else { return nil }
        x = goal[0]
        y = goal[1]
    }
}
