import Agents
import Environments
import Experience
import Foundation
import Settings
import TestSupport
import Testing

private let ucb = RegisteredSourceAlgorithm(UCB.self)

/// A life on one bandit: what was pulled and what it paid, trial by trial.
private struct Life {
    var arms: [Int] = []
    var rewards: [Double] = []
}

@Suite("UCB")
struct UCBTests {
    private func algorithm(_ exploration: Double) -> SourceAlgorithm {
        SourceAlgorithm(ucb, settings: UCBSettings(exploration: exploration))
    }

    /// The lives of so many actors on one task, as a cluster in lockstep would record them.
    private func lives(
        _ tasks: BanditTasks, task id: Int, seed: UInt64, exploration: Double = 0.3, actors: Int = 4, episodes: Int = 1,
        groups: Int = 1
    ) throws -> [Life] {
        let lifetime = try LocalLifetime(
            algorithm: algorithm(exploration), tasks: tasks, task: try tasks.task(id), repetition: 0, seed: seed,
            actors: actors, groups: groups)
        var lives = [Life](repeating: Life(), count: actors)
        while !lifetime.isDone {
            let round = try lifetime.collect(episodeLimit: UInt64(episodes))
            for batch in round {
                batch.forEachRollout(tasks.environment.rolloutLayout) { header, rows in
                    for row in 0..<rows.length {
                        lives[header.actor].arms.append(Int(rows[.actions][row]))
                        lives[header.actor].rewards.append(
                            Double(rows[.rewards].loadUnaligned(fromByteOffset: 4 * row, as: Float.self)))
                    }
                }
            }
            _ = try lifetime.learn(from: round)
        }
        return lives
    }

    /// The arms that the formula allows after what a life has brought so far, computed from all of it anew.
    private func best(after life: Life, trials t: Int, arms: Int, c: Double) -> [Int] {
        func pulls(_ arm: Int) -> [Double] { zip(life.arms, life.rewards).prefix(t).filter { $0.0 == arm }.map(\.1) }
        let fresh = (0..<arms).filter { pulls($0).isEmpty }
        guard fresh.isEmpty else { return fresh }
        let bounds = (0..<arms).map { arm in
            let paid = pulls(arm)
            let n = Double(paid.count)
            return paid.reduce(0, +) / n + (c * log(Double(t)) / n).squareRoot()
        }
        // Two arms with the same history may differ in the last bit here.
        return bounds.indices.filter { bounds[$0] > (bounds.max() ?? 0) - 1e-12 }
    }

    @Test("pulls what mean + sqrt(c ln t / n) says, arms that were not pulled yet first", arguments: [0, 0.3, 2])
    func formula(c: Double) throws {
        let seed = testSeed()
        let tasks = try BanditTasks()
        for id in [0, 17, 100_003, 200_001] {
            for life in try lives(tasks, task: id, seed: seed, exploration: c) {
                #expect(life.arms.count == 100 && Set(life.arms.prefix(10)).count == 10, "seed \(seed), task \(id)")
                for trial in life.arms.indices {
                    let allowed = best(after: life, trials: trial, arms: 10, c: c)
                    #expect(allowed.contains(life.arms[trial]), "seed \(seed), task \(id), trial \(trial): \(allowed)")
                }
            }
        }
    }

