package import Neural
package import Settings

/// DQN(Q-lambda). The defaults are the paper's Table 5 where it states them.
package struct QLambdaSettings: SettingsGroup {
    /// What the network looks at where an environment's streams store states and pictures are drawn of them.
    package enum Sight: String, CaseIterable, Sendable {
        case pixels
        /// The states: a privileged teacher, which learns in minutes what takes hours from pixels.
        case state
    }

    package var sees = Sight.pixels
    /// Looks at pictures; of no use to integers and states.
    package var encoder = ImageEncoderChoice(ResidualEncoder.self)
    /// Threads of a learner that looks at pictures or remembers. What is learnt does not depend on it.
    package var threads = 1
    /// Units of each hidden layer.
    package var hidden: [Int] = [128, 128, 128]
    package var activation = PerceptronNetwork.Activation.relu
    /// In the place of the hidden layers, and behind an encoder: values that remember through a trial.
    package var lstm: ActionValueMemorySettings?
    package var learningRate = 1e-4
    /// Gamma of the lambda-return.
    package var discount = 0.9
    /// 0 makes one-step targets, 1 returns up to the sequence's or the episode's end.
    package var lambda = 0.75
    /// Share of random actions in the end.
    package var exploration = 0.01
    /// Share of random actions in the beginning. The paper states none; 0.01 from the beginning on finds no reward that is
    /// rare: the values of a network that has learnt nothing send an actor to the same wall in every episode.
    package var firstExploration = 1.0
    /// Transitions of all actors over which the share goes from `firstExploration` to `exploration`; 0 begins with the
    /// latter.
    package var explorationTransitions = 0
    /// Exponent of the zeta distribution of how many steps a random action goes on (Dabney, Ostrovski and Barreto 2021,
    /// "Temporally-extended epsilon-greedy exploration", who have 2); nil draws the action of each step anew, as the paper.
    package var explorationRunExponent: Double?
    /// Transitions of a sequence, o_t to o_{t+39}.
    package var sequenceLength = 40
    /// Transitions that a sequence shares with the next one of its actor.
    package var overlap = 31
    /// Sequences of a step of the optimiser.
    package var batchSequences = 8
    /// Of a batch, the share drawn from the replay; the rest are sequences that no step has learnt from yet, and so this
    /// decides how many steps there are.
    package var replayShare = 0.7
    /// Transitions that the replay holds at most.
    package var replayTransitions = 100_000
    /// MiB that the replay takes at most, whatever a transition takes.
    package var replayMebibytes = 1024
    /// Steps of the optimiser after which the target network becomes what the network is.
    package var targetInterval = 50
    /// Largest global norm of the gradient; 0 switches clipping off.
    package var gradientClip = 10.0
    package var adamBeta1 = 0.9
    package var adamBeta2 = 0.999
    package var adamEpsilon = 1e-6
    /// Steps that an actor takes between two updates: the rows of a rollout. With the paper's sequences a new one begins
    /// every 9.
    package var rolloutLength = 9
    /// Whether the value of the final observation continues the return of a truncated episode. As of A3C, and for the
    /// same reason off by default.
    package var bootstrapsTruncation = false

    package init() {}

    package static let entries: [Entry<QLambdaSettings>] = network + sequences + optimiser

    private static let network: [Entry<QLambdaSettings>] = [
        .key(
            "sees", \.sees, .choice,
            "What it looks at where streams store states of which pictures are drawn: the `pixels`, or the `state`."),
        .kinds(
            "encoder", \.encoder, of: RegisteredImageEncoder.registry, key: "kind",
            "The network that looks at observations that are images.", "Its dimensions."),
        .key(
            "threads", \.threads, .integer(1...64),
            "Threads of a learner that looks at images or remembers; what is learnt does not depend on it."),
        .key(
            "hidden", \.hidden, .list(of: .integer(1...4096), count: 1...8),
            "Units of each hidden layer; of no use to images."),
        .key("activation", \.activation, .choice, "The hidden layers' activation function; of no use to images."),
        .optionalSection(
            "lstm", \.lstm, absent: "none",
            "A network with memory in the place of the hidden layers, or behind the encoder (paper, Table 7)."),
        .key("discount", \.discount, .number(0, 1), "Discount of later rewards."),
        .key("lambda", \.lambda, .number(0, 1), "Weight of longer returns in the lambda-return."),
        .key(
            "bootstraps_truncation", \.bootstrapsTruncation, .boolean,
            "Whether the value of the final observation continues the return of an episode that the horizon cut."),
        .key("exploration", \.exploration, .number(0, 1), "Share of the steps that draw a random action, in the end."),
        .key("first_exploration", \.firstExploration, .number(0, 1), "The same share in the beginning."),
        .key(
            "exploration_transitions", \.explorationTransitions, .integer(0...1_000_000_000_000),
            "Transitions of all actors over which the share falls from `first_exploration` to `exploration`, in a line; 0 begins with `exploration`."
        ),
        .key(
            "exploration_run_exponent", \.explorationRunExponent, .optional(.number(above: 1, to: 100), "none"),
            "Random actions go on for n steps, with a probability proportional to n to the minus this (epsilon-z-greedy; 2 is usual). `none`: each step's is drawn anew."
        ),
    ]

    private static let sequences: [Entry<QLambdaSettings>] = [
        .key("rollout_length", \.rolloutLength, .integer(1...10_000), "Steps of an actor between two updates."),
        .key(
            "sequence_length", \.sequenceLength, .integer(2...10_000), "Transitions of a sequence that is learnt from."),
        .key(
            "overlap", \.overlap, .integer(1...9_999),
            "Transitions that a sequence shares with the next one of its actor."
        ),
        .key("batch", \.batchSequences, .integer(1...4096), "Sequences that a step of the optimiser learns from."),
        .key(
            "replay_share", \.replayShare, .number(0, below: 1),
            "Share of a batch that is drawn from the replay; the rest are new, which decides how many steps there are."),
        .key(
            "replay_transitions", \.replayTransitions, .integer(2...100_000_000),
            "Transitions of all actors that the replay holds at most."),
        .key(
            "replay_mebibytes", \.replayMebibytes, .integer(1...1_000_000),
            "MiB of memory that the replay takes at most."),
    ]

    private static let optimiser: [Entry<QLambdaSettings>] = [
        .key(
            "target_interval", \.targetInterval, .integer(1...1_000_000),
            "Steps between two copies of the target network."),
        .key("learning_rate", \.learningRate, .number(above: 0, to: 1), "Adam's step size."),
        .key(
            "gradient_clip", \.gradientClip, .number(0, 1e6),
            "Largest global norm of the gradient; 0 switches clipping off."),
        .key("beta1", \.adamBeta1, .number(0, below: 1), "Adam's decay of the first moment."),
        .key("beta2", \.adamBeta2, .number(0, below: 1), "Adam's decay of the second moment."),
        .key("adam_epsilon", \.adamEpsilon, .number(above: 0, to: 1), "Added to the root of Adam's second moment."),
    ]

    package func contradictions() -> [Contradiction] {
        var found: [Contradiction] = []
        if overlap >= sequenceLength {
            found.append(
                Contradiction(
                    ["overlap", "sequence_length"],
                    "sequences of \(sequenceLength) transitions cannot share \(overlap) with the next"))
        }
        if lstm != nil, bootstrapsTruncation {
            found.append(
                Contradiction(
                    ["bootstraps_truncation", "lstm"],
                    "a network with memory has no value of an episode's final observation: returns end with the trial"))
        }
        return found
    }

    /// Transitions after which a new sequence of an actor begins.
    var stride: Int { sequenceLength - overlap }

    /// Share of random actions after so many transitions of all actors.
    func exploration(after transitions: UInt64) -> Float {
        guard transitions < UInt64(explorationTransitions) else { return Float(exploration) }
        let way = Double(transitions) / Double(explorationTransitions)
        return Float(firstExploration + (exploration - firstExploration) * way)
    }

    /// Sequences from the replay in step number `step`, from 0: those of all steps together are as near below
    /// `replayShare` of all as whole numbers can be.
    func replayedSequences(of step: UInt64) -> Int {
        func upTo(_ step: UInt64) -> Double { (Double(step) * Double(batchSequences) * replayShare).rounded(.down) }
        return Int(upTo(step + 1) - upTo(step))
    }
}
