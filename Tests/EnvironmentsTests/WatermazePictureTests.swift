import CRendering
import Environments
import Experience
import Foundation
import Testing

/// What one ray meets, computed in double precision for this pixel alone, from the planes in space.
private struct ReferenceRay {
    enum Surface: Equatable { case wall, ceiling, floor, picture(Int), platformSide, platformTop }

    let surface: Surface
    let colour: [Double]

    private static let colours: [(Surface, [Double])] = [
        (.wall, [52, 84, 168]), (.floor, [64, 120, 116]), (.ceiling, [176, 184, 196]),
        (.platformTop, [214, 178, 96]), (.platformSide, [150, 118, 60]),
    ]

    /// The agent's `state`; the ray goes through the middle of pixel (row, column) of a picture of 96 x 72 with 90 degrees
    /// across.
    init(state: [Double], platform: (Double, Double), row: Double, column: Double) {
        let heading = state[2] * .pi / 180
        let isRisen = state[3] > 0.5
        let sides = (0..<8).map { side in (cos(Double(side) * .pi / 4), sin(Double(side) * .pi / 4)) }
        let apothem = 64 * cos(Double.pi / 8)
        let onPlatform =
            isRisen
            && sides.allSatisfy {
                (state[0] - platform.0) * $0.0 + (state[1] - platform.1) * $0.1 <= apothem + 0.01
            }
        let eye = 50.0 + (onPlatform ? 94 : 0)
        let right = (column - 48) / 48
        let up = (36 - row) / 48
        let ray = (cos(heading) + right * sin(heading), sin(heading) - right * cos(heading), up)
        // Depths are multiples of the ray, whose part along the agent's gaze is 1.
        var best = (depth: Double.infinity, surface: Surface.wall)
        var colour: [Double]?
        func meet(_ depth: Double, _ surface: Surface, _ painted: [Double]? = nil) {
            guard depth > 1e-9, depth < best.depth else { return }
            best = (depth, surface)
            colour = painted
        }
        if up < 0 { meet(-eye / up, .floor) }
        if up > 0 { meet((192 - eye) / up, .ceiling) }
        for wall in 0..<16 {
            let normal = (cos(Double(wall) * .pi / 8), sin(Double(wall) * .pi / 8))
            let speed = ray.0 * normal.0 + ray.1 * normal.1
            guard speed > 1e-9 else { continue }
            let depth = (760 - state[0] * normal.0 - state[1] * normal.1) / speed
            let (x, y, z) = (state[0] + depth * ray.0, state[1] + depth * ray.1, eye + depth * up)
            let along = y * normal.0 - x * normal.1
            guard wall % 2 == 0, abs(along) < 64, abs(z - 96) < 64 else {
                meet(depth, .wall)
                continue
            }
            var texel: [UInt8] = [0, 0, 0]
            rendering_texel(
                Int32(wall / 2), Int32((64 - along) / 128 * 32), Int32((160 - z) / 128 * 32), &texel)
            meet(depth, .picture(wall / 2), texel.map { Double($0) })
        }
        if isRisen {
            func isOver(_ depth: Double) -> Bool {
                sides.allSatisfy {
                    (state[0] + depth * ray.0 - platform.0) * $0.0 + (state[1] + depth * ray.1 - platform.1) * $0.1
                        <= apothem + 1e-9
                }
            }
            if up < 0, eye > 94, isOver((94 - eye) / up) { meet((94 - eye) / up, .platformTop) }
            for side in sides where !onPlatform {
                let speed = ray.0 * side.0 + ray.1 * side.1
                guard speed < -1e-9 else { continue }
                let depth =
                    (apothem - (state[0] - platform.0) * side.0 - (state[1] - platform.1) * side.1) / speed
                if depth > 0, eye + depth * up < 94, eye + depth * up > 0, isOver(depth) { meet(depth, .platformSide) }
            }
        }
        surface = best.surface
        let base = colour ?? Self.colours.first { $0.0 == best.surface }?.1 ?? []
        self.colour = base.map { $0 * 1400 / (1400 + best.depth) }
    }
}

