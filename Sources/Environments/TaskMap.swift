/// A task seen from above: what lies where, in its environment's lengths. For people alone; nothing reads it back.
///
/// x goes to the right and y upwards, and angles count from x to y.
package struct TaskMap: Hashable, Sendable {
    /// A polygon in one colour, over those before it.
    package struct Area: Hashable, Sendable {
        /// In order around it, three or more.
        package let corners: [SIMD2<Float>]
        /// Red, green, blue.
        package let colour: SIMD3<UInt8>

        package init(_ corners: [SIMD2<Float>], _ colour: SIMD3<UInt8>) {
            self.corners = corners
            self.colour = colour
        }
    }

    /// The corner with the least x and y of the square that is drawn.
    package let low: SIMD2<Float>
    /// The square's side.
    package let side: Float
    /// In the order in which they are drawn.
    package let areas: [Area]
    /// Length of the mark that stands for an agent.
    package let agentLength: Float
    /// How far to each side an agent sees at distance 1, the tangent of half its field of view; nil where it looks in no
    /// direction.
    package let spread: Float?

    package init(
        low: SIMD2<Float>, side: Float, areas: [Area], agentLength: Float, spread: Float? = nil
    ) {
        self.low = low
        self.side = side
        self.areas = areas
        self.agentLength = agentLength
        self.spread = spread
    }

    /// Where an agent stands on a map.
    package struct Stand: Hashable, Sendable {
        package let place: SIMD2<Float>
        /// A unit vector; nil where it looks in no direction.
        package let ahead: SIMD2<Float>?

        package init(place: SIMD2<Float>, ahead: SIMD2<Float>? = nil) {
            self.place = place
            self.ahead = ahead
        }
    }
}

/// A distribution whose tasks have a map, on which the path of an episode can be drawn.
///
/// A capability beside `EnvironmentKind`, as `DrawnTasks` is for text.
package protocol MappedTasks: TaskDistribution {
    /// Throws `EnvironmentError` for a task of another distribution.
    func map(of task: Task) throws -> TaskMap
    /// Where an agent stands at this observation, in the bytes of what streams store; nil where that does not say.
    func stand(of observation: [UInt8]) -> TaskMap.Stand?
}

extension GridTasks {
    /// Cells are squares of side 1. Places have colours of their own; one that shares the cell of an earlier one has its
    /// lower half.
    package func map(of task: Task) throws -> TaskMap {
        let colours: [SIMD3<UInt8>] = [SIMD3(96, 180, 110), SIMD3(176, 120, 70), SIMD3(120, 110, 200)]
        let (ground, lines) = (SIMD3<UInt8>(232, 238, 238), SIMD3<UInt8>(196, 206, 208))
        let (width, height) = (Float(size.columns), Float(size.rows))
        func box(_ x: Float, _ y: Float, _ width: Float, _ height: Float, _ colour: SIMD3<UInt8>) -> TaskMap.Area {
            TaskMap.Area(
                [SIMD2(x, y), SIMD2(x + width, y), SIMD2(x + width, y + height), SIMD2(x, y + height)], colour)
        }
        let thickness: Float = 0.04
        var areas = [box(0, 0, width, height, ground)]
        let places = try places(of: task)
        for (index, cell) in places.enumerated() {
            let colour = colours[index % colours.count]
            let centre = centre(of: cell)
            let isShared = places[..<index].contains(cell)
            areas.append(box(centre.x - 0.5, centre.y - 0.5, 1, isShared ? 0.5 : 1, colour))
        }
        areas += (0...size.columns).map { box(Float($0) - thickness / 2, 0, thickness, height, lines) }
        areas += (0...size.rows).map { box(0, Float($0) - thickness / 2, width, thickness, lines) }
        let side = max(width, height) + 0.5
        return TaskMap(
            low: SIMD2((width - side) / 2, (height - side) / 2), side: side, areas: areas, agentLength: 0.4)
    }

    package func stand(of observation: [UInt8]) -> TaskMap.Stand? {
        TaskMap.Stand(place: centre(of: cell(of: observation)))
    }

    /// Row 0 is at the top.
    private func centre(of cell: GridCell) -> SIMD2<Float> {
        SIMD2(Float(cell.x) + 0.5, Float(size.rows - cell.y) - 0.5)
    }
}
