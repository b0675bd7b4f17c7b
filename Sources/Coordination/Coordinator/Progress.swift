package import Experience

/// What an earlier start of the same run has finished.
package struct Progress: Sendable {
    package var lifetimes: Set<LifetimeIdentifier> = []
    /// How often each lifetime was begun.
    package var attempts: [LifetimeIdentifier: UInt64] = [:]
    /// How many actors each lifetime has had.
    package var actors: [LifetimeIdentifier: Int] = [:]
    /// Actors whose streams are known to be sealed, of each lifetime.
    package var sealed: [LifetimeIdentifier: Set<Int>] = [:]
    /// Streams that were given up, with the reason; they count as sealed.
    package var quarantined: [StreamIdentifier: String] = [:]
    package var isDistilled = false
    /// What `scale` has set last; nil where nothing was or where it does not count any more.
    package var scale: Scale?
    /// How often the run was started.
    package var starts: UInt64 = 0
    package var jobs: Set<FinishedJob> = []
    /// Environment steps at which collecting was plotted last: plots of a later start go on from there.
    package var plottedSteps: UInt64 = 0

    package init() {}
}

/// How many actors the cluster is to carry.
package struct Scale: Hashable, Sendable {
    package let actors: Int
    /// Of each elastic lifetime.
    package let actorsOfLifetime: Int

    package init(actors: Int, actorsOfLifetime: Int) {
        self.actors = actors
        self.actorsOfLifetime = actorsOfLifetime
    }
}

/// A job of an evaluation whose result is in the catalogue.
package struct FinishedJob: Hashable, Sendable {
    package let evaluation: String
    package let task: Int

    package init(evaluation: String, task: Int) {
        self.evaluation = evaluation
        self.task = task
    }
}
