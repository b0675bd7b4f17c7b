import Environments
import Experience
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
}
