package import Settings

/// Which pieces of the learning histories the model is shown: the section `distil.windows` of an experiment. The
/// window's length c belongs to the model (`context_length`).
package struct WindowSettings: SettingsGroup {
    /// Only every k-th episode of a stream is kept, counted from an offset that is drawn anew for every window, so that
    /// a window spans more of the learning.
    package var everyEpisodes = 1
    /// Each stream shows so many episodes at most, every k-th with a k of its own in place of `everyEpisodes`: a life that
    /// learns slowly is shown at the pace of one that learns quickly, and weighs no more. Nil for one k for all.
    package var shownEpisodes: Int?
    /// Share of the windows that start at a stream's beginning.
    package var shareFromStart = 0.3
    /// Whether a window from the middle of a life also teaches the actions of its first half, where the context is too
    /// short to show how far the learning has come.
    package var teachFirstHalf = false
    /// Streams that are read of a lifetime, the first ones; nil reads all.
    package var maximumStreamsPerLifetime: Int?
    /// Share of each stream's rows that windows are taken from, the last ones: 1 for the whole learning, as Algorithm
    /// Distillation does, a small one for Expert Distillation. What begins the part counts as the stream's beginning;
    /// the part begins with an episode where it is at least one long.
    package var lastShare = 1.0
    /// At most this share of what is shown of a stream lies at the expert, whatever comes later is cut off; nil cuts
    /// nothing. A stream is at the expert from the first episode on at which a mean over a twentieth of its life has made
    /// nine tenths of the largest rise above that of its beginning; one that never rises is not cut. `lastShare` is of what
    /// is left.
    package var expertShare: Double?
    /// What a stream's weight is when windows are drawn.
    package var weighting = Weighting.rows
    /// How many train tasks are learnt from, the first by id; nil for all.
    package var tasks: Int?

    package init() {}

    package enum Weighting: String, Sendable, CaseIterable {
        /// Its rows: every row of all streams is as likely as any other.
        case rows
        /// Its rows times how much and how steadily it improves, as learning histories are filtered by arXiv
        /// 2505.15143: see `EpisodeReturns`. Where no stream improves, its rows.
        case improvement
    }

    /// Whether streams are judged by the returns of their episodes.
    var needsReturns: Bool { expertShare != nil || weighting == .improvement }

    package static let entries: [Entry<WindowSettings>] = [
        .key(
            "every_episodes", \.everyEpisodes, .integer(1...1_000_000),
            "Only every k-th episode of a stream is shown, from an offset that is drawn for each window."),
        .key(
            "shown_episodes", \.shownEpisodes, .optional(.integer(1...1_000_000), "none"),
            "Episodes that a window's thinning leaves of each stream at most: every k-th is shown, with a k for each stream, so that slow and quick lives learn at one pace and weigh the same. `none`: every_episodes for all."
        ),
        .key(
            "share_from_start", \.shareFromStart, .number(0, 1),
            "Share of the windows that start at a life's beginning."),
        .key(
            "teach_first_half", \.teachFirstHalf, .boolean,
            "Whether a window from mid-life teaches the actions of its first half too."),
        .key(
            "streams_per_lifetime", \.maximumStreamsPerLifetime, .optional(.integer(1...1_000_000), "all"),
            "Streams that are read of a lifetime, the first ones."),
        .key(
            "last_share", \.lastShare, .number(above: 0, to: 1),
            "Share of each stream that windows are taken from, its end: 1 shows all of the learning, 0.05 what was learnt (expert distillation)."
        ),
        .key(
            "expert_share", \.expertShare, .optional(.number(0, below: 1), "all"),
            "At most this share of what is shown of a stream lies at the expert, where its return has made nine tenths of its largest rise; what comes later is cut off. `all` cuts nothing."
        ),
        .key(
            "weighting", \.weighting, .choice,
            "Whether streams are drawn by their rows, or by their rows times how much (last return less first, of the best possible) and how steadily (net rise, of all ups and downs) they improve."
        ),
        .key(
            "tasks", \.tasks, .optional(.integer(1...1_000_000), "all"),
            "Train tasks that are learnt from, the first by id."),
    ]

    package func contradictions() -> [Contradiction] {
        guard shownEpisodes != nil, everyEpisodes > 1 else { return [] }
        return [
            Contradiction(
                ["shown_episodes", "every_episodes"],
                "each stream has a k of its own, or all have one; write one of them")
        ]
    }

    /// Which episodes of a stream of so many are shown: every k-th.
    package func every(of episodes: Int) -> Int {
        guard let shownEpisodes else { return everyEpisodes }
        return max(1, (episodes + shownEpisodes - 1) / shownEpisodes)
    }
}
