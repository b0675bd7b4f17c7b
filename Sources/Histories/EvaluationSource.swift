import FoundationEssentials

/// What acts in the streams of an evaluation: their attribute `source_json`.
///
/// An evaluator sends it in `OpenStreams`, the recorder writes it, and `StreamMetadata.key` reads the evaluation's name
/// from it.
package struct EvaluationSource: Hashable, Sendable, Codable {
    /// The evaluation's name, which the key of its random numbers holds.
    package var evaluation: String
    /// Name of the checkpoint that acts: `step-00020000`.
    package var checkpoint: String
    /// Of the softmax that actions are drawn from; 0 for the most likely action.
    package var temperature: Double
    /// The control: every episode begins with an empty context.
    package var clearContext: Bool

    /// Nothing is checked: the fields are an evaluation job's, which decoding has checked.
    package init(evaluation: String, checkpoint: String, temperature: Double, clearContext: Bool) {
        self.evaluation = evaluation
        self.checkpoint = checkpoint
        self.temperature = temperature
        self.clearContext = clearContext
    }

    /// The names that stand in files.
    private enum CodingKeys: String, CodingKey {
        case evaluation, checkpoint, temperature
        case clearContext = "clear_context"
    }

    /// Longest text that is read, in bytes.
    package static let longestBytes = 4096

    /// Reads what `json` gives. Throws `EvaluationSourceError` on anything else.
    package init(json: String) throws(EvaluationSourceError) {
        guard json.utf8.count <= Self.longestBytes,
            let source = try? JSONDecoder().decode(Self.self, from: Data(json.utf8))
        else { throw EvaluationSourceError(found: json) }
        self = source
    }

    /// With sorted keys: the same text for the same source.
    package var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Its one failure is a temperature that is not finite, and no job has one.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

/// A text that does not say what acts in an evaluation.
package struct EvaluationSourceError: Error, CustomStringConvertible {
    /// As it came; at most 80 characters of it are told.
    let found: String

    package var description: String {
        "what acts in an evaluation: expected JSON as in {\"checkpoint\":\"step-00020000\",\"clear_context\":false,"
            + "\"evaluation\":\"step-00020000-test\",\"temperature\":1}, found \(String(found.prefix(80)).debugDescription)"
    }
}
