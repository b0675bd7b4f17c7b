package import Settings

/// How many episodes of which environment make up a trial (paper, Table 6).
package struct TrialsSettings: SettingsGroup {
    /// The environment whose episodes are lived.
    package var of = EnvironmentSettings(RegisteredEnvironment(DarkRoomTasks.self))
    /// Episodes on one task, after which another is drawn.
    package var episodes = 10

    package init() {}

    package init(of environment: EnvironmentSettings, episodes: Int = 10) {
        of = environment
        self.episodes = episodes
    }

    package static let entries: [Entry<TrialsSettings>] = [
        .kinds(
            "of", \.of, of: RegisteredEnvironment.single, key: "name", "The environment whose episodes are lived.",
            "What trials are made of."),
        .key(
            "episodes", \.episodes, .integer(1...10_000), stated: true,
            "Episodes on one task, after which another is drawn."),
    ]
}
