import Agents
import Experience
import TestSupport
import Testing

/// What is lived in fourteen rounds of a lifetime, and what its learner has become, which is saved and restored after each
/// where `restoring`, by another learner too. `most`: bytes that it may save.
func livedRounds(
    groups: Int = 1, restoring: Bool = false, most: Int = .max, _ make: (_ groups: Int) throws -> LocalLifetime
) throws -> (actions: [UInt8], learner: [UInt8]) {
    let lifetime = try make(groups)
    var actions: [UInt8] = []
    for _ in 0..<14 {
        let batches = try lifetime.collect(episodeLimit: .max)
        actions += batches.flatMap(\.actions)
        _ = try lifetime.learn(from: batches)
        guard restoring else { continue }
        let saved = lifetime.learner.save()
        #expect(saved.count <= most)
        let other = try make(1).learner
        try other.restore(saved)
        #expect(other.save() == saved && other.actingParameters == lifetime.learner.actingParameters)
        try lifetime.learner.restore(saved)
    }
    return (actions, lifetime.learner.save())
}
