import Experience
import Testing

@Suite("CRC-32C and Philox")
struct ChecksumTests {
    @Test("CRC-32C of '123456789' is the standard's check value")
    func checkValue() {
        #expect(Array("123456789".utf8).withUnsafeBytes { CRC32C.of($0) } == 0xE306_9283)
    }

    @Test("Philox4x32-10 gives the known answers of Random123")
    func knownAnswers() {
        #expect(Philox(key0: 0, key1: 0).block(0, 0, 0, 0) == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
        #expect(
            Philox(key0: 0xa409_3822, key1: 0x299f_31d0).block(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344)
                == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
    }

    @Test("the key of a learning history is what it was before evaluations had keys of their own")
    func historyKeys() {
        let key = StreamKey(seed: 0x1234_5678_9ABC_DEF0, task: 42, repetition: 1, actor: 7)
        let mixed = Philox(key0: 0x9ABC_DEF0, key1: 0x1234_5678).block(42, 1, 7, 0x4449_5354)
        let before = Philox(key0: mixed.x, key1: mixed.y)
        #expect(Philox(key).block(1, 2, 3, 4) == before.block(1, 2, 3, 4))
    }

    @Test("no two streams share a key: of the histories, of an evaluation, of its control or of another checkpoint's")
    func keysApart() {
        let collections: [StreamCollection] = [
            .histories, .evaluation("step-00000100-test"), .evaluation("step-00000100-test-cleared"),
            .evaluation("step-00000100-train"), .evaluation("step-00000200-train"), .evaluation("e"),
        ]
        var first: Set<SIMD4<UInt32>> = []
        for collection in collections {
            for task in 0..<20 {
                for actor in 0..<50 {
                    let lifetime = LifetimeIdentifier(collection: collection, task: task, repetition: 0)
                    let key = StreamKey(seed: 3, stream: StreamIdentifier(lifetime: lifetime, actor: actor))
                    first.insert(Philox(key).words(.environment, episode: 0, step: 0))
                }
            }
        }
        #expect(first.count == collections.count * 20 * 50)
    }
}
