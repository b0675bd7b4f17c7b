package import Neural
package import Settings

/// What an observation is new in, for a bonus by counts.
package enum NoveltySpan: String, Sendable, CaseIterable { case trial, episode }

/// Advantage actor-critic with lambda-returns (paper, Table 4: A3C). The defaults are the paper's where it states them.
package struct ActorCriticSettings: SettingsGroup {
    /// Units of each hidden layer, shared by policy and value.
    package var hidden: [Int] = [128, 128, 128]
    package var activation = PerceptronNetwork.Activation.relu
    /// In the place of the hidden layers: a policy that remembers through a trial.
    package var lstm: LSTMSettings?
    /// Likewise; one of the two.
    package var transformer: TrialTransformerSettings?
    package var learningRate = 1e-4
    /// Gamma of the lambda-return.
    package var discount = 0.99
    /// 0 makes one-step returns, 1 returns up to the rollout's or the episode's end.
    package var lambda = 0.95
    /// Weight of the policy's entropy, in nats, in the objective.
    package var entropyCoefficient = 0.01
    /// Weight of half the squared error of the value in the objective.
    package var valueCoefficient = 0.5
    /// Largest global norm of the gradient; 0 switches clipping off.
    package var gradientClip = 0.5
    package var adamBeta1 = 0.9
    package var adamBeta2 = 0.999
    package var adamEpsilon = 1e-6
    /// Added to the reward that leads to an observation for the first time in a trial or an episode, for learning alone, so
    /// that a policy with memory searches where no task of its training was, too (a bonus by counts: Strehl and Littman 2008;
    /// to explore for later episodes: Stadie et al. 2018, E-RL2).
    package var novelty = 0.0
    package var noveltySpan = NoveltySpan.trial
    /// Steps that an actor takes between two updates: the rows of a rollout.
    package var rolloutLength = 20
    /// Scale of the policy head's initial weights, relative to the other layers; near 0 the first policy is uniform.
    package var policyHeadScale = 1.0
    /// Whether the value of the final observation continues the return of a truncated episode. Off: an episode that
    /// its horizon cut ends like any other. Off is the default because values of a life without end grow to
    /// 1 / (1 - discount) times a reward and are learnt late: in Dark Room with 100 actors, discount 0.99 and learning
    /// rate 5e-4, eight goals took 136 episodes to 90 % of the optimum without and over 300 with it. With 5 actors,
    /// discount 0.9 and learning rate 3e-3 there was no difference.
    package var bootstrapsTruncation = false

    package init() {}

    package static let entries: [Entry<ActorCriticSettings>] = [
        .key(
            "hidden", \.hidden, .list(of: .integer(1...4096), count: 1...8),
            "Units of each hidden layer, shared by policy and value."),
        .key("activation", \.activation, .choice, "The hidden layers' activation function."),
        .optionalSection(
            "lstm", \.lstm, absent: "none", "A network with memory in the place of the hidden layers."),
        .optionalSection(
            "transformer", \.transformer, absent: "none",
            "In the place of the hidden layers, a transformer that sees the whole trial so far (paper, appendix G)."),
        .key("learning_rate", \.learningRate, .number(above: 0, to: 1), "Adam's step size."),
        .key("discount", \.discount, .number(0, 1), "Discount of later rewards."),
        .key("lambda", \.lambda, .number(0, 1), "Weight of longer returns in the lambda-return."),
        .key("entropy", \.entropyCoefficient, .number(0, 10), "Weight of the policy's entropy in the loss."),
        .key("value_coefficient", \.valueCoefficient, .number(0, 10), "Weight of the value's error in the loss."),
        .key(
            "gradient_clip", \.gradientClip, .number(0, 1e6),
            "Largest global norm of the gradient; 0 switches clipping off."),
        .key("beta1", \.adamBeta1, .number(0, below: 1), "Adam's decay of the first moment."),
        .key("beta2", \.adamBeta2, .number(0, below: 1), "Adam's decay of the second moment."),
        .key("epsilon", \.adamEpsilon, .number(above: 0, to: 1), "Added to the root of Adam's second moment."),
        .key(
            "novelty", \.novelty, .number(0, 1e6),
            "Added to the reward that leads to an observation for the first time in `novelty_span`, for learning alone."
        ),
        .key(
            "novelty_span", \.noveltySpan, .choice,
            "What an observation is new in: with `trial` a policy searches where it has not been yet, with `episode` in each one."
        ),
        .key("rollout_length", \.rolloutLength, .integer(2...10_000), "Steps of an actor between two updates."),
        .key(
            "policy_head_scale", \.policyHeadScale, .number(0, 10),
            "Scale of the policy head's initial weights; small means that a lifetime starts nearly uniform."),
        .key(
            "bootstraps_truncation", \.bootstrapsTruncation, .boolean,
            "Whether the value of the final observation continues the return of an episode that the horizon cut."),
    ]

    package func contradictions() -> [Contradiction] {
        var found: [Contradiction] = []
        if memory != nil, bootstrapsTruncation {
            found.append(
                Contradiction(
                    ["bootstraps_truncation", lstm == nil ? "transformer" : "lstm"],
                    "a network with memory has no value of an episode's final observation: returns end with the trial"))
        }
        if memory == nil, novelty > 0 {
            found.append(
                Contradiction(
                    ["novelty"], "there are trials for a network with memory only: write an lstm or a transformer"))
        }
        if lstm != nil, transformer != nil {
            found.append(Contradiction(["lstm", "transformer"], "a policy has one network; write none for the other"))
        }
        return found
    }

    /// What the policy remembers by; nil where it does not.
    var memory: MemorySettings? { lstm.map { .lstm($0) } ?? transformer.map { .transformer($0) } }
}
