package import Settings

/// What an experiment claims: one comparison of curves of its evaluations, which the report judges by an interval. An
/// element of the list `claims`.
///
/// A curve's value is a mean over trainings, tasks and seeds of its last ten episodes, or of the ten that end with
/// `episode`; in trials of several episodes of the last one, or of `episode` alone; where a life is one episode it is the
/// mean of the whole life.
package struct ClaimSettings: SettingsGroup {
    /// What is compared, and with what.
    package enum Kind: String, Sendable, CaseIterable {
        /// The curve's value is at least `value`.
        case reaches
        /// The curve's value is at most `value`.
        case below
        /// The curve's value is that of `than` and `value` more.
        case above
        /// The curve's value is at most `value` less than that of `than`.
        case within
        /// The mean of the curve from its first episode to `episode` is that of `than` and `value` more.
        case faster
        /// The curve's value is its first episode's and `value` more.
        case rises
        /// The curve's value is less than its first episode's and `value` more.
        case flat
        /// The share of attention that `measure` names is that of even attention and `value` more, on the streams that
        /// the section `attention` says.
        case attends

        /// Whether a second curve is compared with.
        package var comparesCurves: Bool { [.above, .within, .faster].contains(self) }
    }

    /// What a curve is measured in.
    package enum Measure: String, Sendable, CaseIterable {
        /// Of an episode; the reward of a step where a life is one episode.
        case `return`
        /// Of the optimum, on the same tasks.
        case share
        /// (r - random) / (source - random): both have to be policies of the same evaluation.
        case score
        /// Of all attention, what reaches behind the begin of the episode at hand.
        case earlierEpisodes = "earlier_episodes"
        /// Of all attention, what is on rows that show a reward.
        case rewards
        /// Of all attention, what is on rows that begin an episode.
        case episodeStarts = "episode_starts"

        /// Whether it is of attention, and not of a curve.
        package var isOfAttention: Bool { [.earlierEpisodes, .rewards, .episodeStarts].contains(self) }
    }

    /// Names it in files and tables.
    package var name = ""
    /// Where the paper claims it: `Fig. 4`.
    package var figure = ""
    /// What is claimed, in a sentence.
    package var says = ""
    package var kind = Kind.above
    /// See `CurveName`.
    package var curve = ""
    /// The curve that is compared with; nil for kinds that compare with a number.
    package var than: String?
    /// Nil for the curve's end.
    package var episode: Int?
    package var measure = Measure.return
    /// In units of the measure.
    package var value = 0.0
    /// The paper's own figures, and the best of those who came after it, as people read them.
    package var paper = ""
    package var best = ""

    package init() {}

    package static let entries: [Entry<ClaimSettings>] = [
        .key("name", \.name, .claimName, required: true, "Names it in files and tables."),
        .key("figure", \.figure, .text("text"), "Where the paper claims it, such as `Fig. 4`."),
        .key("says", \.says, .text("text"), "What is claimed, in a sentence."),
        .key(
            "kind", \.kind, .choice,
            "The comparison. `reaches`, `below`: the curve against `value`. `above`, `within`: the curve against `than`, "
                + "at least `value` more, at most `value` less. `faster`: the same as `above` of the means from the first "
                + "episode on. `rises`, `flat`: the curve against its own first episode. `attends`: a share of attention "
                + "against that of even attention, on the streams that `attention` says."),
        .key(
            "curve", \.curve, .text("EVALUATION, VARIANT@EVALUATION or POLICY@EVALUATION"), required: true,
            "The curve: `test`, `ed@test`, `random@test`. `source` is the policy where the evaluation has it, otherwise "
                + "the source algorithm's own lifetimes on these tasks, as returns of one actor."),
        .key(
            "than", \.than, .optional(.text("EVALUATION, VARIANT@EVALUATION or POLICY@EVALUATION"), "none"),
            "The curve that it is compared with, for `above`, `within` and `faster`."),
        .key(
            "episode", \.episode, .optional(.integer(1...1_000_000), "end"),
            "The value of a curve is the mean of the ten episodes that end with this one; for `faster` the mean up to it."
        ),
        .key(
            "measure", \.measure, .choice,
            "`return`: of an episode. `share`: of the optimum. `score`: (r - random) / (source - random), of policies of "
                + "the same evaluation. Of attention: what is on `earlier_episodes`, on rows that show `rewards`, on "
                + "`episode_starts`."),
        .key("value", \.value, .number(-1e9, 1e9), "What is compared with, in units of the measure."),
        .key("paper", \.paper, .text("text"), "The paper's own figure, as people read it."),
        .key("best", \.best, .text("text"), "The best figure of others since, as people read it."),
    ]

    package func contradictions() -> [Contradiction] {
        var found: [Contradiction] = []
        if kind.comparesCurves, than == nil {
            found.append(Contradiction(["than", "kind"], "a claim of kind \(kind.rawValue) compares two curves"))
        }
        if !kind.comparesCurves, than != nil {
            found.append(Contradiction(["than", "kind"], "a claim of kind \(kind.rawValue) is about one curve"))
        }
        if (kind == .attends) != measure.isOfAttention {
            found.append(
                Contradiction(["measure", "kind"], "a claim of kind attends, and no other, is about attention"))
        }
        return found
    }
}

