import Environments
import Experience
import Pictures
import TestSupport
import Testing

@Suite("Episodes in pictures") struct EpisodePictureTests {
    /// An episode of these actions.
    private func episode(of tasks: some TaskDistribution, _ task: Task, actions: [UInt8]) throws -> LivedEpisode {
        var copies = try tasks.makeEnvironment(
            task: task, keys: [StreamKey(seed: 5, task: task.id, repetition: 0, actor: 0)])
        func observe() -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: tasks.environment.stored.space.byteCount)
            copies.observe(0, into: &bytes)
            return bytes
        }
        try copies.reset(0, episode: 0)
        var episode = LivedEpisode(steps: [], finalObservation: observe())
        for action in actions {
            var (reward, terminated, truncated): (Float, UInt8, UInt8) = (0, 0, 0)
            try copies.step(
                actions: [action], rewards: &reward, terminations: &terminated, truncations: &truncated)
            episode.steps.append(
                LivedEpisode.Step(observation: episode.finalObservation, action: [action], reward: reward))
            episode.finalObservation = observe()
        }
        return episode
    }

    @Test("a sheet has every frame as it was seen, and a map beside them") func sheet() throws {
        let tasks = try WatermazeTasks()
        let task = try tasks.task(3)
        let lived = try episode(of: tasks, task, actions: [0, 4, 4, 0, 7, 1, 2])
        let sheet = try EpisodePictures(of: lived, in: task, of: tasks).sheet()
        let layout = ContactSheet(frames: 8, width: 96, height: 72)
        #expect(layout.shown == Array(0..<8) && layout.scale == 2)
        let view = try #require(try tasks.view(of: task))
        for (place, observation) in lived.observations.enumerated() {
            var pixels = [UInt8](repeating: 0, count: 72 * 96 * 3)
            view.see(observation, count: 1, into: &pixels)
            let frame = Picture(width: 96, height: 72, pixels: pixels)
            let (left, top) = layout.corner(of: place)
            for (column, row) in [(0, 0), (95, 71), (40, 30), (95, 0), (50, 60)] {
                #expect(sheet[left + 2 * column + 1, top + 2 * row] == frame[column, row], "frame \(place)")
            }
        }
        #expect(sheet.width == layout.width + layout.mapSide && sheet.height == layout.height)
    }

    @Test("a frame after a reward has an edge in another colour") func edge() throws {
        let tasks = try WatermazeTasks()
        let task = Task(id: 0, split: .train, json: "{\"platform\":[0,0]}")
        let lived = try episode(of: tasks, task, actions: [4, 4, 4])
        #expect(lived.steps.map(\.reward) == [1, 0, 0])
        let sheet = try EpisodePictures(of: lived, in: task, of: tasks).sheet()
        let layout = ContactSheet(frames: 4, width: 96, height: 72)
        let edges = (0..<4).map { place in
            let (left, top) = layout.corner(of: place)
            return sheet[left - 1, top + 3] == Picture.reward
        }
        #expect(edges == [false, true, false, false])
    }

    @Test("a moving picture has a frame for each observation") func moving() throws {
        let tasks = try WatermazeTasks()
        let task = try tasks.task(3)
        let gif = try EpisodePictures(of: episode(of: tasks, task, actions: [0, 0, 4]), in: task, of: tasks)
            .movingPicture()
        // A graphic control extension of four bytes stands before every frame's descriptor.
        let controls = gif.indices.dropLast(9).filter {
            gif[$0..<($0 + 3)].elementsEqual([0x21, 0xf9, 4]) && gif[($0 + 7)..<($0 + 9)].elementsEqual([0, 0x2c])
        }
        #expect(gif.prefix(6).elementsEqual("GIF89a".utf8) && controls.count == 4)
    }

    @Test("rooms are drawn as maps, each place in its cell") func rooms() throws {
        let tasks = try KeyToDoorTasks(settings: KeyToDoorSettings(), split: TaskSplit())
        let task = Task(id: 0, split: .train, json: "{\"door\":[8,0],\"key\":[1,7]}")
        let lived = try episode(of: tasks, task, actions: [0, 0, 2])
        let map = try EpisodePictures(of: lived, in: task, of: tasks).sheet()
        #expect(map.width == 480 && map.height == 480)
        func middle(_ x: Int, _ y: Int) -> SIMD3<UInt8> {
            // A border of a quarter of a cell is around the 9 x 9 cells.
            let cell = 480 / 9.5
            return map[Int(cell * (Double(x) + 0.25 + 0.5)), Int(cell * (Double(y) + 0.25 + 0.75))]
        }
        let ground = middle(4, 0)
        #expect(middle(1, 7) != ground && middle(8, 0) != ground && middle(1, 7) != middle(8, 0))
        #expect(middle(7, 1) == ground)
    }

    @Test("what has neither pictures nor a map is refused in words") func refusal() throws {
        let tasks = try BanditTasks(settings: BanditSettings(), split: TaskSplit())
        let task = try tasks.task(0)
        let lived = try episode(of: tasks, task, actions: [0])
        let error = #expect(throws: EnvironmentError.self) {
            try EpisodePictures(of: lived, in: task, of: tasks)
        }
        #expect(error?.description.contains("adversarial-bandit cannot be drawn") == true)
    }

    @Test("stored frames are shown as they are, beside a map without a path") func storedFrames() throws {
        var settings = WatermazeSettings()
        (settings.stored, settings.width, settings.height) = (.frames, 24, 18)
        let tasks = try WatermazeTasks(settings: settings)
        let task = try tasks.task(3)
        let lived = try episode(of: tasks, task, actions: [0, 4])
        let sheet = try EpisodePictures(of: lived, in: task, of: tasks).sheet()
        let layout = ContactSheet(frames: 3, width: 24, height: 18)
        let (left, top) = layout.corner(of: 1)
        let pixel = Array(lived.steps[1].observation[(3 * (24 * 9 + 12))..<(3 * (24 * 9 + 13))])
        let drawn = sheet[left + 12 * layout.scale, top + 9 * layout.scale]
        #expect([drawn.x, drawn.y, drawn.z] == pixel)
        #expect(sheet.width == layout.width + layout.mapSide)
    }

    @Test("sheets of any number of frames of any size stay in their bounds") func bounds() {
        for frames in [1, 2, 3, 9, 51, 64, 65, 1001, 100_001] {
            for (width, height) in [(8, 8), (96, 72), (9, 1024), (1024, 9), (1024, 1024)] {
                let sheet = ContactSheet(frames: frames, width: width, height: height)
                #expect(sheet.width <= 2120 && sheet.height <= 2120, "\(frames) frames of \(width) x \(height)")
                #expect(sheet.shown.last == frames - 1 && sheet.shown.first == (sheet.shown.count > 1 ? 0 : frames - 1))
                #expect(zip(sheet.shown, sheet.shown.dropFirst()).allSatisfy { $0 < $1 })
                for place in sheet.shown.indices {
                    let (left, top) = sheet.corner(of: place)
                    #expect(left + sheet.scale * width < sheet.width && top + sheet.scale * height < sheet.height)
                }
            }
        }
    }
}
