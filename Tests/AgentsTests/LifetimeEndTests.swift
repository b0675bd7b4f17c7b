import Agents
import Experience
import Settings
import TestSupport
import Testing

@Suite("The end of a lifetime")
struct LifetimeEndTests {
    private func episodes(_ number: UInt64, _ returns: [Double]) -> [FinishedEpisode] {
        returns.enumerated().map { FinishedEpisode(actor: $0, episode: number, totalReward: $1) }
    }

    @Test("without a rule of convergence every actor lives the most episodes")
    func hardMaximum() {
        var progress = LifetimeProgress(end: LifetimeEnd(episodesPerActor: 30), optimalReturn: 10, actors: [0, 1])
        for number in 0..<20 { progress.add(episodes(UInt64(number), [10, 10])) }
        #expect(progress.episodeLimit == 30)
        #expect(progress.longestLife == 20)
        #expect(progress.convergedAtEpisode == nil)
    }

    @Test("convergence looks at the last episodes of every actor and then grants some more")
    func convergence() {
        let end = LifetimeEnd(
            episodesPerActor: 100, converged: LifetimeEnd.Convergence(window: 3, share: 0.9, extraEpisodes: 4))
        var progress = LifetimeProgress(end: end, optimalReturn: 10, actors: [0, 1])
        for number in 0..<5 { progress.add(episodes(UInt64(number), [10, 2])) }
        #expect(progress.recentMeanReturn == 6)
        progress.add(episodes(5, [10, 10]))
        progress.add(episodes(6, [10, 6]))
        #expect(progress.episodeLimit == 100)
        progress.add(episodes(7, [10, 8]))
        // (30 + 24) / 6 is 90 % of 10.
        #expect(progress.convergedAtEpisode == 8)
        #expect(progress.episodeLimit == 12)
        for number in 8..<12 { progress.add(episodes(UInt64(number), [0, 0])) }
        #expect(progress.episodeLimit == 12)
        #expect(progress.convergedAtEpisode == 8)
    }

    @Test("one actor without enough episodes holds convergence up")
    func slowActor() {
        let end = LifetimeEnd(
            episodesPerActor: 100, converged: LifetimeEnd.Convergence(window: 2, share: 0.5, extraEpisodes: 0))
        var progress = LifetimeProgress(end: end, optimalReturn: 1, actors: [4, 7])
        for number in UInt64(0)..<9 { progress.add([FinishedEpisode(actor: 4, episode: number, totalReward: 1)]) }
        progress.add([FinishedEpisode(actor: 7, episode: 0, totalReward: 1)])
        progress.add([FinishedEpisode(actor: 99, episode: 500, totalReward: 1)])
        #expect(progress.episodeLimit == 100)
        progress.add([FinishedEpisode(actor: 7, episode: 1, totalReward: 0)])
        #expect(progress.convergedAtEpisode == 9)
        #expect(progress.episodeLimit == 9)
    }

    @Test("an optimum that is not above 0 is not reached by having learnt nothing", arguments: [0, -3] as [Double])
    func noOptimum(optimalReturn: Double) {
        let end = LifetimeEnd(
            episodesPerActor: 100, converged: LifetimeEnd.Convergence(window: 2, share: 0.9, extraEpisodes: 1))
        var progress = LifetimeProgress(end: end, optimalReturn: optimalReturn, actors: [0, 1])
        for number in 0..<9 { progress.add(episodes(UInt64(number), [0, 0])) }
        #expect(progress.convergedAtEpisode == nil)
        #expect(progress.episodeLimit == 100)
    }

    @Test("convergence never prolongs a life beyond its maximum")
    func bounded() {
        let end = LifetimeEnd(
            episodesPerActor: 10, converged: LifetimeEnd.Convergence(window: 1, share: 1, extraEpisodes: 50))
        var progress = LifetimeProgress(end: end, optimalReturn: 1, actors: [0])
        progress.add(episodes(3, [1]))
        #expect(progress.episodeLimit == 10)
        #expect(progress.convergedAtEpisode == 4)
    }

    @Test("an unknown optimum leaves only the maximum")
    func unknownOptimum() {
        let end = LifetimeEnd(episodesPerActor: 10, converged: LifetimeEnd.Convergence())
        var progress = LifetimeProgress(end: end, optimalReturn: nil, actors: [0])
        for number in 0..<9 { progress.add(episodes(UInt64(number), [1000])) }
        #expect(progress.episodeLimit == 10)
    }

