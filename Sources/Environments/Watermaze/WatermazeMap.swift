import CRendering
import Experience

/// The pool seen from above: its walls with their pictures, the platform, and where an agent stands and looks.
extension WatermazeTasks: PlacedTasks, DrawnTasks {
    package var actionNames: [String] {
        [
            "forward", "backward", "left", "right", "turn left", "turn right", "forward, turn left",
            "forward, turn right",
        ]
    }

    package func picture(of task: Task) throws -> String {
        let platform = try platform(of: task.json)
        let distance = dot(platform, platform).squareRoot().rounded()
        return "the platform's centre is at (\(platform.x), \(platform.y)), \(Int(distance)) from where episodes begin"
    }

    package var placeName: String { "platform" }
    package var placeRadius: Float { Float(RENDERING_PLATFORM_RADIUS) }
    package func place(of task: Task) throws -> SIMD2<Float> { try platform(of: task.json) }

    package var ground: TaskMap { map([]) }

    package func map(of task: Task) throws -> TaskMap {
        let platform = try platform(of: task.json)
        let (edge, top) = (SIMD3<UInt8>(150, 118, 60), SIMD3<UInt8>(226, 190, 104))
        return map([
            TaskMap.Area(Self.octagon(around: platform, placeRadius), edge),
            TaskMap.Area(Self.octagon(around: platform, placeRadius - 9), top),
        ])
    }

    /// The walls with their pictures and the floor, with this on it.
    private func map(_ areas: [TaskMap.Area]) -> TaskMap {
        let (wall, floor) = (SIMD3<UInt8>(52, 84, 168), SIMD3<UInt8>(150, 196, 192))
        let pool = [
            TaskMap.Area(Self.walls(Self.outside), wall), TaskMap.Area(Self.walls(Float(RENDERING_APOTHEM)), floor),
        ]
        let pictures = (0..<Int(RENDERING_PICTURES)).flatMap(Self.picture)
        let half = Self.outside * 1.03
        return TaskMap(
            low: SIMD2(-half, -half), side: 2 * half, areas: pool + pictures + areas, agentLength: 90,
            spread: WatermazeView.spread(settings))
    }

    package func stand(of observation: [UInt8]) -> TaskMap.Stand? {
        guard environment.hasView, observation.count == WatermazeState.space.byteCount else { return nil }
        let state = observation.withUnsafeBytes { bytes in
            bytes.baseAddress.map { WatermazeState(reading: $0) } ?? WatermazeState()
        }
        return TaskMap.Stand(place: state.place, ahead: direction(degrees: state.heading))
    }

    /// How far out a wall is drawn.
    private static let outside = Float(RENDERING_APOTHEM) + 44

    /// The corners of the walls at this distance from the centre.
    private static func walls(_ apothem: Float) -> [SIMD2<Float>] {
        let half = direction(degrees: 180 / Float(RENDERING_WALLS))
        return (0..<Int(RENDERING_WALLS)).map { wall in
            apothem / half.x * direction(degrees: (Float(wall) + 0.5) * 360 / Float(RENDERING_WALLS))
        }
    }

    private static func octagon(around centre: SIMD2<Float>, _ radius: Float) -> [SIMD2<Float>] {
        (0..<Int(RENDERING_PLATFORM_SIDES)).map { corner in
            centre + radius * direction(degrees: (Float(corner) + 0.5) * 360 / Float(RENDERING_PLATFORM_SIDES))
        }
    }

    /// The colours of a wall's picture along its middle, left to right as they are seen from within, in strips of one colour.
    private static func picture(_ number: Int) -> [TaskMap.Area] {
        let texels = 32
        let outwards = direction(degrees: 360 * Float(number) / Float(RENDERING_PICTURES))
        let left = SIMD2(-outwards.y, outwards.x)
        let half = Float(RENDERING_PICTURE_HALF)
        let colours = (0..<texels).map { column in
            var colour = [UInt8](repeating: 0, count: 3)
            rendering_texel(Int32(number), Int32(column), Int32(texels / 2), &colour)
            return SIMD3(colour[0], colour[1], colour[2])
        }
        let begins = colours.indices.filter { $0 == 0 || colours[$0] != colours[$0 - 1] }
        return zip(begins, begins.dropFirst() + [texels]).map { first, last in
            let along = [first, last].map { half - 2 * half * Float($0) / Float(texels) }
            let depth = [Float(RENDERING_APOTHEM), outside]
            let corners = [(0, 0), (1, 0), (1, 1), (0, 1)].map { depth[$0.1] * outwards + along[$0.0] * left }
            return TaskMap.Area(corners, colours[first])
        }
    }
}
