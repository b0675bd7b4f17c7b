import Experiments
import Foundation
import Settings
import Testing

@Suite("What an experiment refuses")
struct RefusalTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let yaml: String
        /// Parts that the one error must have.
        let expected: [String]
        var testDescription: String { expected[0] }
    }

    static let cases = [
        Case(
            yaml: "name: a\ncollect:\n  actrs: 3",
            expected: ["x.yaml:3: collect.actrs", "no such key", "did you mean 'actors'?", "Accepted here: actors, "]),
        Case(yaml: "name: a\n\nenviroment: {}", expected: ["x.yaml:3: enviroment", "did you mean 'environment'?"]),
        Case(
            yaml: "name: a\ncollect: {actors: many}",
            expected: ["x.yaml:2: collect.actors", "expected integer, 1 to 100000; 'many' came"]),
        Case(yaml: "name: a\ncollect:\n  actors: 0", expected: ["x.yaml:3: collect.actors", "0 came (out of range)"]),
        Case(yaml: "name: a\ncollect:\n  actors: 2.5", expected: ["x.yaml:3: collect.actors", "'2.5' came"]),
        Case(yaml: "name: a\ncollect:\n  actors: \"5\"", expected: ["x.yaml:3", "the quoted text \"5\" came"]),
        Case(yaml: "name: a\ncollect:\n  actors:", expected: ["x.yaml:3: collect.actors", "nothing came"]),
        Case(
            yaml: "name: a\ncollect: 5", expected: ["x.yaml:2: collect", "expected a section with the keys actors, "]),
        Case(yaml: "name: a\nsource: {hidden: 5}", expected: ["x.yaml:2: source.hidden", "expected list of 1 to 8"]),
        Case(yaml: "name: a\nsource: {hidden: []}", expected: ["source.hidden", "a list of 0 came"]),
        Case(yaml: "name: a\nsource: {discount: 1.1}", expected: ["source.discount", "number, 0 to 1", "1.1 came"]),
        Case(yaml: "name: a\nsource: {discount: .nan}", expected: ["source.discount", "'.nan' came"]),
        Case(yaml: "name: a\nsource: {algorithm: sarsa}", expected: ["source.algorithm", "a3c", "; 'sarsa' came"]),
        Case(
            yaml: "name: a\nenvironment: {name: light-room, size: 3}",
            expected: ["environment.name", "'light-room' came"]),
        Case(
            yaml: "name: a\ncollect: {synchronization: async}",
            expected: ["collect.synchronization", "one of asynchronous, lockstep"]),
        Case(yaml: "name: a\ncollect: {elastic: yes}", expected: ["collect.elastic", "true or false; 'yes' came"]),
        Case(yaml: "name: a/b", expected: ["x.yaml:1: name", "'a/b' came (it names a folder)"]),
        Case(yaml: "seed: 1", expected: ["x.yaml:1: name", "this key is missing"]),
        Case(yaml: "", expected: ["x.yaml:1", "the file is empty"]),
        Case(yaml: "name: a\nname: b", expected: ["x.yaml:1", "given twice: name"]),
        Case(yaml: "name: a\ncollect: {actors: 5", expected: ["x.yaml:", "not valid YAML"]),
        Case(yaml: "- a\n- b", expected: ["x.yaml:1", "expected a section", "a list came"]),
        Case(
            yaml: "name: a\ncluster: {bind: localhost}",
            expected: ["cluster.bind", "'localhost' came (it has to be tcp://ADDRESS:PORT)"]),
        // What is possible alone and impossible together.
        Case(
            yaml: "name: a\ncollect:\n  synchronization: lockstep\n  elastic: true",
            expected: ["x.yaml:4: collect.elastic and collect.synchronization", "lockstep waits for every actor"]),
        Case(
            yaml: "name: a\ncollect: {end: {episodes_per_actor: 40}}\ndistil:\n  windows: {every_episodes: 10}",
            expected: [
                "distil.model.context_length and distil.windows.every_episodes", "longer than any lifetime", "are 80",
            ]),
        Case(
            yaml: "name: a\nenvironment: {size: 3}\ntasks: {test: 9}",
            expected: ["x.yaml:3: tasks.test and environment", "at least one must be left"]),
        Case(
            yaml: "name: a\ntasks: {train: 66}",
            expected: ["x.yaml:2: tasks.train and tasks.test", "65 of 81 are left after 16"]),
        Case(yaml: "name: a\ncollect: {record_actors: 101}", expected: ["x.yaml:2", "a lifetime has 100"]),
        Case(
            yaml: "name: a\ncluster: {actors_per_process: 10}",
            expected: ["x.yaml:2: cluster.actors_per_process", "carry 20, fewer than the 100 of one lifetime"]),
        Case(yaml: "name: a\ndistil: {model: {heads: 5}}", expected: ["distil.model.heads", "do not divide 64"]),
        Case(
            yaml: "name: a\ndistil: {training: {peak_learning_rate: 1e-9}}",
            expected: ["distil.training.peak_learning_rate", "below the start 2e-06"]),
        Case(
            yaml: "name: a\ncollect: {end: {episodes_per_actor: 10, converged: {window: 11}}}",
            expected: ["x.yaml:2: collect.end.converged.window", "never reached in a lifetime of 10"]),
    ]

    @Test("an error names file, line, key, what came and what is accepted", arguments: cases)
    func refusal(_ refused: Case) throws {
        let error = try #require(throws: SettingsError.self) { try Experiment(yaml: refused.yaml, file: "x.yaml") }
        for part in refused.expected { #expect(error.description.contains(part), "\(error)") }
    }

    @Test("everything that is wrong is told at once")
    func severalProblems() throws {
        let error = try #require(throws: SettingsError.self) {
            try Experiment(yaml: "name: a\nseed: x\ncollect:\n  actrs: 3\n  lifetimes: 0", file: "x.yaml")
        }
        #expect(error.problems.map(\.key) == ["seed", "collect.actrs", "collect.lifetimes"])
    }

    @Test(
        "an override is refused by the same rules, and the error names the flag",
        arguments: [
            ("collect.actors=0", "--set collect.actors=0: collect.actors: expected integer, 1 to 100000; 0 came"),
            ("actors=5", "did you mean 'collect.actors'?"),
            ("collect.actros=5", "did you mean 'collect.actors'?"),
            ("collect.actors", "expected KEY=VALUE"),
            ("=5", "expected KEY=VALUE"),
            ("collect.actors=[", "is not valid YAML"),
            ("collect=5", "expected a section with the keys actors"),
            ("collect.actors.more=5", "there is no such key"),
        ])
    func overrides(_ assignment: String, _ expected: String) throws {
        let error = try #require(throws: SettingsError.self) {
            try Experiment(yaml: "name: a", file: "x.yaml", overrides: [assignment])
        }
        #expect(error.description.contains(expected), "\(error)")
    }

    @Test("a contradiction that an override brought in names the flag")
    func contradictingOverride() throws {
        let error = try #require(throws: SettingsError.self) {
            try Experiment(
                yaml: "name: a\ncollect: {synchronization: lockstep}", file: "x.yaml",
                overrides: ["collect.elastic=true"])
        }
        #expect(error.description.hasPrefix("--set collect.elastic=true: collect.elastic and "))
    }

    @Test(
        "states are not taught where streams hold none",
        arguments: ["{name: dark-room}", "{name: watermaze, store: frames}"])
    func stateWeight(environment: String) throws {
        let rest = "\nsource: {algorithm: q-lambda}\ndistil: {training: {state_weight: 0.5}}"
        let error = try #require(throws: SettingsError.self) {
            try Experiment(yaml: "name: a\nenvironment: \(environment)" + rest, file: "x.yaml")
        }
        #expect(error.description.contains("distil.training.state_weight and environment"), "\(error)")
        #expect(error.description.contains("it is 0.5, but streams of"), "\(error)")
        _ = try Experiment(yaml: "name: a\nenvironment: {name: watermaze}" + rest, file: "x.yaml")
    }

    @Test("a missing file is a sentence with its path")
    func missingFile() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("no-such-experiment.yaml").path
        let error = try #require(throws: SettingsError.self) { try Experiment(path: path) }
        #expect(error.description.contains("\(path): there is no such file"))
    }

    /// Ten aliases of ten aliases, `levels` deep: ten to the power of `levels` values.
    private func laughs(_ levels: Int, last: String) -> String {
        let first = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        let others = (1..<levels).map { level in
            "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n"
        }
        return first + others.joined() + last
    }

    @Test(
        "aliases of aliases are refused in a moment, wherever they stand, with the line where they become too many",
        arguments: ["? *a8\n: 1", "name: *a8", "{*a8 : 1}: 2", "- *a8"])
    func aliases(last: String) throws {
        let started = ContinuousClock.now
        let error = try #require(throws: SettingsError.self) {
            try Experiment(yaml: laughs(9, last: last), file: "x.yaml")
        }
        #expect(error.description.hasPrefix("x.yaml:5: with its aliases written out it has more than"), "\(error)")
        #expect(ContinuousClock.now - started < .seconds(1))
    }

    @Test("an alias of one long text, again and again, is refused for its length") func longText() throws {
        let yaml = "a: &a \(String(repeating: "x", count: 500_000))\nb: [*a, *a, *a, *a, *a, *a, *a, *a, *a]"
        let error = try #require(throws: SettingsError.self) { try Experiment(yaml: yaml, file: "x.yaml") }
        #expect(error.description.contains("x.yaml:2: with its aliases written out it is longer"), "\(error)")
    }

    @Test("lists within lists are refused before they are too deep to walk through") func deep() throws {
        let yaml =
            "name: a\nsource: {hidden: \(String(repeating: "[", count: 500))\(String(repeating: "]", count: 500))}"
        let error = try #require(throws: SettingsError.self) { try Experiment(yaml: yaml, file: "x.yaml") }
        #expect(error.description.contains("x.yaml:2: lists and sections are nested more than 64 deep"), "\(error)")
        let flag = try #require(throws: SettingsError.self) {
            try Experiment(
                yaml: "name: a", file: "x.yaml",
                overrides: ["source.hidden=\(String(repeating: "[", count: 500))\(String(repeating: "]", count: 500))"])
        }
        #expect(flag.description.contains("nested more than 64 deep"), "\(flag)")
    }

    @Test("an anchor and its alias are read as what they stand for") func anchors() throws {
        let experiment = try Experiment(
            yaml: "name: a\nsource: {hidden: &sizes [8, 8]}\nseed: &seed 5\ntasks: {split_seed: *seed}", file: "x.yaml")
        #expect(experiment.tasks.splitSeed == 5)
    }

    @Test("a folder, and a file without an end, are no experiments", arguments: ["/tmp", "/dev/zero"])
    func unreadable(path: String) throws {
        let error = try #require(throws: SettingsError.self) { try Experiment(path: path) }
        let reason = path == "/tmp" ? "it is a folder" : "it is longer than"
        #expect(error.description.contains("\(path): \(reason)"), "\(error)")
    }

    @Test("a pipe is read to its end") func pipe() throws {
        let pipe = Pipe()
        pipe.fileHandleForWriting.write(Data("name: piped".utf8))
        try pipe.fileHandleForWriting.close()
        let path = "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)"
        #expect(try Experiment(path: path).name == "piped")
    }
}
