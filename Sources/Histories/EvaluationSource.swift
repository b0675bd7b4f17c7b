package import Experience
import FoundationEssentials

/// What acts in the streams of an evaluation: their attribute `source_json`.
///
/// An evaluator sends it in `OpenStreams`, the recorder writes it, and `StreamMetadata.key` reads the evaluation's name
/// from it. The distilled model without a prompt is said as it was before there were other policies:
///
///     {"checkpoint":"step-00020000","clear_context":false,"evaluation":"step-00020000-test","temperature":1}
///     {"evaluation":"random-test","policy":"random","settings":{}}
package struct EvaluationSource: Hashable, Sendable {
    /// The evaluation's name, which the key of its random numbers holds.
    package var evaluation: String
    /// Name of the checkpoint that acts: `step-00020000`; nil for a policy that needs none.
    package var checkpoint: String?
    /// What acts.
    package var policy: PolicyDescription

    /// Nothing is checked: the fields are an evaluation job's, which decoding has checked.
    package init(evaluation: String, checkpoint: String?, policy: PolicyDescription) {
        self.evaluation = evaluation
        self.checkpoint = checkpoint
        self.policy = policy
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
        // It fails for a temperature that is not finite and for settings that are no JSON, and no job has either.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

extension EvaluationSource: Codable {
    private enum CodingKeys: String, CodingKey {
        case evaluation, checkpoint, temperature, policy, settings
        case clearContext = "clear_context"
    }

    package init(from decoder: any Decoder) throws {
        let found = try decoder.container(keyedBy: CodingKeys.self)
        evaluation = try found.decode(String.self, forKey: .evaluation)
        if let name = try found.decodeIfPresent(String.self, forKey: .policy) {
            checkpoint = try found.decodeIfPresent(String.self, forKey: .checkpoint)
            policy = .named(name, settings: try found.decode(JSONObject.self, forKey: .settings).text)
        } else {
            checkpoint = try found.decode(String.self, forKey: .checkpoint)
            policy = .inContext(
                temperature: try found.decode(Double.self, forKey: .temperature),
                clearContext: try found.decode(Bool.self, forKey: .clearContext))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(evaluation, forKey: .evaluation)
        try container.encodeIfPresent(checkpoint, forKey: .checkpoint)
        switch policy {
        case .inContext(let temperature, let clearContext):
            try container.encode(temperature, forKey: .temperature)
            try container.encode(clearContext, forKey: .clearContext)
        case .named(let name, let settings):
            try container.encode(name, forKey: .policy)
            try container.encode(JSONObject(settings), forKey: .settings)
        }
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
