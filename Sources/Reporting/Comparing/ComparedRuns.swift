import Catalog
import Environments
import Experience

/// Runs that cannot stand beside each other: a sentence that says why.
package struct ComparisonError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// What some runs came to under the same evaluations, found by what these are about: a line for each policy of each run,
/// on the tasks that all of them were played on.
struct ComparedRuns {
    /// A run under a name that no other one has.
    struct Member {
        let name: String
        let contents: RunContents
        let evaluations: ReportedEvaluations
    }

    /// A variant of a run under one evaluation.
    struct Line {
        let run: String
        /// Empty where the run has no variants.
        let variant: String
        let trainings: Int
        let curves: LearningCurves
        /// What the best policy comes to on these tasks; nil where that is not known of all.
        let optimum: Double?
        let random: Double?
        var name: String { variant.isEmpty ? run : "\(run): \(variant)" }
    }

    /// The lines under one evaluation, in the order of the runs and their variants.
    struct Comparison {
        let label: String
        let lines: [Line]
        /// Tasks that every line was played on; nil where they have none in common, and each stands for its own.
        let commonTasks: Int?
    }

    let members: [Member]
    let comparisons: [Comparison]

    /// Throws `ComparisonError` for fewer than two runs, and where a curve counts something else in one than in another.
    init(_ runs: [(folder: String, contents: RunContents)]) throws(ComparisonError) {
        guard let first = runs.first, runs.count > 1 else {
            throw ComparisonError(description: "there is nothing to compare in \(runs.count) run; name two or more")
        }
        if let other = runs.first(where: { $0.contents.axis != first.contents.axis }) {
            throw ComparisonError(
                description: "a curve of \(other.folder) counts each \(ReportWords(other.contents).point), one of "
                    + "\(first.folder) each \(ReportWords(first.contents).point): these cannot be compared")
        }
        members = zip(Self.names(runs), runs).map { name, run in
            Member(name: name, contents: run.contents, evaluations: ReportedEvaluations(run.contents))
        }
        var labels: [String] = []
        for member in members { labels += member.evaluations.labels.filter { !labels.contains($0) } }
        comparisons = labels.map { [members] in Self.comparison($0, members) }
    }

    /// That of the experiment, with the folder where several have the same, and a number where that is the same too.
    private static func names(_ runs: [(folder: String, contents: RunContents)]) -> [String] {
        let names = runs.map(\.contents.name)
        let longer = runs.map { run in
            names.count { $0 == run.contents.name } > 1 ? "\(run.contents.name) (\(run.folder))" : run.contents.name
        }
        return longer.indices.map { index in
            let same = longer[..<index].count { $0 == longer[index] }
            return same > 0 ? "\(longer[index]) \(same + 1)" : longer[index]
        }
    }

    private static func comparison(_ label: String, _ members: [Member]) -> Comparison {
        let played = members.flatMap { member in
            member.evaluations.variants.compactMap { variant in
                member.evaluations.pooled(variant, label).map { (member, variant, $0) }
            }
        }
        let descriptions = played.map { member, _, pooled in
            pooled.tasks.map { member.contents.task($0)?.json ?? "" }
        }
        let common = descriptions.dropFirst().reduce(Set(descriptions.first ?? [])) { $0.intersection($1) }
        let lines = zip(played, descriptions).map { played, descriptions in
            let (member, variant, pooled) = played
            let positions = descriptions.indices.filter { common.isEmpty || common.contains(descriptions[$0]) }
            let tasks = positions.map { pooled.tasks[$0] }
            return Line(
                run: member.name, variant: variant, trainings: pooled.members.count,
                curves: pooled.curves.selecting(positions),
                optimum: member.contents.meanOptimum(of: tasks), random: member.contents.meanRandom(of: tasks))
        }
        return Comparison(label: label, lines: lines, commonTasks: common.isEmpty ? nil : common.count)
    }
}
