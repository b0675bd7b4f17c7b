package import Environments
package import Experience

extension RolloutBatch {
    /// Checks rollouts from outside against the environment that they claim to come from: sizes, flags, spaces,
    /// numbers, checksums. Throws `WireError` that names the first actor and row at fault.
    package func validate(for environment: EnvironmentDescription, actors: Int) throws {
        let observationBytes = environment.observationSpace.byteCount
        let actionBytes = environment.actionSpace.byteCount
        let rows = rowCount
        let episodes = headers.reduce(0) { $0 + $1.finishedEpisodes }
        for (what, found, expected) in [
            ("observations", observations.count, rows * observationBytes),
            ("actions", actions.count, rows * actionBytes),
            ("final observations", finalObservations.count, episodes * observationBytes),
        ] where found != expected {
            throw WireError("\(lifetime): \(found) bytes of \(what); \(rows) rows need \(expected)")
        }
        try forEachRollout(observationBytes: observationBytes, actionBytes: actionBytes) { header, rollout in
            let place = "\(lifetime) actor \(header.actor) rollout \(header.sequence)"
            guard header.actor < actors else { throw WireError("\(place): there are only \(actors) actors") }
            guard header.length > 0 || header.isLast else { throw WireError("\(place) is empty") }
            try rollout.validate(for: environment, place: place)
            guard rollout.checksum == header.checksum else {
                throw WireError("\(place): its checksum does not hold")
            }
        }
    }
}

extension RolloutRows {
    fileprivate func validate(for environment: EnvironmentDescription, place: String) throws {
        let observationBytes = environment.observationSpace.byteCount
        let actionBytes = environment.actionSpace.byteCount
        var ended = 0
        for row in 0..<length {
            guard terminations[row] <= 1, truncations[row] <= 1 else {
                throw WireError("\(place) row \(row): a flag that is neither 0 nor 1")
            }
            ended += terminations[row] | truncations[row] == 0 ? 0 : 1
            guard rewards.loadUnaligned(fromByteOffset: 4 * row, as: Float.self).isFinite else {
                throw WireError("\(place) row \(row): a reward that is not a finite number")
            }
            if let actions = actions.baseAddress, !environment.actionSpace.contains(actions + row * actionBytes) {
                throw WireError("\(place) row \(row): an action outside of \(environment.actionSpace)")
            }
            if let observations = observations.baseAddress,
                !environment.observationSpace.contains(observations + row * observationBytes)
            {
                throw WireError("\(place) row \(row): an observation outside of \(environment.observationSpace)")
            }
        }
        guard ended == finishedEpisodes else {
            throw WireError("\(place): \(ended) flags end an episode, but it announces \(finishedEpisodes)")
        }
        if let finals = finalObservations.baseAddress {
            for episode in 0..<finishedEpisodes
            where !environment.observationSpace.contains(finals + episode * observationBytes) {
                throw WireError("\(place): a final observation outside of \(environment.observationSpace)")
            }
        }
    }
}
