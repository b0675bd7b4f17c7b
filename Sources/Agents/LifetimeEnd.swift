/// When a lifetime has lived long enough.
package struct LifetimeEnd: Hashable, Sendable, Codable {
    /// Most episodes that any actor lives.
    package var episodesPerActor: Int
    /// Ends a lifetime early once its algorithm has learnt the task.
    package var converged: Convergence?

    package init(episodesPerActor: Int = 500, converged: Convergence? = nil) {
        self.episodesPerActor = episodesPerActor
        self.converged = converged
    }

    /// Reached when the mean return of the last `window` episodes of every actor, taken together, is at least `share`
    /// of the task's optimal return; every actor then lives `extraEpisodes` more. Never where that return is not above 0.
    package struct Convergence: Hashable, Sendable, Codable {
        package var window: Int
        package var share: Double
        package var extraEpisodes: Int

        package init(window: Int = 20, share: Double = 0.9, extraEpisodes: Int = 50) {
            self.window = window
            self.share = share
            self.extraEpisodes = extraEpisodes
        }
    }

    package static let acceptedEpisodes = 1...100_000_000
    package static let acceptedWindows = 1...100_000

    /// Throws `SourceAlgorithmError` naming the setting, its value and what is accepted.
    package func validate() throws {
        guard Self.acceptedEpisodes.contains(episodesPerActor) else {
            throw SourceAlgorithmError(
                "episodesPerActor is \(episodesPerActor), expected \(Self.acceptedEpisodes.lowerBound) to "
                    + "\(Self.acceptedEpisodes.upperBound) episodes")
        }
        guard let converged else { return }
        guard Self.acceptedWindows.contains(converged.window) else {
            throw SourceAlgorithmError(
                "converged.window is \(converged.window), expected \(Self.acceptedWindows.lowerBound) to "
                    + "\(Self.acceptedWindows.upperBound) episodes")
        }
        guard converged.share > 0, converged.share <= 1 else {
            throw SourceAlgorithmError("converged.share is \(converged.share), expected more than 0, at most 1")
        }
        guard (0...Self.acceptedEpisodes.upperBound).contains(converged.extraEpisodes) else {
            throw SourceAlgorithmError(
                "converged.extraEpisodes is \(converged.extraEpisodes), expected 0 to "
                    + "\(Self.acceptedEpisodes.upperBound) episodes")
        }
    }
}
