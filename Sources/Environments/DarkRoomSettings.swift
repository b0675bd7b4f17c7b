/// A square room whose goal cannot be seen (paper, section 4: Dark Room).
package struct DarkRoomSettings: Hashable, Sendable, Codable {
    /// Cells along a side; an episode starts in cell (size / 2, size / 2).
    package var size: Int
    /// Steps of an episode.
    package var horizon: Int

    package init(size: Int = 9, horizon: Int = 20) {
        self.size = size
        self.horizon = horizon
    }

    /// Coordinates are stored as bytes; the bound keeps the list of all tasks small.
    package static let acceptedSizes = 2...128
    package static let acceptedHorizons = 1...100_000

    /// Throws `EnvironmentError` naming the setting, its value and the accepted range.
    package func validate() throws {
        guard Self.acceptedSizes.contains(size) else {
            throw EnvironmentError("dark-room: size is \(size), expected \(Self.acceptedSizes.spelled) cells")
        }
        guard Self.acceptedHorizons.contains(horizon) else {
            throw EnvironmentError("dark-room: horizon is \(horizon), expected \(Self.acceptedHorizons.spelled) steps")
        }
    }

    /// `{"horizon":20,"size":9}`: the stream attribute `environment_json`.
    package var json: String { "{\"horizon\":\(horizon),\"size\":\(size)}" }

    /// Reads what `json` writes. Throws `EnvironmentError` on anything else.
    package init(json: String) throws {
        let numbers = try readJSON(json, as: [String: Int].self, what: "settings of dark-room", example: Self().json)
        guard Set(numbers.keys) == ["horizon", "size"], let size = numbers["size"], let horizon = numbers["horizon"]
        else {
            throw EnvironmentError(
                "settings of dark-room have the keys \(numbers.keys.sorted()), expected exactly horizon and size, "
                    + "as in \(Self().json)")
        }
        self.init(size: size, horizon: horizon)
        try validate()
    }
}

extension ClosedRange where Bound == Int {
    /// For error messages: `2 to 128`.
    package var spelled: String { "\(lowerBound) to \(upperBound)" }
}
