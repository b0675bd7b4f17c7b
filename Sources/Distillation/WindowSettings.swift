import Models

/// Which pieces of the learning histories the model is shown.
package struct WindowSettings: Sendable, Equatable, Codable {
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

    package init() {}

    /// Throws `SettingsError` for the first setting that makes no sense.
    package func validate() throws {
        try require(everyEpisodes, in: 1...1_000_000, "everyEpisodes")
        try require(shareFromStart, in: 0...1, "shareFromStart")
        if let maximumStreamsPerLifetime {
            try require(maximumStreamsPerLifetime, in: 1...1_000_000, "maximumStreamsPerLifetime")
        }
    }
}
