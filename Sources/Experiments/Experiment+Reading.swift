import Environments
package import Settings
import Yams

extension Experiment {
    /// Reads the experiment at `path` with the file that it extends. `size` is one of those that it names; an override is
    /// KEY=VALUE, for example `collect.actors=100`, and is refused by the same rules as the file. Throws `SettingsError`
    /// with everything that is wrong. An environment in another process whose description the file lacks is asked for it.
    package init(path: String, size: String? = nil, overrides: [String] = []) throws(SettingsError) {
        try self.init(try ExperimentLayers.tree(path: path), size: size, overrides: overrides, asksEnvironment: true)
    }

    /// Reads an experiment from text that is already in memory: a coordinator's message, a checkpoint, a test. `file`
    /// is what to call the text in errors. All problems of the text, of the overrides and between settings are gathered
    /// into the one `SettingsError` that is thrown, except where the text is not YAML at all. A text extends no file.
    package init(yaml: String, file: String, overrides: [String] = []) throws(SettingsError) {
        try self.init(try SettingNode(yaml: yaml, file: file), size: nil, overrides: overrides)
    }

    private init(
        _ given: SettingNode, size: String?, overrides: [String], asksEnvironment: Bool = false
    ) throws(SettingsError) {
        var tree = given
        try ExperimentLayers.choose(size, in: &tree)
        var reader = SettingsReader(Self.schema, initial: Experiment())
        for assignment in overrides {
            let origin = Origin.flag("--set \(assignment)")
            do {
                let (path, value) = try Self.override(assignment, origin)
                reader.override(path, with: value, in: &tree)
            } catch {
                reader.report(origin, error.key, error.message)
            }
        }
        reader.read(tree)
        if asksEnvironment { reader.complete("environment") { $0.environment = try $0.environment.completed() } }
        self = try reader.result { $0.contradictions() }
    }

    /// Why an override is refused, before it has a place among the problems.
    struct Refusal: Error {
        let key: String
        let message: String
    }

    /// The path and the value of KEY=VALUE, whose value is YAML. The first `=` divides them, so a value may contain
    /// others. The value obeys `YAMLBounds` like a file's text. An empty value reads as an empty scalar.
    static func override(
        _ assignment: String, _ origin: Origin
    ) throws(Refusal) -> (path: String, value: SettingNode) {
        guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
            throw Refusal(key: "", message: "expected KEY=VALUE, for example collect.actors=100")
        }
        let path = String(assignment[..<equals])
        let text = String(assignment[assignment.index(after: equals)...])
        if let excess = YAMLBounds.excess(in: text) { throw Refusal(key: path, message: excess.message) }
        do {
            return (path, SettingNode(try Yams.compose(yaml: text) ?? Node("")) { _ in origin })
        } catch {
            throw Refusal(key: path, message: "'\(text)' is not valid YAML")
        }
    }

    /// Every key of every section, from which reading, writing and documentation are made. Made once and shared by all
    /// threads: it is a constant of the declared entries.
    static let schema = Schema(Experiment.entries)

    /// The resolved experiment: every key with its value. Reading it gives an equal value. This text travels to every
    /// node in its `Welcome`, and two experiments are the same when their texts are equal.
    package var yaml: String { Self.schema.yaml(self) }

    /// Every key's path with its value as it stands in YAML, in the order of the file.
    package var settings: [(key: String, value: String)] {
        Self.schema.values(of: self).map { ($0.key, $0.value.yaml) }
    }

    /// The keys that have another value in `other`, in words: `collect.actors is 4, not 8`. What one of them does not
    /// have at all is `absent` there. Keys of this experiment come first, in the order of the file, then those that
    /// only `other` has: another kind of environment, source algorithm or model brings keys of its own.
    package func differences(from other: Experiment) -> [String] { differences(from: other) { _ in true } }

    /// As `differences`, of the keys that decide on what is collected.
    package func collectingDifferences(from other: Experiment) -> [String] {
        let sections = ["environment.", "tasks.", "source.", "collect."]
        return differences(from: other) { key in key == "seed" || sections.contains { key.hasPrefix($0) } }
    }

    /// As `differences`, of what a run has done already and cannot do otherwise any more: what is claimed and shown is told
    /// of what there is, and evaluations can be added.
    package func workingDifferences(from other: Experiment) -> [String] {
        differences(from: other) { key in
            key != "claims" && key != "evaluations" && !key.hasPrefix("attention") && !key.hasPrefix("evaluate.")
        }
    }

    /// Names of evaluations that both have, and that are not the same in both.
    package func changedEvaluations(since other: Experiment) -> [String] {
        func resolved(_ experiment: Experiment) -> [String: EvaluationSettings] {
            Dictionary(
                experiment.listedEvaluations.map { ($0.name, experiment.evaluate.resolved($0)) },
                uniquingKeysWith: { first, _ in first })
        }
        let others = resolved(other)
        return resolved(self).filter { name, settings in others[name].map { $0 != settings } ?? false }.map(\.key)
            .sorted()
    }

    private func differences(from other: Experiment, in counted: (String) -> Bool) -> [String] {
        let (own, others) = (settings.filter { counted($0.key) }, other.settings.filter { counted($0.key) })
        let values = Dictionary(uniqueKeysWithValues: others.map { ($0.key, $0.value) })
        let keys = Set(own.map(\.key))
        let changed = own.filter { values[$0.key] != $0.value }.map {
            "\($0.key) is \($0.value), not \(values[$0.key] ?? "absent")"
        }
        return changed + others.filter { !keys.contains($0.key) }.map { "\($0.key) is absent, not \($0.value)" }
    }

    /// The text of docs/experiments.md. The defaults in its tables are those of `Experiment()`, so they cannot drift
    /// from the program.
    package static var documentation: String {
        documentationHead + schema.markdown(defaults: Experiment()) + variantsChapter + evaluationsChapter
            + Schema(EvaluationSettings.entries).markdown(defaults: EvaluationSettings(), below: "evaluations")
            + claimsChapter
            + Schema(ClaimSettings.entries).markdown(defaults: ClaimSettings())
    }
}

