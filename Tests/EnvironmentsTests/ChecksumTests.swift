import Environments
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
}
