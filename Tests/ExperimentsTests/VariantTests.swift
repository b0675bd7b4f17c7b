import Distillation
import Environments
import Experience
import Experiments
import Foundation
import Models
import Settings
import Testing

@Suite("Variants and named evaluations of an experiment")
struct VariantTests {
    private static let yaml = """
        name: plan
        tasks: {train: 10, test: 8}
        distil:
          seeds: 2
          training: {seed: 7, steps: 100}
          model: {context_length: 40}
        variants:
          - name: ad
          - name: short
            model: {context_length: 20}
            training: {steps: 50}
        evaluate: {seeds: 3, episodes: 30}
        evaluations:
          - name: held-out
          - name: cleared
            context: cleared
            variants: [ad]
            episodes: 5
          - {name: trained, tasks: train, limit: 4, seeds: 1, policies: [distilled, random], temperature: 0.5}
        """

    @Test("every variant is trained with every seed, and differs in what it says alone") func distillations() throws {
        let experiment = try Experiment(yaml: Self.yaml, file: "plan.yaml")
        let planned = try experiment.distillations()
        #expect(planned.map(\.name) == ["ad-seed-0", "short-seed-0", "ad-seed-1", "short-seed-1"])
        #expect(planned.map(\.seed) == [7, 7, 8, 8])
        #expect(planned.map(\.settings.model.dimensions.contextLength) == [40, 20, 40, 20])
        #expect(planned.map(\.settings.training.steps) == [100, 50, 100, 50])
        #expect(experiment.distillation(of: "short-seed-1/step-00000050") == planned[3])
        #expect(experiment.distillation(of: "step-00000050") == nil)
        let alone = experiment.distilling(planned[3])
        #expect(try alone.distillations().map(\.name) == [""])
        #expect(try alone.distillations()[0].settings.training == planned[3].settings.training)
    }

