import Experience

/// The dark rooms as grids, for those who draw them: only what is placed in a room differs.
///
/// Size and start follow from the description that all rooms have in common.
package protocol RoomTasks: GridTasks, EnvironmentKind {}

extension RoomTasks {
    package var actionNames: [String] { ["left", "right", "up", "down", "stay"] }

    package var size: GridSize {
        guard case .multiDiscrete(let counts) = environment.observationSpace, counts.count == 2 else {
            return GridSize(columns: 0, rows: 0)
        }
        return GridSize(columns: counts[0], rows: counts[1])
    }

    package func places(of task: Task) throws -> [GridCell] {
        let example = "{\(placeNames.sorted().map { "\"\($0)\":[1,2]" }.joined(separator: ","))}"
        return try readCells(
            task.json, placeNames, size: size.columns, environment: environment.name, example: example
        ).map { GridCell(x: Int($0.x), y: Int($0.y)) }
    }

    package func cell(of observation: [UInt8]) -> GridCell {
        GridCell(x: Int(observation.first ?? 0), y: Int(observation.last ?? 0))
    }

    fileprivate var centre: GridCell { GridCell(x: size.columns / 2, y: size.rows / 2) }
}

extension DarkRoomTasks: RoomTasks {
    package var start: GridCell? { centre }
    package var placeNames: [String] { ["goal"] }
    package var rewardsEachPlaceOnce: Bool { false }
}

extension DarkRoomHardTasks: RoomTasks {
    package var start: GridCell? { centre }
    package var placeNames: [String] { ["goal"] }
    package var rewardsEachPlaceOnce: Bool { true }
}

extension KeyToDoorTasks: RoomTasks {
    package var start: GridCell? { nil }
    package var placeNames: [String] { ["key", "door"] }
    package var rewardsEachPlaceOnce: Bool { true }
}
