/// Too little room for a run, in words that say what to do.
package struct PlanError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

extension ExperimentPlan {
    /// Several lines for people: what is about to happen.
    package var text: String {
        let most = mayEndEarly ? "at most " : ""
        let recorded = recordedActors < actors ? ", \(recordedActors) of them recorded" : ""
        let held =
            testLifetimes > 0 ? " and \(count(testLifetimes)) on \(testTasks) held-out tasks, for comparison" : ""
        return """
            \(name):
              collect   \(count(trainLifetimes)) lifetimes on \(trainTasks) train tasks\(held);
                        \(count(actors)) \(actors == 1 ? "actor" : "actors") each\(recorded), \(most)\(count(episodesPerActor)) episodes an actor, \
            \(most)\(count(maximumTransitions)) transitions; \(most)about \(time(collectSeconds))
              distil    about \(time(distilSeconds))
              evaluate  \(count(evaluationEpisodes)) episodes; about \(time(evaluateSeconds))
              disk      at most \(bytes(maximumDiskBytes)), with \(count(keptCheckpoints)) \
            \(keptCheckpoints == 1 ? "checkpoint" : "checkpoints") and \(count(keptLearnerStates)) \
            \(keptLearnerStates == 1 ? "learner's state" : "learners' states")
              in all    \(most)about \(time(seconds)) on this machine

            """
    }

    /// Throws `PlanError` when `freeBytes` at `path` are not enough. `existingBytes`: what a resumed run has already.
    /// `reserveBytes` are asked for on top. The message says how to get by with less.
    package func checkDisk(freeBytes: Int, existingBytes: Int = 0, path: String) throws(PlanError) {
        let needed = max(0, maximumDiskBytes - existingBytes) + ExperimentPlan.reserveBytes
        guard freeBytes >= needed else {
            throw PlanError(
                description:
                    "too little disk: \(name) may need \(bytes(needed)), but \(path) has \(bytes(freeBytes)) free; "
                    + "free some, choose another disk by --out, or record fewer actors (--set collect.record_actors=N)")
        }
    }

    /// Left free for logs, the catalogue and the machine itself.
    package static let reserveBytes = 256 << 20

    /// Digits in groups of three: 4,600,000.
    private func count(_ value: Int) -> String {
        var digits = String(value)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return ([digits] + groups).joined(separator: ",")
    }

    /// A duration in the unit that people would use, at least 1 s.
    private func time(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 1e9).rounded())
        if whole < 60 { return "\(max(1, whole)) s" }
        if whole < 3600 { return "\((whole + 30) / 60) min" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    /// A size in decimal units, with one decimal below 100.
    private func bytes(_ count: Int) -> String {
        let units: [(Double, String)] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
        for (size, unit) in units where Double(count) >= size {
            let tenths = Int((Double(count) / size * 10).rounded())
            return tenths >= 1000 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
        }
        return "\(count) bytes"
    }
}
