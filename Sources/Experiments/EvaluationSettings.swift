package import Distillation
package import Settings

/// One of an experiment's named evaluations: an element of the list `evaluations`.
package struct EvaluationSettings: SettingsGroup {
    /// Part of the names of its streams' folders, and what its curves are called.
    package var name = ""
    /// Which tasks: `train`, `test`, or a group that the environment names.
    package var tasks = "test"
    /// How many of them, at even distances; nil for all.
    package var limit: Int?
    /// Names of policies: the distilled model, and those that need no checkpoint.
    package var policies = [DistilledPolicy.name]
    /// Of which variants; empty for all.
    package var variants: [String] = []
    package var context = DistilledPolicy.Settings.Context.kept
    /// What stands in the context before the first step; nil for nothing.
    package var prompt: PromptSettings?
    /// These four are nil where they are as the section `evaluate` says.
    package var episodes: Int?
    package var seeds: Int?
    package var temperature: Double?
    package var slide: Int?

    package init() {}

    private static let asEvaluate = "default"

    package static let entries: [Entry<EvaluationSettings>] = [
        .key("name", \.name, .itemName, required: true, "What its curves and the folders of its streams are called."),
        .key(
            "tasks", \.tasks, .text("a group of tasks"),
            "Which tasks: `train`, `test`, or another group that the environment has."),
        .key("limit", \.limit, .optional(.integer(atLeast: 1), "all"), "How many of them, at even distances."),
        .key(
            "policies", \.policies, .list(of: .text("name of a policy"), count: 1...16),
            "What acts: `distilled`, `rl2` (what a lifetime on trials has learnt, with frozen parameters), and policies that "
                + "need no checkpoint (`random`, `optimum`, `source`)."),
        .key(
            "variants", \.variants, .list(of: .itemName, count: 0...64),
            "Of which variants the distilled models are evaluated; without any, all."),
        .key(
            "context", \.context, .choice, "Whether the model's context lives through episodes, or is cleared at each."
        ),
        .optionalSection(
            "prompt", \.prompt, absent: "none",
            "A stretch of a recorded learning history of the same task, of a given quality, that the model is shown before its first step."
        ),
        .key(
            "episodes", \.episodes, .optional(.integer(1...1_000_000), asEvaluate),
            "Episodes of each task and seed; `default` is `evaluate.episodes`."),
        .key(
            "seeds", \.seeds, .optional(.integer(1...1_000), asEvaluate),
            "Seeds of each task; `default` is `evaluate.seeds`."),
        .key(
            "temperature", \.temperature, .optional(.number(0, 100), asEvaluate),
            "Temperature of the softmax that actions are drawn from; `default` is `evaluate.temperature`."),
        .key(
            "slide", \.slide, .optional(.integer(1...1_000_000), asEvaluate),
            "How many of the oldest transitions leave a full context together; `default` is `evaluate.slide`."),
    ]

    package func contradictions() -> [Contradiction] {
        let known = RegisteredPolicy.registry.names
        return promptContradictions
            + policies.enumerated().compactMap { index, name in
                guard known.contains(name) else {
                    return Contradiction(
                        ["policies"], "there is no policy \(name); expected some of \(known.joined(separator: ", "))")
                }
                return policies[..<index].contains(name)
                    ? Contradiction(["policies"], "\(name) stands there twice") : nil
            }
    }

    private var promptContradictions: [Contradiction] {
        guard prompt != nil else { return [] }
        var found: [Contradiction] = []
        if context == .cleared {
            found.append(
                Contradiction(["prompt", "context"], "a context that is cleared at every episode keeps no prompt"))
        }
        if policies != [DistilledPolicy.name] {
            found.append(
                Contradiction(["prompt", "policies"], "\(DistilledPolicy.name) alone has a context for a prompt"))
        }
        return found
    }
}

extension EvaluateSettings {
    /// An evaluation's own number, or that of this section: what `default` stands for.
    func episodes(of evaluation: EvaluationSettings) -> Int { evaluation.episodes ?? episodes }
    func seeds(of evaluation: EvaluationSettings) -> Int { evaluation.seeds ?? seeds }
    func temperature(of evaluation: EvaluationSettings) -> Double { evaluation.temperature ?? temperature }
    func slide(of evaluation: EvaluationSettings) -> Int { evaluation.slide ?? slide }

    /// An evaluation with the numbers that it has, none of them `default`.
    func resolved(_ evaluation: EvaluationSettings) -> EvaluationSettings {
        var settings = evaluation
        settings.episodes = episodes(of: evaluation)
        settings.seeds = seeds(of: evaluation)
        settings.temperature = temperature(of: evaluation)
        settings.slide = slide(of: evaluation)
        return settings
    }
}
