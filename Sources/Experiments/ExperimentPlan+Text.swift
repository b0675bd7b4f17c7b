import Quantities

/// Too little room for a run, in words that say what to do.
package struct PlanError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

extension ExperimentPlan {
    /// Several lines for people: what is about to happen. `histories`: the run whose lifetimes are taken over; how long
    /// those take to collect that it lacks is not known.
    package func text(takingOver histories: String? = nil) -> String {
        let most = mayEndEarly ? "at most " : ""
        let collecting =
            histories.map { "taken over from \($0) as far as it has them" }
            ?? "\(most)about \(time(collectSeconds))"
        let whole = histories == nil ? "\(most)about \(time(seconds))" : "about \(time(seconds - collectSeconds))"
        let recorded = recordedActors < actors ? ", \(recordedActors) of them recorded" : ""
        let held =
            testLifetimes > 0
            ? " and \(NumberText.count(testLifetimes)) on \(testTasks) held-out tasks, for comparison" : ""
        return """
            \(name):
              collect   \(NumberText.count(trainLifetimes)) lifetimes on \(trainTasks) train tasks\(held);
                        \(NumberText.count(actors)) \(actors == 1 ? "actor" : "actors") each\(recorded), \(most)\(NumberText.count(episodesPerActor)) episodes an actor, \
            \(most)\(NumberText.count(maximumTransitions)) transitions; \(collecting)
              distil    \(distilSeconds > 0 ? "about " + time(distilSeconds) : "nothing")
              evaluate  \(NumberText.count(evaluationEpisodes)) episodes; about \(time(evaluateSeconds))
              disk      at most \(NumberText.bytes(maximumDiskBytes)), with \(NumberText.count(keptCheckpoints)) \
            \(keptCheckpoints == 1 ? "checkpoint" : "checkpoints") and \(NumberText.count(keptLearnerStates)) \
            \(keptLearnerStates == 1 ? "learner's state" : "learners' states") of at most \
            \(NumberText.bytes(largestLearnerStateBytes))\(keptLearnerStates == 1 ? "" : " each")
              in all    \(whole) on this machine

            """
    }

    /// Throws `PlanError` when `freeBytes` at `path` are not enough. `existingBytes`: what a resumed run has already.
    /// `reserveBytes` are asked for on top. The message says how to get by with less.
    package func checkDisk(freeBytes: Int, existingBytes: Int = 0, path: String) throws(PlanError) {
        let needed = max(0, maximumDiskBytes - existingBytes) + ExperimentPlan.reserveBytes
        guard freeBytes >= needed else {
            throw PlanError(
                description:
                    "too little disk: \(name) may need \(NumberText.bytes(needed)), but \(path) has \(NumberText.bytes(freeBytes)) free; "
                    + "free some, choose another disk by --out, or record fewer actors (--set collect.record_actors=N)")
        }
    }

    /// Left free for logs, the catalogue and the machine itself.
    package static let reserveBytes = 256 << 20

    /// An estimate is never nothing.
    private func time(_ seconds: Double) -> String { NumberText.roughDuration(max(1, seconds)) }
}
