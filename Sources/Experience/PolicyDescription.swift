/// What acts in an evaluation, as it travels and as streams remember it: a kind of policy by its name, with its
/// settings. `Distillation` makes the policy of it.
package enum PolicyDescription: Hashable, Sendable {
    /// The distilled model without a prompt: the one policy that nodes and streams of before know. Its actions are drawn
    /// from a softmax of this temperature, 0 for the most likely action; the control begins every episode with an empty
    /// context.
    case inContext(temperature: Double, clearContext: Bool)
    /// Any other: a name of its registry, and settings as a JSON object.
    case named(String, settings: String)

    /// The policy's name in its registry.
    package var name: String {
        switch self {
        case .inContext: "distilled"
        case .named(let name, _): name
        }
    }
}
