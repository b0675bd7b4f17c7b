package import Settings

/// What a report shows of the models' attention (paper, Figure 15): the optional section `attention`.
///
/// The decisions at `rows` of the first seed's stream of each of the first `tasks` tasks of an evaluation, by the last
/// checkpoint of the first training.
package struct AttentionSettings: SettingsGroup {
    /// See `CurveName`: an evaluation of a distilled model.
    package var curve = "test"
    /// Rows of an evaluation's stream, the transitions whose actions are chosen.
    package var rows = [400]
    package var tasks = 16

    package init() {}

    package static let entries: [Entry<AttentionSettings>] = [
        .key(
            "curve", \.curve, .text("EVALUATION or VARIANT@EVALUATION"),
            "The evaluation whose streams are looked at: `test`, `ad@test`."),
        .key(
            "rows", \.rows, .list(of: .integer(0...100_000_000), count: 1...16),
            "Transitions of an evaluation's stream, from 0, at which the model's attention is shown."),
        .key("tasks", \.tasks, .integer(1...1_000), "Tasks whose streams are looked at, the first ones."),
    ]
}