extension ValueForm where Value == String {
    /// Part of a file's line and of a link.
    fileprivate static var claimName: ValueForm {
        .text("a name of 1 to 40 ASCII letters, digits, '-' and '_'") { name in
            let accepted = name.utf8.allSatisfy { $0 < 128 } && name.allSatisfy(Experiment.isPartOfName)
            return accepted && (1...40).contains(name.count) ? nil : "it names a line of a table"
        }
    }
}

/// What a claim calls a curve: an evaluation of the experiment, and what acted in it.
package struct CurveName: Hashable, Sendable, CustomStringConvertible {
    /// A variant, or a policy that needs no checkpoint; nil for the distilled model of an experiment without variants.
    package let acting: String?
    /// The evaluation's name.
    package let label: String

    /// `test`, or `ed@test`.
    package init(_ text: String) {
        if let at = text.firstIndex(of: "@") {
            acting = String(text[..<at])
            label = String(text[text.index(after: at)...])
        } else {
            acting = nil
            label = text
        }
    }

    package var description: String { acting.map { "\($0)@\(label)" } ?? label }
}

extension Experiment {
    /// Claims about curves that the experiment does not make.
    var claimContradictions: [Contradiction] {
        var names: Set<String> = []
        let listed = Dictionary(listedEvaluations.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return attentionContradictions(listed)
            + claims.flatMap { claim -> [Contradiction] in
                var problems: [String] = []
                if !names.insert(claim.name).inserted { problems.append("it stands there twice") }
                for curve in [claim.curve, claim.than].compactMap({ $0 }).map(CurveName.init) {
                    guard let evaluation = listed[curve.label] else {
                        problems.append("\(curve): there is no evaluation \(curve.label)")
                        continue
                    }
                    problems += [problem(of: curve, in: evaluation), scoreProblem(of: claim, in: evaluation)]
                        .compactMap { $0 }
                    if claim.kind == .attends, attention?.curve != claim.curve {
                        problems.append("\(curve): the section attention is not about it")
                    }
                    if let episode = claim.episode, episode > evaluate.episodes(of: evaluation) {
                        problems.append("\(curve): it has fewer than \(episode) episodes")
                    }
                }
                return problems.map { Contradiction(["claims"], "\(claim.name): \($0)") }
            }
    }

    private func attentionContradictions(_ listed: [String: EvaluationSettings]) -> [Contradiction] {
        guard let attention else { return [] }
        let curve = CurveName(attention.curve)
        guard let evaluation = listed[curve.label] else {
            return [Contradiction(["attention.curve"], "there is no evaluation \(curve.label)")]
        }
        return [problem(of: curve, in: evaluation)].compactMap { $0 }.map { Contradiction(["attention.curve"], $0) }
    }

    private func problem(of curve: CurveName, in evaluation: EvaluationSettings) -> String? {
        let isEvaluated = { (variant: String) in evaluation.variants.isEmpty || evaluation.variants.contains(variant) }
        switch curve.acting {
        case nil: return variants.isEmpty ? nil : "\(curve): expected VARIANT@\(curve.label), there are variants"
        case "source"?: return nil
        case let acting? where variants.contains { $0.name == acting }:
            return isEvaluated(acting) ? nil : "\(curve): \(curve.label) is not an evaluation of the variant \(acting)"
        case let acting?:
            return evaluation.policies.contains(acting)
                ? nil : "\(curve): there is no variant \(acting), and \(curve.label) has no such policy"
        }
    }

    private func scoreProblem(of claim: ClaimSettings, in evaluation: EvaluationSettings) -> String? {
        guard claim.measure == .score, !Set(evaluation.policies).isSuperset(of: ["source", "random"]) else {
            return nil
        }
        return "a score needs the policies source and random in \(evaluation.name)"
    }
}
