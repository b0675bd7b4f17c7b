import Experience
import Foundation
import Simulation
import TestSupport
import Testing
import Wire

@Suite("Many lifetimes of one short life each") struct ShortLivesTests {
    private let seed = testSeed()
    private let lives = 40

    private func cluster(lockstep: Bool) throws -> SimulatedCluster {
        try SimulatedCluster(
            yaml: """
                name: simulated
                environment: {name: adversarial-bandit, arms: 4, trials: 30}
                tasks: {test: 1, train: \(lives)}
                source: {algorithm: ucb}
                collect:
                  actors: 1
                  test_lifetimes: 0
                  synchronization: \(lockstep ? "lockstep" : "asynchronous")
                  end: {episodes_per_actor: 1}
                cluster: {lifetimes_per_learner: 4, actor_processes: 2, learner_checkpoint_seconds: 1}
                distil: {model: {context_length: 30}}
                evaluate: {train_tasks: 1}
                """, seed: seed)
    }

    @Test(
        "each is whole and there once, the same as without disturbance, though processes are killed in its middle",
        arguments: [true, false])
    func killed(lockstep: Bool) throws {
        let undisturbed = try cluster(lockstep: lockstep)
        try undisturbed.run(milliseconds: patienceMilliseconds)
        try undisturbed.checkEnd(seed)
        let expected = try undisturbed.dataset()
        #expect(expected.count == lives && expected.values.allSatisfy { $0.rewards == 30 && $0.rolloutCount == 1 })

        var random = SplitMix(seed: seed)
        let disturbed = try cluster(lockstep: lockstep)
        var kills = 0
        for role in [RoleName.actor, .recorder, .learner, .coordinator, .actor, .learner] {
            try disturbed.run(milliseconds: UInt64(20 + random.below(150)))
            guard !disturbed.isFinished else { break }
            let names = role == .coordinator ? [SimulatedCluster.coordinatorName] : disturbed.names(role)
            guard !names.isEmpty else { continue }
            disturbed.kill(random.pick(names))
            kills += 1
        }
        #expect(kills >= 3, "DISTILLERY_TEST_SEED=\(seed)")
        try disturbed.run(milliseconds: patienceMilliseconds)
        try disturbed.checkEnd(seed)
        #expect(disturbed.isFinished && disturbed.journal.ended.count == lives, "DISTILLERY_TEST_SEED=\(seed)")
        let found = try disturbed.dataset()
        // The learner's count of rollouts, and so the policy's version, may differ; what was lived does not.
        #expect(found.mapValues(\.rows) == expected.mapValues(\.rows), "DISTILLERY_TEST_SEED=\(seed)")
        if lockstep { #expect(found == expected, "DISTILLERY_TEST_SEED=\(seed)") }
    }
}