private let documentationHead = """
    # Experiment files

    An experiment is one YAML file: what is collected, distilled and evaluated. `distillery run EXPERIMENT.yaml` does all
    of it. Every key but `name` may be left out; the table says what it is then. A key that is not listed here, a value
    of the wrong type or out of range and a combination that cannot work are refused before anything starts, with the
    file, the line, the key and what is accepted.

    `--set KEY=VALUE` overrides one key from the command line, by its path: `--set collect.actors=200`,
    `--set source.hidden='[64, 64]'`, `--set collect.end.converged.window=10`. The complete experiment, with every
    default written out, is kept in the run as `experiment.yaml` and can be run again.

    Two keys put an experiment together before the others are read. `extends: FILE` takes over all keys of another
    experiment but `name` and `claims`; the path is relative to the file that says so, and what that file gives itself
    stands over it (a list takes the place of the other's list). `sizes` names sets of keys, of which `--size NAME` puts
    one over all: an experiment for a laptop and for a cluster in one file. The run is then called `NAME-SIZE`. For example:

    ```yaml
    name: short-context
    extends: dark-room.yaml
    distil:
      model: {context_length: 20}
    sizes:
      paper:
        evaluate: {episodes: 1000, seeds: 20}
    ```

    `distillery run FILE --histories RUN` takes over the sealed histories of another run instead of collecting them, where
    `seed`, `environment`, `tasks`, `source` and `collect` are the same in both.

    This page is made from the program's own list of keys; a test compares the two.

    """

private let variantsChapter = """

    ## `variants`

    What is distilled beside each other from the same histories: a list, each element a `name` of at most 20 letters,
    digits, '-' and '_', and the keys of `distil` that it changes. Each variant is trained `distil.seeds` times; each of
    these trainings is leased to a distiller by itself, has its checkpoints in `checkpoints/distiller/NAME` (`NAME-seed-N`
    where there are several seeds), and is evaluated by itself. For example:

    ```yaml
    variants:
      - name: ad
      - name: short
        model: {context_length: 20}
      - name: slow
        training:
          peak_learning_rate: 0.0001
    ```

    """

private let evaluationsChapter = """

    ## `evaluations`

    What is evaluated, by name, in place of what `evaluate` says: a list, each element with the keys of this table. For
    example:

    ```yaml
    evaluations:
      - name: held-out
        policies: [distilled, source, random]
      - {name: cleared, context: cleared, variants: [ad], episodes: 50}
      - {name: trained, tasks: train, limit: 8}
      - {name: prompted, prompt: {quality: 0.25, transitions: 100}}
    ```

    On `trials` of another environment the policy `rl2` is what the lifetime has learnt, with frozen parameters, and needs
    no distillation (`distil.seeds: 0`). An evaluation of more episodes than a trial has is of several trials in a row, of
    one task; `tasks: drawn` are those that trials are drawn from. `distillery report RUN --beside RL2-RUN` draws what it
    comes to into the report of another run on the same tasks.

    """

private let claimsChapter = """

    ## `claims`

    What the report judges: a list, each element with the keys of this table. The verdict is `holds` or `fails` where the
    95 % interval lies on one side of what is claimed, otherwise `likely` or `unlikely` by the side of the mean; a bootstrap
    draws trainings, tasks and seeds, the same tasks for both curves. The value of a curve is the mean of its last ten
    episodes, or of the ten that end with `episode`, or of a whole life where that is one episode; in trials of several
    episodes it is that of the last one, or of `episode` alone. They stand in RUN/report.html and RUN/report/claims.json. For
    example:

    ```yaml
    claims:
      - {name: learns, says: The return rises in context., kind: rises, curve: ad@test, value: 5}
      - {name: beats-ed, says: ED stays below., kind: above, curve: ad@test, than: ed@test}
      - {name: at-100, kind: reaches, curve: ad@test, episode: 100, measure: share, value: 0.92, paper: "0.27"}
    ```

    """
