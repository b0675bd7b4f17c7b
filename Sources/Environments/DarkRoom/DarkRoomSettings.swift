package import Settings

/// A square room whose goal cannot be seen (paper, section 4: Dark Room).
package struct DarkRoomSettings: SettingsGroup {
    /// Cells along a side; an episode starts in cell (size / 2, size / 2).
    package var size = 9
    /// Steps of an episode.
    package var horizon = 20

    package init() {}

    package init(size: Int = 9, horizon: Int = 20) {
        self.size = size
        self.horizon = horizon
    }

    /// Coordinates are stored as bytes; the bound keeps the list of all tasks small.
    package static let entries: [Entry<DarkRoomSettings>] = [
        .key(
            "size", \.size, .integer(2...128), stated: true,
            "Cells along a side of the room; there is one task for each cell."),
        .key("horizon", \.horizon, .integer(1...100_000), stated: true, "Steps of an episode."),
    ]
}
