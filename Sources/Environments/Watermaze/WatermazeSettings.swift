package import Settings

/// A round pool, seen in first person, with a platform that is out of sight until it is found (paper, section 4:
/// Watermaze; the arena is that of DMLab's map `em_watermaze`, lengths are in its units).
package struct WatermazeSettings: SettingsGroup {
    /// What streams store of each observation.
    package enum Stored: String, CaseIterable, Sendable {
        /// Where the agent stands, of which pictures are drawn when they are needed: 16 bytes.
        case states
        /// The picture: 20,736 bytes at the paper's resolution.
        case frames
    }

    /// Pixels across.
    package var width = 96
    /// Pixels from top to bottom.
    package var height = 72
    /// Degrees of view across.
    package var fieldOfView = 90.0
    /// Most steps of an episode.
    package var horizon = 50
    /// Whether the step that finds the platform ends the episode. The paper's episodes go on to their horizon: 160 of them take
    /// 8,400 steps in its Figure 4. AD-eps (Zisman et al. 2024) ends them.
    package var endsWhenFound = false
    /// Length of a move. The paper does not give it; with moves of 70 and turns of 45 degrees a uniformly random policy
    /// finds the platform in about 0.16 of the episodes, which is where the paper's AD and ED begin.
    package var move = 70.0
    /// Degrees of a turn.
    package var turn = 45.0
    /// Least distance of a platform's centre from the arena's.
    package var leastRadius = 0.0
    /// Largest distance of a platform's centre from the arena's.
    package var largestRadius = 580.0
    package var stored = Stored.states

    package init() {}

    package static let entries: [Entry<WatermazeSettings>] = [
        .key("width", \.width, .integer(8...1024), stated: true, "Pixels of a picture across."),
        .key("height", \.height, .integer(8...1024), stated: true, "Pixels of a picture from top to bottom."),
        .key("horizon", \.horizon, .integer(1...100_000), stated: true, "Most steps of an episode."),
        .key(
            "ends_when_found", \.endsWhenFound, .boolean,
            "Whether the step that finds the platform ends the episode, as the paper's does not."),
        .key("field_of_view", \.fieldOfView, .number(10, 150), "Degrees of view across."),
        .key("move", \.move, .number(1, 700), "Length of a move; the arena is 1,520 across."),
        .key("turn", \.turn, .number(1, 180), "Degrees of a turn."),
        .key("least_radius", \.leastRadius, .number(0, 680), "Least distance of a platform's centre from the arena's."),
        .key(
            "largest_radius", \.largestRadius, .number(0, 680),
            "Largest distance of a platform's centre from the arena's."),
        .key(
            "store", \.stored, .choice,
            "What streams store: `states`, of which the pictures are drawn when they are needed, or the `frames`."),
    ]
}
