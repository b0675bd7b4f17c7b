/// What acts in an evaluation, as it travels and as streams remember it: a kind of policy by its name, with its
/// settings. `Distillation` makes the policy of it.
package enum PolicyDescription: Hashable, Sendable {
    /// The distilled model without a prompt whose context slides by one: the one policy that nodes and streams of before know. Its actions are drawn
    /// from a softmax of this temperature, 0 for the most likely action; the control begins every episode with an empty
    /// context.
    case inContext(temperature: Double, clearContext: Bool)
    /// Any other: a name of its registry, and settings as a JSON object.
    case named(String, settings: String)

    /// Longest settings that travel and that a stream remembers beside the rest of what it says of its evaluation.
    package static let longestSettingsBytes = 3 << 10

    /// Bytes of the settings; none of the distilled model without a prompt.
    package var settingsBytes: Int {
        switch self {
        case .inContext: 0
        case .named(_, let settings): settings.utf8.count
        }
    }

    /// The name of the distilled model's policy.
    package static let distilled = "distilled"
    /// The name of the policy that a lifetime on trials has learnt (RL2).
    package static let learnt = "rl2"

    /// The policy's name in its registry.
    package var name: String {
        switch self {
        case .inContext: Self.distilled
        case .named(let name, _): name
        }
    }
}
