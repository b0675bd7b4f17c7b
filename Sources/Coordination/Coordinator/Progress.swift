package import Experience
package import Histories

/// What earlier starts of the same run have finished, as `LedgerJournal` reads it from the catalogue. Empty for a
/// new run. `Coordinator` takes it when it is made. Nodes and leases are not in it: nodes say hello again, and
/// lifetimes are leased anew.
package struct Progress: Sendable {
    /// Lifetimes that have ended.
    package var lifetimes: Set<LifetimeIdentifier> = []
    /// How often each lifetime was begun.
    package var attempts: [LifetimeIdentifier: UInt64] = [:]
    /// How many actors each lifetime has had.
    package var actors: [LifetimeIdentifier: Int] = [:]
    /// Actors whose streams are known to be sealed, of each lifetime.
    package var sealed: [LifetimeIdentifier: Set<Int>] = [:]
    /// Streams that were given up, with the reason; they count as sealed.
    package var quarantined: [StreamIdentifier: String] = [:]
    /// The recorder that keeps each lifetime's streams, by what its folder is known.
    package var pins: [LifetimeIdentifier: String] = [:]
    /// Where each of them wrote last.
    package var recorders: [String: RecorderLinks.Place] = [:]
    /// Names of the distillations that have ended; their last checkpoints are in their folders.
    package var distilled: Set<String> = []
    /// What `scale` has set last; nil where nothing was or where it does not count any more.
    package var scale: Scale?
    /// How often the run was started. A coordinator numbers its commands from it, so that a command of an earlier one
    /// is known to be older.
    package var starts: UInt64 = 0
    /// Jobs of evaluations whose results are known.
    package var jobs: Set<FinishedJob> = []
    /// Environment steps at which collecting was plotted last: plots of a later start go on from there.
    package var plottedSteps: UInt64 = 0
    /// Of the train lifetimes that have ended, as far as their sources have policies: their mean entropies in nats.
    package var sourceEntropies: [Double] = []

    package init() {}
}

/// How many actors the cluster is to carry, as `distillery scale` has said.
package struct Scale: Hashable, Sendable {
    /// Actors of all lifetimes that run, together.
    package let actors: Int
    /// Actors of each elastic lifetime.
    package let actorsOfLifetime: Int

    package init(actors: Int, actorsOfLifetime: Int) {
        self.actors = actors
        self.actorsOfLifetime = actorsOfLifetime
    }
}

/// A job of an evaluation whose result is in the catalogue. A job is evaluated once for each task of an evaluation,
/// with all seeds.
package struct FinishedJob: Hashable, Sendable {
    package let evaluation: String
    package let task: Int

    package init(evaluation: String, task: Int) {
        self.evaluation = evaluation
        self.task = task
    }
}
