import Experience
import Testing

@Suite("Spaces in words") struct SpaceTextTests {
    @Test("are read as they are written") func roundTrip() {
        let spaces: [Space] = [
            .discrete(count: 5), .multiDiscrete(counts: [9, 9, 300]), .box(shape: [], type: .int32, low: -5, high: 5),
            .box(shape: [4], type: .float32, low: -3.4028234663852886e38, high: 0.1),
            .box(shape: [72, 96, 3], type: .uint8, low: 0, high: 255),
        ]
        for space in spaces { #expect(Space(space.description) == space, "\(space)") }
    }

    @Test("anything else is none") func refused() {
        for text in [
            "", "Discrete", "Discrete()", "Discrete(0)", "Discrete(-3)", "Discrete(99999999999)", "MultiDiscrete(3)",
            "MultiDiscrete([])", "MultiDiscrete([3 x])", "Box(0, 1)", "Box(1, 0, (3,), float32)",
            "Box(0, 1, (3,), float64)",
            "Box(0, 1, (0,), uint8)", "Box(0, 1, (99999, 99999), float32)", "Box(nan, 1, (3,), float32)",
            "Box(0, 1, (1, 1, 1, 1, 1, 1, 1, 1, 1), uint8)", "Dict(a: Discrete(3))", "Box)(",
        ] {
            #expect(Space(text) == nil, "\(text)")
        }
    }
}