    @Test("evaluations are made of each checkpoint whose variant they are of, and of policies without one")
    func evaluations() throws {
        let experiment = try Experiment(yaml: Self.yaml, file: "plan.yaml")
        let tasks = try experiment.makeTasks()
        let ad = try experiment.evaluations(of: "ad-seed-0/step-00000100", variant: "ad", tasks: tasks)
        let held = "ad-seed-0-step-00000100"
        #expect(ad.map(\.name) == ["\(held)-held-out", "\(held)-cleared", "\(held)-trained"])
        #expect(
            ad.map(\.tasks.count) == [8, 8, 4] && ad.map(\.episodes) == [30, 5, 30] && ad.map(\.seeds) == [3, 3, 1])
        #expect(ad[2].policy.described == .inContext(temperature: 0.5, clearContext: false))
        #expect(ad[1].policy.described == .inContext(temperature: 1, clearContext: true))
        let short = try experiment.evaluations(of: "short-seed-0/step-00000050", variant: "short", tasks: tasks)
        #expect(short.map(\.label) == ["held-out", "trained"])
        let baselines = try experiment.baselineEvaluations(tasks: tasks)
        #expect(baselines.map(\.name) == ["random-trained"] && baselines[0].checkpoint == nil)
        #expect(Set(ad[2].tasks).isSubset(of: experiment.trainTasks(of: tasks)))
        #expect(experiment.size(ofEvaluation: "\(held)-trained") == (seeds: 1, episodes: 30))
        #expect(experiment.size(ofEvaluation: "\(held)-cleared") == (seeds: 3, episodes: 5))
    }

    @Test("without a list, what `evaluate` says is evaluated under the names that it always had") func section() throws
    {
        let experiment = try Experiment(
            yaml: "{name: old, tasks: {test: 8}, evaluate: {train_tasks: 3, baselines: [random]}}", file: "old.yaml")
        let tasks = try experiment.makeTasks()
        let names = try experiment.evaluations(of: "step-00000009", tasks: tasks).map(\.name)
        #expect(names == ["step-00000009-test", "step-00000009-test-cleared", "step-00000009-train"])
        #expect(
            try experiment.baselineEvaluations(tasks: tasks).map(\.name) == ["random-test", "random-train"])
        #expect(try experiment.distillations().map(\.name) == [""])
    }

    @Test("the resolved experiment is read back as it was") func resolved() throws {
        let experiment = try Experiment(yaml: Self.yaml, file: "plan.yaml")
        let again = try Experiment(yaml: experiment.yaml, file: "resolved")
        #expect(again == experiment && again.yaml == experiment.yaml)
        #expect(experiment.yaml.contains("variants:\n  - {name: ad}\n"))
    }

    @Test(
        "what cannot be is refused, with the key and the line or the name",
        arguments: [
            ("variants: [{name: a, windows: {evry: 2}}]", "variant a: windows.evry: there is no such key"),
            ("variants: [{name: a}, {name: a}]", "a stands there twice"),
            ("variants: [{windows: {every_episodes: 2}}]", "a variant without a name"),
            ("variants: [{name: step-1}]", "checkpoints are named so"),
            ("variants: [{name: a, seeds: 3}]", "all variants have those of distil.seeds"),
            ("variants: [{name: a, model: {layers: 0}}]", "variant a: model.layers: expected integer"),
            ("variants: 3", "expected list of at most 64 variants"),
            ("evaluations: [{name: e, episods: 3}]", "plan.yaml:2: evaluations.0.episods: there is no such key"),
            ("evaluations: [{episodes: 3}]", "evaluations.0.name: this key is missing"),
            (
                "evaluations: [{name: e, tasks: mars}]",
                "expected a group of tasks of dark-room (train, test), found mars"
            ),
            ("evaluations: [{name: e, policies: [nobody]}]", "there is no policy nobody"),
            ("evaluations: [{name: e, variants: [x]}]", "there is no variant x"),
            ("evaluations: [{name: e}, {name: e}]", "e: name: it stands there twice"),
            (
                "variants: [{name: a, model: {context_length: 5000}}]\ncollect: {end: {episodes_per_actor: 10}}",
                "of variant a is longer than any lifetime"
            ),
        ])
    func refusals(line: String, message: String) throws {
        let error = #expect(throws: SettingsError.self) {
            try Experiment(yaml: "name: plan\n" + line, file: "plan.yaml")
        }
        #expect("\(String(describing: error))".contains(message), "\(String(describing: error))")
    }

    @Test(
        "evaluations, claims and what is shown may be others when a run goes on; one that is another by its settings is told"
    )
    func resuming() throws {
        let before = try Experiment(yaml: Self.yaml, file: "plan.yaml")
        func after(_ changes: String...) throws -> Experiment {
            try Experiment(yaml: Self.yaml, file: "plan.yaml", overrides: changes)
        }
        let more = try after(
            "evaluations=[{name: held-out}, {name: sharp, temperature: 0.5}]",
            "claims=[{name: a, kind: reaches, curve: ad@sharp}]")
        #expect(before.workingDifferences(from: more).isEmpty && more.changedEvaluations(since: before).isEmpty)
        let other = try after("evaluations=[{name: held-out, limit: 2}]")
        #expect(other.changedEvaluations(since: before) == ["held-out"])
        // `cleared` has episodes of its own, and `trained` seeds and a temperature.
        #expect(try after("evaluate.episodes=31").changedEvaluations(since: before) == ["held-out", "trained"])
        #expect(try after("evaluate.temperature=0.9").changedEvaluations(since: before) == ["cleared", "held-out"])
        #expect(before.workingDifferences(from: try after("distil.seeds=3")) == ["distil.seeds is 2, not 3"])
    }

    private static let trials = """
        name: rl2
        environment: {name: trials, of: {name: dark-room, size: 5, horizon: 10}, episodes: 4}
        tasks: {test: 5}
        source: {lstm: {units: 16, layers: 1}}
        collect: {actors: 2, end: {episodes_per_actor: 40}}
        distil: {seeds: 0}
        evaluate: {episodes: 4, seeds: 2}
        evaluations:
          - {name: test, policies: [rl2, random]}
          - {name: drawn, tasks: drawn, limit: 3, policies: [rl2]}
        """

    @Test("a lifetime on trials leaves a policy, each of several one of its own, and nothing is distilled")
    func learntPolicies() throws {
        for (lifetimes, names) in [(1, ["rl2"]), (2, ["rl2-seed-0", "rl2-seed-1"])] {
            let experiment = try Experiment(
                yaml: Self.trials, file: "x.yaml", overrides: ["collect.lifetimes=\(lifetimes)"])
            let tasks = try experiment.makeTasks()
            let planned = experiment.learntPolicies(of: tasks)
            #expect(planned.map(\.name) == names && planned.map(\.lifetime.repetition) == Array(0..<lifetimes))
            #expect(planned[0].checkpoint(version: 7) == names[0] + "/step-00000007")
            #expect(try experiment.distillations().isEmpty)
            let evaluations = try experiment.allEvaluations(tasks: tasks)
            #expect(evaluations.map(\.name) == names.flatMap { ["\($0)-test", "\($0)-drawn"] } + ["random-test"])
            #expect(evaluations.map(\.tasks.count) == Array(repeating: [5, 3], count: lifetimes).flatMap { $0 } + [5])
            let plan = try ExperimentPlan(experiment, cores: 2)
            #expect(plan.distilSeconds == 0 && plan.keptCheckpoints == 0)
            #expect(plan.evaluationEpisodes == (lifetimes * (5 + 3) + 5) * 2 * 4)
        }
    }

    @Test("rl2 without trials, with a variant of its name, and a distilled model that nothing distils are refused")
    func learntRefusals() throws {
        func refusal(_ yaml: String) -> String {
            let error = #expect(throws: (any Error).self) { try Experiment(yaml: yaml, file: "x.yaml") }
            return "\(error.map { "\($0)" } ?? "")"
        }
        let room = Self.trials.replacingOccurrences(
            of: "environment: {name: trials, of: {name: dark-room, size: 5, horizon: 10}, episodes: 4}",
            with: "environment: {name: dark-room, size: 5, horizon: 10}"
        ).replacingOccurrences(of: "tasks: drawn", with: "tasks: train")
        #expect(refusal(room).contains("expected the environment trials"))
        #expect(refusal(Self.trials + "\nvariants: [{name: rl2}]").contains("rl2 is a variant and a policy"))
        let distilled = Self.trials.replacingOccurrences(of: "[rl2, random]", with: "[rl2, distilled]")
        #expect(refusal(distilled).contains("nothing is distilled"))
    }
}
