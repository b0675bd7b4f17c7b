/// Follows a lifetime by its finished episodes and says how many episodes each actor lives.
///
/// Deterministic where the same episodes come with the same calls, as they do in lockstep: one call an update. Saved
/// with the learner, therefore `Codable`.
///
/// Example: with `window` 20, `share` 0.9 and `extraEpisodes` 50, on a task whose optimum is 19, the limit falls once
/// the mean over the last 20 episodes of all actors is at least 17.1; where the longest-lived actor has then had 130
/// episodes, it falls from 500 to 180.
package struct LifetimeProgress: Sendable, Codable {
    private let rule: LifetimeEnd.Convergence?
    private let threshold: Double
    private var indexOfActor: [Int: Int]
    private var streams: [Stream]
    /// Every actor stops at the end of its first episode with which it has lived at least this many: the
    /// `episodeLimit` of `RolloutCollector`. Never rises.
    package private(set) var episodeLimit: UInt64
    /// Episodes that the longest-lived actor had finished when the rule of convergence was met.
    package private(set) var convergedAtEpisode: UInt64?

    private struct Stream: Codable {
        /// Returns of the last whole episodes; `next` is the oldest once there are `window` of them.
        var recent: [Double] = []
        var next = 0
    }

    /// `optimalReturn`: of the lifetime's task. Without one above 0 only the hard maximum ends the lifetime: a share of
    /// 0, as of a goal that the horizon puts out of reach, is reached by a learner that has learnt nothing.
    package init(end: LifetimeEnd, optimalReturn: Double?, actors: [Int]) {
        let rule = (optimalReturn ?? 0) > 0 ? end.converged : nil
        self.rule = rule
        threshold = (rule?.share ?? 0) * (optimalReturn ?? 0)
        let ordered = Set(actors).sorted()
        indexOfActor = Dictionary(uniqueKeysWithValues: ordered.enumerated().map { ($1, $0) })
        streams = Array(repeating: Stream(), count: ordered.count)
        episodeLimit = UInt64(end.episodesPerActor)
    }

    /// Episodes of the actor that has lived longest.
    package private(set) var longestLife: UInt64 = 0

    /// No actor takes part until it joins (again). What was lived keeps counting towards the longest life.
    package mutating func forgetActors() {
        indexOfActor = [:]
        streams = []
    }

    /// An actor takes part from now on, if it did not yet. The mean return is nil until it has lived `window` episodes.
    package mutating func join(_ actor: Int) {
        guard indexOfActor[actor] == nil else { return }
        indexOfActor[actor] = streams.count
        streams.append(Stream())
    }

    /// An actor takes part no longer; what it has lived keeps counting towards the longest life.
    package mutating func leave(_ actor: Int) {
        guard let index = indexOfActor.removeValue(forKey: actor) else { return }
        streams.remove(at: index)
        for (other, place) in indexOfActor where place > index { indexOfActor[other] = place - 1 }
    }

    /// Mean return of the last `window` whole episodes of every actor; nil before every actor has had so many, and
    /// without a rule of convergence.
    package var recentMeanReturn: Double? {
        guard let rule, !streams.isEmpty, streams.allSatisfy({ $0.recent.count == rule.window }) else { return nil }
        let sum = streams.reduce(0.0) { $0 + $1.recent.reduce(0, +) }
        return sum / Double(rule.window * streams.count)
    }

    /// Takes note of finished episodes and applies the rule once after all of them. The episodes of one actor must come
    /// in order. Actors that are not part of the lifetime are ignored.
    package mutating func add(_ finished: [FinishedEpisode]) {
        for episode in finished {
            guard let index = indexOfActor[episode.actor] else { continue }
            longestLife = max(longestLife, episode.episode + 1)
            guard let rule else { continue }
            if streams[index].recent.count < rule.window {
                streams[index].recent.append(episode.totalReward)
            } else {
                streams[index].recent[streams[index].next] = episode.totalReward
                streams[index].next = (streams[index].next + 1) % rule.window
            }
        }
        guard let rule, convergedAtEpisode == nil, let mean = recentMeanReturn, mean >= threshold else { return }
        convergedAtEpisode = longestLife
        episodeLimit = min(episodeLimit, longestLife + UInt64(rule.extraEpisodes))
    }
}
