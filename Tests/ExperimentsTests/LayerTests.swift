import Agents
import Environments
import Experiments
import Foundation
import Models
import Settings
import Testing

@Suite("Experiments that extend others, and their sizes")
struct LayerTests {
    /// Files of these names and texts in a folder of their own; reads one of them.
    private func read(
        _ files: [String: String], _ name: String, size: String? = nil, overrides: [String] = []
    ) throws -> Experiment {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("layers-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            let file = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        return try Experiment(
            path: folder.appendingPathComponent(name).path, size: size, overrides: overrides)
    }

    private static let base = """
        name: base
        tasks: {test: 8, train: 10}
        distil:
          model: {context_length: 40, layers: 2}
        variants: [{name: one}, {name: two}]
        claims: [{name: old, kind: reaches, curve: one@test, value: 1}]
        sizes:
          paper: {tasks: {train: 20}, distil: {model: {layers: 4}}}
        """
    private static let child = """
        name: child
        extends: ../base.yaml
        distil:
          model: {context_length: 60}
        variants: [{name: three}]
        sizes:
          paper: {evaluate: {seeds: 20}}
          tiny: {tasks: {train: 1}, evaluate: {train_tasks: 1}}
        """

    @Test("a file's own keys stand over those of the file that it extends; names and claims are its own")
    func extending() throws {
        let files = ["base.yaml": Self.base, "in/child.yaml": Self.child]
        let experiment = try read(files, "in/child.yaml")
        #expect(experiment.name == "child" && experiment.claims.isEmpty)
        #expect(experiment.tasks.test == 8 && experiment.tasks.train == 10)
        #expect(experiment.distil.model.dimensions.contextLength == 60)
        #expect(experiment.variants.map(\.name) == ["three"])
        // What is kept of it is whole.
        #expect(try Experiment(yaml: experiment.yaml, file: "again.yaml") == experiment)
    }

    @Test("a file that picks another kind takes over nothing of the kind before") func kinds() throws {
        let base = """
            name: base
            environment: {name: dark-room-hard, size: 11, horizon: 30}
            source: {learning_rate: 0.01, rollout_length: 10}
            """
        let same =
            "name: a\nextends: base.yaml\nenvironment: {name: dark-room-hard, size: 13}\nsource: {algorithm: a3c}"
        let kept = try read(["base.yaml": base, "a.yaml": same], "a.yaml")
        #expect(kept.environment.settings.json(.all) == #"{"horizon":30,"size":13}"#)
        #expect(kept.source.settings.json(.all).contains(#""learning_rate":0.01"#))
        let other = "name: a\nextends: base.yaml\nenvironment: {name: adversarial-bandit}\nsource: {algorithm: ucb}"
        let bandit = try read(["base.yaml": base, "a.yaml": other], "a.yaml")
        #expect(bandit.environment.kind.name == "adversarial-bandit" && bandit.source.name == "ucb")
    }

    @Test("a size is put over all, those of both files together, and is part of the name") func sizes() throws {
        let files = ["base.yaml": Self.base, "in/child.yaml": Self.child]
        let paper = try read(files, "in/child.yaml", size: "paper", overrides: ["tasks.test=9"])
        #expect(paper.name == "child-paper")
        #expect(paper.tasks.train == 20 && paper.evaluate.seeds == 20 && paper.tasks.test == 9)
        #expect(paper.distil.model.dimensions.contextLength == 60)
        #expect(try read(files, "in/child.yaml", size: "tiny").tasks.train == 1)
    }

    @Test("a size that there is not is refused with those that there are")
    func unknownSize() throws {
        let error = try #require(throws: SettingsError.self) {
            try read(["a.yaml": Self.base], "a.yaml", size: "huge")
        }
        #expect(error.description == "--size huge: there is no such size; expected paper")
        let without = try #require(throws: SettingsError.self) { try read(["a.yaml": "name: a"], "a.yaml", size: "b") }
        #expect(without.description.contains("this experiment has no sizes"))
    }

    @Test("an error of the extended file names that file and its line; circles and texts without a file are refused")
    func refusals() throws {
        let wrong = try #require(throws: SettingsError.self) {
            try read(["base.yaml": "name: base\nseed: many", "a.yaml": "name: a\nextends: base.yaml"], "a.yaml")
        }
        #expect(wrong.description.contains("base.yaml:2: seed"))
        let circle = try #require(throws: SettingsError.self) {
            try read(["a.yaml": "name: a\nextends: b.yaml", "b.yaml": "name: b\nextends: a.yaml"], "a.yaml")
        }
        #expect(circle.description.contains("is extended by itself"))
        let missing = try #require(throws: SettingsError.self) {
            try read(["a.yaml": "name: a\nextends: none.yaml"], "a.yaml")
        }
        #expect(missing.description.contains("there is no such file"))
        #expect(throws: SettingsError.self) { try Experiment(yaml: "name: a\nextends: b.yaml", file: "text") }
    }

    @Test(
        "a claim about a curve that the experiment does not make is refused",
        arguments: [
            ("{name: a, kind: reaches, curve: ad@nowhere}", "there is no evaluation nowhere"),
            ("{name: a, kind: reaches, curve: test}", "expected VARIANT@test"),
            ("{name: a, kind: reaches, curve: ed@test}", "there is no variant ed, and test has no such policy"),
            ("{name: a, kind: above, curve: ad@test}", "compares two curves"),
            ("{name: a, kind: reaches, curve: ad@test, than: ad@test}", "is about one curve"),
            ("{name: a, kind: reaches, curve: ad@test, episode: 41}", "fewer than 41 episodes"),
            ("{name: a, kind: reaches, curve: ad@test, measure: score}", "needs the policies source and random"),
            ("{name: a, kind: attends, curve: ad@test, measure: rewards}", "the section attention is not about it"),
            ("{name: a, kind: attends, curve: ad@test}", "and no other, is about attention"),
            ("{name: a, kind: reaches, curve: ad@test}, {name: a, kind: flat, curve: ad@test}", "stands there twice"),
        ])
    func claims(_ claim: String, _ problem: String) throws {
        let error = try #require(throws: SettingsError.self) {
            try Experiment(
                yaml: "name: a\nvariants: [{name: ad}]\nevaluate: {episodes: 40}\nclaims: [\(claim)]", file: "a.yaml")
        }
        #expect(error.description.contains(problem), "\(error)")
    }
}
