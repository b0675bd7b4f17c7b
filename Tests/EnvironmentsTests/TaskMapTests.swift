import Environments
import Experience
import Testing

@Suite("Maps of tasks") struct TaskMapTests {
    /// The colour of the topmost area at a place; nil where there is none.
    private func colour(of map: TaskMap, at place: SIMD2<Float>) -> SIMD3<UInt8>? {
        map.areas.last { area in
            let corners = area.corners
            var inside = false
            for (a, b) in zip(corners, corners.dropFirst() + [corners[0]]) where (a.y > place.y) != (b.y > place.y) {
                if place.x < a.x + (place.y - a.y) / (b.y - a.y) * (b.x - a.x) { inside.toggle() }
            }
            return inside
        }?.colour
    }

    @Test("what is at the left on a wall in the Watermaze's map is what an agent sees at the left")
    func orientation() throws {
        var settings = WatermazeSettings()
        (settings.width, settings.height, settings.fieldOfView) = (801, 401, 20)
        let tasks = try WatermazeTasks(settings: settings)
        let task = Task(id: 0, split: .train, json: "{\"platform\":[0,500]}")
        let (map, view) = (try tasks.map(of: task), try #require(try tasks.view(of: task)))
        var colours: Set<SIMD3<UInt8>> = []
        for wall in 0..<8 {
            let heading = Float(45 * wall)
            let state: [Float] = [0, 0, heading, 0]
            let stand = try #require(tasks.stand(of: state.withUnsafeBytes { Array($0) }))
            let ahead = try #require(stand.ahead)
            let left = SIMD2(-ahead.y, ahead.x)
            var pixels = [UInt8](repeating: 0, count: 3 * 801 * 401)
            view.see(state, count: 1, into: &pixels)
            for strip in 0..<8 {
                let along = 58 - 16 * Float(strip)
                let drawn = try #require(colour(of: map, at: 780 * ahead + along * left))
                // A little below the middle of a picture on a wall, at height 94; the eye is at 50, and 0.17633 the tangent
                // of 10 degrees.
                let focal = 400.5 / Float(0.17633)
                let column = Int(400.5 - along / 760 * focal)
                let row = Int(200.5 - 44 / 760 * focal)
                let seen = (0..<3).map { Float(pixels[3 * (801 * row + column) + $0]) }
                // A wall has 1400 / (1400 + depth) of its light.
                let lit = (0..<3).map { Float(drawn[$0]) * 1400 / 2160 }
                #expect(zip(seen, lit).allSatisfy { abs($0 - $1) < 4 }, "wall \(wall), strip \(strip): \(seen), \(lit)")
                colours.insert(drawn)
            }
        }
        #expect(colours.count > 8)
    }

    @Test("the Watermaze's map has the platform where the task has it") func platform() throws {
        let tasks = try WatermazeTasks()
        let map = try tasks.map(of: Task(id: 0, split: .train, json: "{\"platform\":[-200,300]}"))
        let (platform, floor) = (colour(of: map, at: SIMD2(-200, 300)), colour(of: map, at: SIMD2(200, 300)))
        #expect(platform != nil && floor != nil && platform != floor)
        #expect(colour(of: map, at: SIMD2(-200, 300 + 70)) == floor && colour(of: map, at: SIMD2(200, -300)) == floor)
        #expect(colour(of: map, at: map.low) == nil)
        #expect(throws: EnvironmentError.self) { try tasks.map(of: Task(id: 0, split: .train, json: "{}")) }
    }

    @Test("in a room's map, row 0 is at the top") func rooms() throws {
        let tasks = try DarkRoomTasks()
        let task = Task(id: 0, split: .train, json: "{\"goal\":[2,0]}")
        let (map, ground) = (try tasks.map(of: task), try colour(of: tasks.map(of: task), at: SIMD2(4.3, 4.3)))
        let goal = try #require(tasks.stand(of: [2, 0]))
        #expect(goal.place == SIMD2(2.5, 8.5) && goal.ahead == nil)
        #expect(colour(of: map, at: goal.place) != ground)
        #expect(colour(of: map, at: SIMD2(2.5, 0.5)) == ground)
    }
}
