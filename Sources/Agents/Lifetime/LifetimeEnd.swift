package import Settings

/// When a lifetime has lived long enough: after a number of episodes, or some time after its algorithm has learnt the
/// task. The learner of the lifetime decides by it.
package struct LifetimeEnd: SettingsGroup {
    /// Most episodes that any actor lives.
    package var episodesPerActor = 500
    /// Ends a lifetime early once its algorithm has learnt the task.
    package var converged: Convergence?

    package init() {}

    package init(episodesPerActor: Int = 500, converged: Convergence? = nil) {
        self.episodesPerActor = episodesPerActor
        self.converged = converged
    }

    private static let mostEpisodes = 100_000_000

    package static let entries: [Entry<LifetimeEnd>] = [
        .key(
            "episodes_per_actor", \.episodesPerActor, .integer(1...mostEpisodes), "Most episodes that an actor lives."),
        .optionalSection(
            "converged", \.converged, absent: "none",
            "Ends a lifetime early, once its algorithm has learnt the task."),
    ]

    package func contradictions() -> [Contradiction] {
        guard let converged, converged.window > episodesPerActor else { return [] }
        return [
            Contradiction(
                ["converged.window", "episodes_per_actor"],
                "the mean over \(converged.window) episodes is never reached in a lifetime of \(episodesPerActor)")
        ]
    }

    /// Reached when the mean return of the last `window` episodes of every actor, taken together, is at least `share`
    /// of the task's optimal return; every actor then lives `extraEpisodes` more. Never where that return is not above
    /// 0.
    package struct Convergence: SettingsGroup, Codable {
        /// Last episodes of every actor that the mean is taken over.
        package var window = 20
        /// Of the optimal return, above 0 and at most 1.
        package var share = 0.9
        package var extraEpisodes = 50

        package init() {}

        package init(window: Int = 20, share: Double = 0.9, extraEpisodes: Int = 50) {
            self.window = window
            self.share = share
            self.extraEpisodes = extraEpisodes
        }

        package static let entries: [Entry<Convergence>] = [
            .key(
                "share_of_optimum", \.share, .number(above: 0, to: 1),
                "Share of the task's best possible return that the mean return must reach."),
            .key(
                "window", \.window, .integer(1...100_000),
                "Last episodes of every actor that the mean is taken over."),
            .key(
                "extra_episodes", \.extraEpisodes, .integer(0...mostEpisodes),
                "Episodes that every actor lives on afterwards."),
        ]
    }
}