    @Test("settings out of range are refused by name")
    func refused() throws {
        try LifetimeEnd().validate()
        let bad: [(String, LifetimeEnd)] = [
            ("episodes_per_actor", LifetimeEnd(episodesPerActor: 0)),
            ("converged.window", LifetimeEnd(converged: LifetimeEnd.Convergence(window: 0))),
            ("converged.share_of_optimum", LifetimeEnd(converged: LifetimeEnd.Convergence(share: .nan))),
            ("converged.extra_episodes", LifetimeEnd(converged: LifetimeEnd.Convergence(extraEpisodes: -1))),
        ]
        for (name, end) in bad {
            let error = #expect(throws: SettingsError.self) { try end.validate() }
            #expect(error?.description.contains(name) == true)
        }
    }
}

@Suite("Returns of finished episodes")
struct EpisodeReturnsTests {
    /// A rollout of actor 0 with one reward a row; `ends` are the rows that end an episode.
    private func rollout(
        _ rewards: [Float], ends: Set<Int> = [], sequence: UInt64, incarnation: UInt64 = 0, firstEpisode: UInt64
    ) -> RolloutBatch {
        RolloutBatch(
            lifetime: LifetimeIdentifier(task: 0, repetition: 0),
            headers: [
                RolloutHeader(
                    actor: 0, incarnation: incarnation, sequence: sequence, policyVersion: 0,
                    firstEpisode: firstEpisode, length: rewards.count, finishedEpisodes: ends.count, checksum: 0,
                    isLast: false)
            ],
            observations: [UInt8](repeating: 0, count: rewards.count),
            actions: [UInt8](repeating: 0, count: rewards.count), rewards: rewards,
            terminations: [UInt8](repeating: 0, count: rewards.count),
            truncations: rewards.indices.map { ends.contains($0) ? 1 : 0 },
            finalObservations: [UInt8](repeating: 0, count: ends.count))
    }

    private func add(_ returns: inout EpisodeReturns, _ batches: RolloutBatch...) -> [[Double]] {
        returns.add(batches, RolloutLayout(observationBytes: 1, actionBytes: 1)).map {
            [Double($0.episode), $0.totalReward]
        }
    }

    @Test("an episode's return is added up over the rollouts that it spans")
    func spanning() {
        var returns = EpisodeReturns()
        #expect(add(&returns, rollout([1, 1, 1], sequence: 0, firstEpisode: 0)).isEmpty)
        #expect(add(&returns, rollout([1, 1, 5], ends: [1], sequence: 1, firstEpisode: 0)) == [[0, 5]])
        #expect(add(&returns, rollout([1, 2, 3], ends: [0, 2], sequence: 2, firstEpisode: 1)) == [[1, 6], [2, 5]])
    }

    @Test("rollouts that come in another order in one call are put in order, repeated ones ignored")
    func order() {
        var returns = EpisodeReturns()
        let first = rollout([1, 1], sequence: 0, firstEpisode: 0)
        let second = rollout([1, 1], ends: [1], sequence: 1, firstEpisode: 0)
        #expect(add(&returns, second, first, first) == [[0, 4]])
        #expect(add(&returns, second).isEmpty)
    }

    @Test("an episode that a new incarnation cut has no return")
    func incarnation() {
        var returns = EpisodeReturns()
        #expect(add(&returns, rollout([9, 9], sequence: 0, firstEpisode: 0)).isEmpty)
        let next = rollout([1, 1], ends: [1], sequence: 1, incarnation: 2, firstEpisode: 1)
        #expect(add(&returns, next) == [[1, 2]])
        #expect(add(&returns, rollout([5, 5], ends: [1], sequence: 1, firstEpisode: 0)).isEmpty)
    }

    @Test("an episode with a missing rollout has no return, the next one has")
    func gap() {
        var returns = EpisodeReturns()
        #expect(add(&returns, rollout([9, 9], sequence: 0, firstEpisode: 0)).isEmpty)
        #expect(add(&returns, rollout([1, 1, 2], ends: [0, 2], sequence: 2, firstEpisode: 0)) == [[1, 3]])
    }
}
