package import Settings

/// Which pieces of the learning histories the model is shown: the section `distil.windows` of an experiment. The
/// window's length c belongs to the model (`context_length`).
package struct WindowSettings: SettingsGroup {
    /// Only every k-th episode of a stream is kept, counted from an offset that is drawn anew for every window, so that
    /// a window spans more of the learning.
    package var everyEpisodes = 1
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
    /// How many train tasks are learnt from, the first by id; nil for all.
    package var tasks: Int?

    package init() {}

    package static let entries: [Entry<WindowSettings>] = [
        .key(
            "every_episodes", \.everyEpisodes, .integer(1...1_000_000),
            "Only every k-th episode of a stream is shown, from an offset that is drawn for each window."),
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
            "tasks", \.tasks, .optional(.integer(1...1_000_000), "all"),
            "Train tasks that are learnt from, the first by id."),
    ]
}