    @Test("of several arms that are as good each comes as often")
    func ties() throws {
        let seed = testSeed()
        let tasks = try BanditTasks(settings: BanditSettings(arms: 7, trials: 3))
        let found = try lives(tasks, task: 0, seed: seed, actors: 7000)
        for (trial, options) in [(0, 7), (1, 6), (2, 5)] {
            // Whichever place the arm has among those that were not pulled yet.
            var counts = [Double](repeating: 0, count: options)
            for life in found {
                let fresh = (0..<7).filter { !life.arms.prefix(trial).contains($0) }
                counts[try #require(fresh.firstIndex(of: life.arms[trial]))] += 1
            }
            let expected = 7000 / Double(options)
            let deviation = 5 * (expected * (1 - 1 / Double(options))).squareRoot()
            #expect(counts.allSatisfy { abs($0 - expected) < deviation }, "seed \(seed), trial \(trial): \(counts)")
        }
    }

    @Test("every episode is a life of its own, and the same in whichever process it is lived")
    func episodes() throws {
        let tasks = try BanditTasks(settings: BanditSettings(arms: 4, trials: 30))
        let together = try lives(tasks, task: 5, seed: 3, actors: 6, episodes: 3)
        let apart = try lives(tasks, task: 5, seed: 3, actors: 6, episodes: 3, groups: 3)
        #expect(together.map(\.arms) == apart.map(\.arms) && together.map(\.rewards) == apart.map(\.rewards))
        for life in together {
            for episode in 0..<3 { #expect(Set(life.arms[(30 * episode)..<(30 * episode + 4)]).count == 4) }
            #expect(life.arms.prefix(30) != life.arms[30..<60])
        }
        #expect(together[0].arms != together[1].arms)
    }

    /// What a life has missed by not pulling the best arm, by the means of what it pulled; the mean over many tasks.
    private func regret(_ c: Double, trials: Int, seed: UInt64) throws -> (ucb: Double, random: Double) {
        let tasks = try BanditTasks(settings: BanditSettings(trials: trials))
        var total = (ucb: 0.0, random: 0.0)
        for id in 0..<200 {
            let references = tasks.references(of: try tasks.task(id))
            let (optimum, random) = (references.optimum ?? 0, references.random ?? 0)
            let lives = try lives(tasks, task: id, seed: seed, exploration: c, actors: 2)
            total.ucb += optimum - lives.reduce(0) { $0 + $1.rewards.reduce(0, +) } / 2
            total.random += optimum - random
        }
        return (total.ucb / 200, total.random / 200)
    }

    @Test("its regret grows slower than its life, and in a short one it is less with c = 0.3 than with UCB1's 2")
    func regret() throws {
        let seed = testSeed()
        let short = try regret(0.3, trials: 100, seed: seed)
        #expect(short.ucb < 0.5 * short.random, "seed \(seed): \(short)")
        let explorative = try regret(2, trials: 100, seed: seed)
        #expect(short.ucb < explorative.ucb && explorative.ucb < 0.9 * short.random, "seed \(seed): \(explorative)")
        let long = try regret(0.3, trials: 1000, seed: seed)
        #expect(long.ucb < 5 * short.ucb && abs(long.random - 10 * short.random) < 1e-6 * long.random, "seed \(seed)")
    }

    @Test("its learner counts rollouts, and goes on counting where it has saved")
    func learner() throws {
        let tasks = try BanditTasks(settings: BanditSettings(arms: 3, trials: 8))
        let lifetime = try LocalLifetime(
            algorithm: algorithm(0.3), tasks: tasks, task: try tasks.task(0), repetition: 0, seed: 1, actors: 2)
        let reports = try (0..<3).flatMap { _ in try lifetime.learn(from: try lifetime.collect(episodeLimit: 9)) }
        #expect(reports.map(\.version) == [1, 2, 3] && reports.map(\.learntRows) == [16, 16, 16])
        let saved = lifetime.learner.save()
        let needs = try algorithm(0.3).needs(environment: tasks.environment, actors: 2)
        #expect(needs.rolloutLength == 8 && saved.count <= needs.largestSavedBytes)
        let other = try algorithm(0.3).makeLearner(
            scene: Scene(environment: tasks.environment), seed: 1, task: 0, repetition: 0)
        try other.restore(saved)
        #expect(other.version == 3)
        var damaged = saved
        damaged[5] ^= 1
        #expect(throws: SourceAlgorithmError.self) { try other.restore(damaged) }
        #expect(throws: SourceAlgorithmError.self) { try other.restore([]) }
    }

    @Test("an environment that is no bandit is refused, and told what it lacks")
    func refusals() throws {
        func refusal(_ observation: Space, _ action: Space, _ horizon: Int?) throws -> String {
            let environment = EnvironmentDescription(
                name: "x", observationSpace: observation, actionSpace: action, horizon: horizon, json: "{}")
            return try #require(throws: SourceAlgorithmError.self) {
                try algorithm(0.3).needs(environment: environment, actors: 1)
            }.description
        }
        let (one, three) = (Space.multiDiscrete(counts: [1]), Space.discrete(count: 3))
        let box = Space.box(shape: [1], type: .float32, low: 0, high: 1)
        #expect(try refusal(one, box, 5).contains("needs discrete actions, x has Box"))
        #expect(try refusal(.multiDiscrete(counts: [9, 9]), three, 5).contains("x shows MultiDiscrete([9 9])"))
        #expect(try refusal(box, three, 5).contains("only observation is always the same"))
        #expect(try refusal(one, three, nil).contains("x sets no limit"))
        #expect(
            try algorithm(0.3).needs(environment: try BanditTasks().environment, actors: 1).rolloutLength == 100)
    }
}
