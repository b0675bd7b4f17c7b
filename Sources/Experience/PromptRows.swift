/// Transitions that a policy is shown before its first step: columns as streams store them. They travel with the job of
/// an evaluation, so that what acts needs no file of the run.
package struct PromptRows: Hashable, Sendable {
    /// (N, stored bytes)
    package let observations: [UInt8]
    /// (N, action bytes)
    package let actions: [UInt8]
    /// (N)
    package let rewards: [Float]

    /// Whether the columns fit each other is for the policy to check, which knows their spaces.
    package init(observations: [UInt8], actions: [UInt8], rewards: [Float]) {
        self.observations = observations
        self.actions = actions
        self.rewards = rewards
    }

    /// N
    package var count: Int { rewards.count }

    /// Most transitions of a prompt.
    package static let mostRows = 10_000
    /// Most bytes of its observations and actions together.
    package static let mostBytes = 4 << 20
}
