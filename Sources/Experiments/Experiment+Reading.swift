import Yams

extension Experiment {
    /// Reads the experiment at `path`. An override is KEY=VALUE, for example `collect.actors=100`; it is refused by the
    /// same rules as the file. Throws `ExperimentError` with everything that is wrong.
    package init(path: String, overrides: [String] = []) throws(ExperimentError) {
        try self.init(yaml: try ExperimentFile.text(at: path), file: path, overrides: overrides)
    }

    /// `file` is what to call the text in errors.
    package init(yaml: String, file: String, overrides: [String] = []) throws(ExperimentError) {
        var reader = SchemaReader(entries: Experiment.entries, initial: Experiment())
        reader.read(try Experiment.compose(yaml, file: file), file: file)
        for assignment in overrides { reader.override(assignment, flag: "--set \(assignment)") }
        guard reader.problems.isEmpty else { throw ExperimentError(reader.problems) }
        let impossible = reader.root.contradictions.map { contradiction in
            Problem(
                origin: contradiction.keys.lazy.compactMap { reader.origins[$0] }.first,
                key: contradiction.keys.joined(separator: " and "), message: contradiction.message)
        }
        guard impossible.isEmpty else { throw ExperimentError(impossible) }
        self = reader.root
    }

    /// The resolved experiment: every key with its value. Reading it gives an equal value.
    package var yaml: String {
        SchemaWriter(entries: Experiment.entries).yaml(self)
    }

    /// Every key's path with its value as it stands in YAML, in the order of the file.
    package var settings: [(key: String, value: String)] {
        SchemaWriter(entries: Experiment.entries).settings(self)
    }

    /// The keys that have another value in `other`, in words: `collect.actors is 4, not 8`. What one of them does not
    /// have at all is `absent` there.
    package func differences(from other: Experiment) -> [String] {
        let (own, others) = (settings, other.settings)
        let values = Dictionary(uniqueKeysWithValues: others.map { ($0.key, $0.value) })
        let keys = Set(own.map(\.key))
        let changed = own.filter { values[$0.key] != $0.value }.map {
            "\($0.key) is \($0.value), not \(values[$0.key] ?? "absent")"
        }
        return changed + others.filter { !keys.contains($0.key) }.map { "\($0.key) is absent, not \($0.value)" }
    }

    /// The text of docs/experiments.md.
    package static var documentation: String {
        documentationHead + SchemaWriter(entries: entries).markdown(defaults: Experiment())
    }

    private static func compose(_ yaml: String, file: String) throws(ExperimentError) -> Node {
        if let (line, message) = YAMLBounds.excess(in: yaml) {
            throw ExperimentError([Problem(origin: .file(file, line: line), key: "", message: message)])
        }
        do {
            if let node = try Yams.compose(yaml: yaml) { return node }
            throw ExperimentError([Problem(origin: .file(file, line: 1), key: "", message: "the file is empty")])
        } catch let error as ExperimentError {
            throw error
        } catch {
            throw ExperimentError([problem(of: error, file: file)])
        }
    }

    private static func problem(of error: any Error, file: String) -> Problem {
        func at(_ line: Int, _ message: String) -> Problem {
            Problem(origin: .file(file, line: line), key: "", message: message)
        }
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return at(mark.line, "not valid YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            return at(context.mark.line, "given twice: \(duplicates.joined(separator: ", "))")
        default:
            return at(1, "not valid YAML: \(error)")
        }
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

    This page is made from the program's own list of keys; a test compares the two.

    """
