package import Environments
package import Experience
package import Settings

/// The one number of UCB.
package struct UCBSettings: SettingsGroup {
    /// c of the bonus sqrt(c ln t / n). With 2, as in UCB1 (Auer et al. 2002), the bonus of an arm that was pulled 10
    /// times in 100 trials is 0.96, more than arms differ by: a life is over before it has chosen. 0.3 is what
    /// Headless-AD took for its histories, whose lives are to show that something is learnt.
    package var exploration = 0.3

    package init() {}

    package init(exploration: Double) { self.exploration = exploration }

    package static let entries: [Entry<UCBSettings>] = [
        .key(
            "exploration", \.exploration, .number(0, 100), stated: true,
            "c of the bonus sqrt(c ln t / n) of an arm that was pulled n times in t trials: 2 is UCB1, 0.3 explores less."
        )
    ]
}

/// Upper confidence bounds (Auer et al. 2002, "Finite-time analysis of the multiarmed bandit problem") as a kind of
/// source algorithm: pulls the arm with the highest mean + sqrt(c ln t / n), those first that were not pulled yet, and
/// one of the highest at random where there are several.
///
/// What it learns it learns within an episode, in the actor: the learner counts rollouts, and that is all. A rollout is
/// an episode, so that of a life that is one episode either all is recorded or nothing, whatever dies.
package enum UCB: SourceAlgorithmKind {
    package static let name = "ucb"
    package static let summary = "Upper confidence bounds on the mean rewards of a bandit's arms, in each episode anew."

    package static func needs(
        _ settings: UCBSettings, environment: EnvironmentDescription, actors: Int
    ) throws -> LifetimeNeeds {
        let (arms, trials) = try bandit(environment)
        return LifetimeNeeds(
            rolloutLength: trials, largestSavedBytes: UCBLearner.savedBytes, operationsPerTransition: Double(4 * arms))
    }

    package static func makeActor(
        _ settings: UCBSettings, environment: EnvironmentDescription, keys: [StreamKey]
    ) throws -> any SourceActor {
        let (arms, _) = try bandit(environment)
        return UCBActor(
            exploration: settings.exploration,
            sampler: ActionSampler(keys: keys, environment: environment, actions: arms))
    }

    package static func makeLearner(
        _ settings: UCBSettings, scene: Scene, seed: UInt64, task: Int, repetition: Int
    ) throws -> any SourceLearner {
        _ = try bandit(scene.environment)
        return UCBLearner()
    }

    /// Throws `SourceAlgorithmError` for an environment that is no bandit, and says what is missing.
    private static func bandit(_ environment: EnvironmentDescription) throws -> (arms: Int, trials: Int) {
        guard case .discrete(let arms) = environment.actionSpace else {
            throw SourceAlgorithmError(
                "ucb pulls one of several arms: it needs discrete actions, \(environment.name) has "
                    + "\(environment.actionSpace)")
        }
        guard IntegerComponents(environment.observationSpace)?.tableSize == 1 else {
            throw SourceAlgorithmError(
                "ucb looks at nothing: it needs a bandit, whose only observation is always the same, "
                    + "\(environment.name) shows \(environment.observationSpace)")
        }
        guard let trials = environment.horizon else {
            throw SourceAlgorithmError(
                "ucb learns within an episode: it needs one of limited length, \(environment.name) sets no limit")
        }
        return (arms, trials)
    }
}
