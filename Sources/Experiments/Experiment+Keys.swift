import Agents
import Environments
package import Settings

/// Every section of an experiment file; the keys of each are declared by their owner, with the defaults.
extension Experiment {
    package static let entries: [Entry<Experiment>] =
        [
            .key(
                "name", \.name,
                .text("1 to 64 ASCII letters, digits, '-' and '_'") { name in
                    let accepted = name.utf8.allSatisfy { $0 < 128 } && name.allSatisfy(isPartOfName)
                    return accepted && name.count <= 64 ? nil : "it names a folder"
                }, required: true, "Names the run; its folder is `runs/NAME` unless `--out` says otherwise."),
            .key(
                "seed", \.seed, .seed,
                "Determines initial parameters, actions and environments. The distiller has its own seed."),
            .kinds(
                "environment", \.environment, of: RegisteredEnvironment.registry, key: "name", "The environment.",
                "What the actors act in, and its settings."),
            .section("tasks", \.tasks, "Which tasks are trained on and which are held out."),
            .kinds(
                "source", \.source, of: RegisteredSourceAlgorithm.registry, key: "algorithm", "The source algorithm.",
                "The source algorithm whose learning is recorded."),
            .section("collect", \.collect, "The learning histories that are collected."),
            .section("cluster", \.cluster, "The processes that one machine starts."),
            .section("distil", \.distil, "The model that is trained on the histories."),
            .key(
                "variants", \.variants, .variants,
                "What is distilled beside each other from the same histories. Without any, `distil` is the only one."),
            .section(
                "evaluate", \.evaluate,
                "How the distilled model is evaluated on held-out and on training tasks, with frozen weights."),
            .key(
                "evaluations", \.evaluations, .groups(of: "evaluations", count: 0...64),
                "What is evaluated of every variant, by name, in place of what `evaluate` says."),
            .optionalSection(
                "attention", \.attention, absent: "none",
                "What the report shows of the models' attention, as in the paper's Figure 15."),
            .key(
                "claims", \.claims, .groups(of: "claims", count: 0...256),
                "What the report judges: comparisons of curves, each with a verdict and an interval."),
        ]

    /// The name becomes a folder's, so no separator, dot or space is let through.
    static func isPartOfName(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "-" || character == "_"
    }
}