@Suite("Pictures of the Watermaze") struct WatermazePictureTests {
    private func picture(_ state: [Float], platform: (Double, Double), _ settings: WatermazeSettings = .init()) throws
        -> [UInt8]
    {
        let tasks = try WatermazeTasks(settings: settings)
        let task = Task(id: 0, split: .train, json: "{\"platform\":[\(platform.0),\(platform.1)]}")
        let view = try #require(try tasks.view(of: task))
        var pixels = [UInt8](repeating: 0, count: 3 * settings.width * settings.height)
        view.see(state, count: 1, into: &pixels)
        return pixels
    }

    /// States on the ground and on the platform, all over the arena.
    private static let states: [[Float]] = (0..<60).map { index in
        let draw = Philox(StreamKey(seed: 7, task: index, repetition: 0, actor: 0))
        func number(_ step: UInt32) -> Float { draw.uniform(.other, episode: 0, step: step) }
        if index % 4 == 0 {
            return [300 + 40 * (number(0) - 0.5), 250 + 40 * (number(1) - 0.5), 360 * number(2), 1]
        }
        let (radius, angle) = (700 * number(0).squareRoot(), 2 * Float.pi * number(1))
        return [radius * cos(angle), radius * sin(angle), 360 * number(2), index % 4 == 1 ? 1 : 0]
    }

    @Test("are what a ray through the middle of each pixel meets, but at edges") func reference() throws {
        let platform = (300.0, 250.0)
        var (compared, edges) = (0, 0)
        var seen: Set<String> = []
        for state in Self.states {
            let pixels = try picture(state, platform: platform)
            let exact = state.map { Double($0) }
            func ray(_ row: Double, _ column: Double) -> ReferenceRay {
                ReferenceRay(state: exact, platform: platform, row: row, column: column)
            }
            for row in 0..<72 {
                for column in 0..<96 {
                    let middle = ray(Double(row) + 0.5, Double(column) + 0.5)
                    // Within the pixel another surface may begin; of a picture on a wall a pixel far away shows the mean
                    // of what is around it.
                    let places: [Double] =
                        if case .picture = middle.surface { (0..<8).map { Double($0) * 3 / 7 - 1 } } else { [0, 1] }
                    let around = places.flatMap { down in
                        places.map { ray(Double(row) + down, Double(column) + $0) }
                    }
                    let isEdge = around.contains { other in
                        other.surface != middle.surface
                            || zip(other.colour, middle.colour).contains { abs($0 - $1) > 12 }
                    }
                    if isEdge {
                        edges += 1
                        continue
                    }
                    compared += 1
                    seen.insert("\(middle.surface)".prefix { $0 != "(" }.description)
                    for channel in 0..<3 {
                        let found = Double(pixels[3 * (96 * row + column) + channel])
                        #expect(
                            abs(found - middle.colour[channel]) < 9,
                            "state \(state) row \(row) column \(column) \(middle.surface)")
                    }
                }
            }
        }
        #expect(seen == ["wall", "ceiling", "floor", "picture", "platformSide", "platformTop"])
        #expect(Double(edges) < 0.15 * Double(compared), "\(edges) of \(compared)")
    }

    @Test("differ with the heading and hide the platform until it has risen") func hidden() throws {
        let state: [Float] = [0, 0, 30, 0]
        let here = try picture(state, platform: (300, 200))
        #expect(try picture(state, platform: (-200, 10)) == here)
        #expect(try picture([0, 0, 30, 1], platform: (300, 200)) != here)
        let headings = try (0..<24).map { try picture([0, 0, Float(15 * $0), 0], platform: (0, 500)) }
        #expect(Set(headings).count == 24)
    }

    @Test("can be drawn of any state that a file may hold, at any size") func anyState() throws {
        var settings = WatermazeSettings()
        for (width, height, angle) in [(8, 8, 10.0), (1024, 9, 150), (9, 1024, 90), (31, 17, 60)] {
            (settings.width, settings.height, settings.fieldOfView) = (width, height, angle)
            for x in [Float(-1000), -745, 0, 300, 760, 1000] {
                for heading in [Float(-1000), -0.0, 45, 999.9] {
                    for risen in [Float(-1000), 0, 1, 1000] {
                        _ = try picture([x, 250, heading, risen], platform: (300, 250), settings)
                    }
                }
            }
        }
    }
}
