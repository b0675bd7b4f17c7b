import Experience
package import Settings

/// How good a prompt an evaluation begins with, and how long it is: the section `prompt` of an element of `evaluations`.
/// The paper's Figure 5 has 5, 25, 50, 75 and 100 % of the optimum.
package struct PromptSettings: SettingsGroup {
    /// The prompt's mean return as a share of the task's best possible one.
    package var quality = 1.0
    /// Transitions that whole episodes of it may have together.
    package var transitions = 100

    package init() {}

    package init(quality: Double, transitions: Int = 100) {
        self.quality = quality
        self.transitions = transitions
    }

    package static let entries: [Entry<PromptSettings>] = [
        .key(
            "quality", \.quality, .number(0, 1),
            "Mean return of the prompt's episodes, of the task's optimum; the nearest that was recorded is taken."),
        .key(
            "transitions", \.transitions, .integer(1...PromptRows.mostRows),
            "How long the prompt is: as many whole episodes as have so many transitions at most."),
    ]
}
