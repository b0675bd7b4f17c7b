import Environments
import Experience
import Foundation
import Pictures
import TestSupport
import Testing

/// Apart from the other tests of the Watermaze, because these run on emulated processors as well.
@Suite("The Watermaze's bits") struct WatermazeGoldenTests {
    /// FNV-1a.
    private struct Digest {
        private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

        mutating func add(_ bytes: [UInt8]) {
            for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
    }

    @Test("states and pictures are the same on every processor") func bits() throws {
        let tasks = try WatermazeTasks()
        var (states, pictures) = (Digest(), Digest())
        for id in [0, 1, 150_000] {
            let task = try tasks.task(id)
            let view = try #require(try tasks.view(of: task))
            let key = StreamKey(seed: 3, task: id, repetition: 0, actor: 0)
            let actions = Philox(key)
            var environment = try tasks.makeEnvironment(task: task, keys: [key])
            for episode in 0..<UInt64(4) {
                try environment.reset(0, episode: episode)
                for step in 0..<UInt32(50) {
                    let action = UInt8(8 * actions.uniform(.policy, episode: episode, step: step))
                    var (reward, terminated, truncated): (Float, UInt8, UInt8) = (0, 0, 0)
                    try environment.step(
                        actions: [action], rewards: &reward, terminations: &terminated, truncations: &truncated)
                    var state = [UInt8](repeating: 0, count: 16)
                    environment.observe(0, into: &state)
                    states.add(state)
                    guard step % 10 == 9 else { continue }
                    // As it stands, and on the platform where that has risen.
                    for risen: UInt8 in [state[15], 0x3f] {
                        state[15] = risen
                        state[14] = risen == 0 ? 0 : 0x80
                        var picture = [UInt8](repeating: 0, count: 72 * 96 * 3)
                        view.see(state, count: 1, into: &picture)
                        pictures.add(picture)
                    }
                }
            }
        }
        #expect(states.value == 3_636_351_568_894_635_524)
        #expect(pictures.value == 8_434_115_562_442_322_323)
    }

    /// What one of the pictures that are committed shows, of a pool with its platform at (300, 250).
    struct View: Sendable, CustomTestStringConvertible {
        let name: String
        let state: [Float]
        var width = 96
        var height = 72
        var fieldOfView = 90.0

        var testDescription: String { name }

        func draw() throws -> Picture {
            var settings = WatermazeSettings()
            (settings.width, settings.height, settings.fieldOfView) = (width, height, fieldOfView)
            let tasks = try WatermazeTasks(settings: settings)
            let view = try tasks.view(of: Task(id: 0, split: .train, json: "{\"platform\":[300,250]}"))
            var pixels = [UInt8](repeating: 0, count: 3 * width * height)
            try #require(view).see(state, count: 1, into: &pixels)
            return Picture(width: width, height: height, pixels: pixels)
        }
    }

    static let views = [
        View(name: "centre", state: [0, 0, 39.8, 0]), View(name: "risen", state: [0, 0, 39.8, 1]),
        View(name: "beside-the-platform", state: [225, 190, 30, 1]),
        View(name: "on-the-platform", state: [265, 250, 315, 1]), View(name: "at-a-wall", state: [640, 0, 20, 0]),
        View(name: "in-a-corner", state: [-690, -180, 120, 0]),
        View(name: "wide", state: [-400, 300, 340, 1], width: 160, height: 48, fieldOfView: 140),
        View(name: "small", state: [120, -240, 180, 0], width: 24, height: 18),
    ]

    /// With `DISTILLERY_WRITE_PICTURES=1` writes them anew.
    @Test("pictures are those that are committed, pixel by pixel", arguments: views) func pictures(view: View) throws {
        let drawn = try view.draw()
        if ProcessInfo.processInfo.environment["DISTILLERY_WRITE_PICTURES"] == "1" {
            let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
            try Data(drawn.png()).write(to: folder.appending(path: "\(view.name).png"))
            return
        }
        let url = try #require(Bundle.module.url(forResource: "Golden/\(view.name)", withExtension: "png"))
        let golden = try Picture(png: Array(try Data(contentsOf: url)))
        try #require(golden.width == view.width && golden.height == view.height)
        let different = (0..<(view.width * view.height)).filter { index in
            let (row, column) = index.quotientAndRemainder(dividingBy: view.width)
            return golden[column, row] != drawn[column, row]
        }
        #expect(different.isEmpty, "\(different.count) pixels, the first in row \((different.first ?? 0) / view.width)")
    }
}
