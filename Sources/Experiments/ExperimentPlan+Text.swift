import Quantities

/// Too little room for a run, in words that say what to do.
package struct PlanError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

extension ExperimentPlan {
    /// Several lines for people, an empty one behind them: what is about to happen. `histories`: the run whose lifetimes
    /// are taken over; how long those take to collect that it lacks is not known. `collectsAlone`: nothing is distilled or
    /// evaluated.
    package func text(takingOver histories: String? = nil, collectsAlone: Bool = false) -> String {
        let parts =
            collectsAlone
            ? [collecting(histories), disk(ofCollecting: true)]
            : [collecting(histories), following, disk(ofCollecting: false), inAll(histories)]
        return (["\(name):"] + parts).joined(separator: "\n") + "\n"
    }

    /// In front of numbers that are bounds.
    private var most: String { mayEndEarly ? "at most " : "" }

    /// Behind the time of work in which an environment steps elsewhere.
    private var stepping: String { environmentProcess.map { ", and as long as \($0) takes to step" } ?? "" }

    private func collecting(_ histories: String?) -> String {
        let recorded = recordedActors < actors ? ", \(recordedActors) of them recorded" : ""
        let held =
            testLifetimes > 0
            ? " and \(NumberText.count(testLifetimes)) on \(testTasks) held-out tasks, for comparison" : ""
        let duration =
            histories.map { "taken over from \($0) as far as it has them" }
            ?? "\(most)about \(time(collectSeconds))\(stepping)"
        return """
              collect   \(NumberText.count(trainLifetimes)) lifetimes on \(trainTasks) train tasks\(held);
                        \(NumberText.count(actors)) \(actors == 1 ? "actor" : "actors") each\(recorded), \(most)\(NumberText.count(episodesPerActor)) episodes an actor, \
            \(most)\(NumberText.count(maximumTransitions)) transitions; \(duration)
            """
    }

    private var following: String {
        """
          distil    \(distilSeconds > 0 ? "about " + time(distilSeconds) : "nothing")
          evaluate  \(NumberText.count(evaluationEpisodes)) episodes; about \(time(evaluateSeconds))\(stepping)
        """
    }

    private func disk(ofCollecting isCollecting: Bool) -> String {
        let bytes = NumberText.bytes(isCollecting ? collectedDiskBytes : maximumDiskBytes)
        let checkpoints =
            "\(NumberText.count(keptCheckpoints)) \(keptCheckpoints == 1 ? "checkpoint" : "checkpoints") and "
        let states = keptLearnerStates == 1 ? "learner's state" : "learners' states"
        return "  disk      at most \(bytes), with \(isCollecting ? "" : checkpoints)"
            + "\(NumberText.count(keptLearnerStates)) \(states) of at most "
            + "\(NumberText.bytes(largestLearnerStateBytes))\(keptLearnerStates == 1 ? "" : " each")"
    }

    private func inAll(_ histories: String?) -> String {
        let whole = histories == nil ? "\(most)about \(time(seconds))" : "about \(time(seconds - collectSeconds))"
        let elsewhere = environmentProcess.map { ", without the time of \($0)" } ?? ""
        return "  in all    \(whole) on this machine\(elsewhere)"
    }

    /// Throws `PlanError` when `freeBytes` at `path` are not enough. `existingBytes`: what a resumed run has already.
    /// `reserveBytes` are asked for on top. The message says how to get by with less.
    package func checkDisk(
        freeBytes: Int, existingBytes: Int = 0, path: String, collectsAlone: Bool = false
    ) throws(PlanError) {
        let most = collectsAlone ? collectedDiskBytes : maximumDiskBytes
        let needed = max(0, most - existingBytes) + ExperimentPlan.reserveBytes
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
