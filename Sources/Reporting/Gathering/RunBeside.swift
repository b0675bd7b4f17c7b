import Catalog
package import Foundation

/// Another run on tasks that a report's run has too, such as RL2's beside those of the paper's Figures 3 and 4: what its
/// policies come to, drawn as dashed lines.
package struct RunBeside: Sendable {
    /// One policy of it.
    struct Line: Sendable {
        /// `rl2 (rl2-dark-room)`
        let name: String
        /// Mean over trainings and seeds of what a curve comes to in the end, by the task's description.
        let ends: [String: Double]
    }

    let lines: [Line]

    /// Reads the run in `folder`. Throws as `RunContents` does.
    package init(folder: URL) throws { self.init(try RunContents(folder: folder)) }

    /// A task that several evaluations have counts in the first: held-out tasks, then others, in the experiment's order.
    package init(_ contents: RunContents) {
        let evaluations = ReportedEvaluations(contents)
        lines = evaluations.variants.compactMap { variant in
            var ends: [String: Double] = [:]
            for pooled in evaluations.labels.compactMap({ evaluations.pooled(variant, $0) }) {
                for (task, finals) in zip(pooled.tasks, pooled.curves.finals) where !finals.isEmpty {
                    guard let json = contents.task(task)?.json, ends[json] == nil else { continue }
                    ends[json] = average(finals[...])
                }
            }
            let name = variant.isEmpty ? contents.name : "\(variant) (\(contents.name))"
            return ends.isEmpty ? nil : Line(name: name, ends: ends)
        }
    }
}

extension ReportFigures {
    /// A dashed line for what policies of other runs come to on those of the tasks that they have played.
    func linesBeside(_ tasks: [Int]) -> [(line: LineChart.Reference, tasks: Int)] {
        let known = tasks.compactMap { contents.task($0)?.json }
        return contents.beside.flatMap(\.lines).compactMap { line in
            let ends = known.compactMap { line.ends[$0] }
            return ends.isEmpty ? nil : (.init(line.name, .secondQuantity, average(ends[...])), ends.count)
        }
    }
}
