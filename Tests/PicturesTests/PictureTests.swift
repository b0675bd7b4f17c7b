import Pictures
import TestSupport
import Testing

@Suite("Pictures") struct PictureTests {
    private func noise(_ width: Int, _ height: Int, _ random: inout SplitMix) -> Picture {
        Picture(
            width: width, height: height, pixels: (0..<(3 * width * height)).map { _ in UInt8(random.below(256)) })
    }

    @Test("come back from PNG as they were", arguments: [testSeed()]) func png(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        for (width, height) in [(1, 1), (1, 300), (300, 1), (96, 72), (257, 129)] {
            let picture = noise(width, height, &random)
            #expect(try Picture(png: picture.png()) == picture, "seed \(seed): \(width) x \(height)")
            let plain = Picture(width: width, height: height, colour: SIMD3(1, 2, 3))
            #expect(try Picture(png: plain.png()) == plain)
        }
        #expect(throws: PictureError.self) { try Picture(png: Array(noise(8, 8, &random).png().dropLast(40))) }
        #expect(throws: PictureError.self) { try Picture(png: [1, 2, 3]) }
    }

    @Test("placed and magnified pixels are where they belong", arguments: [testSeed()]) func places(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let small = noise(5, 4, &random)
        var page = Picture(width: 40, height: 30, colour: SIMD3(9, 8, 7))
        page.place(small.magnified(3), column: 25, row: 18)
        for row in 0..<30 {
            for column in 0..<40 {
                let expected =
                    column >= 25 && row >= 18 ? small[(column - 25) / 3, (row - 18) / 3] : SIMD3(9, 8, 7)
                #expect(page[column, row] == expected, "seed \(seed): (\(column), \(row))")
            }
        }
    }

    /// How much of a black picture a white shape covers, in pixels.
    private func area(_ draw: (inout Picture) -> Void) -> Double {
        var picture = Picture(width: 64, height: 48, colour: SIMD3(0, 0, 0))
        draw(&picture)
        return picture.pixels.reduce(0) { $0 + Double($1) } / (3 * 255)
    }

    @Test("shapes cover their area") func areas() {
        let white = SIMD3<UInt8>(255, 255, 255)
        let box: [SIMD2<Float>] = [SIMD2(3.5, 4), SIMD2(20, 4), SIMD2(20, 30.25), SIMD2(3.5, 30.25)]
        #expect(abs(area { $0.fill(box, white) } - 16.5 * 26.25) < 1)
        #expect(abs(area { $0.fill(box, white, share: 0.5) } - 0.5 * 16.5 * 26.25) < 3)
        let triangle: [SIMD2<Float>] = [SIMD2(5, 40), SIMD2(50, 40), SIMD2(30, 8)]
        #expect(abs(area { $0.fill(triangle, white) } - 45 * 32 / 2) < 4)
        // A star whose middle is crossed twice, so that it is left out.
        let star = (0..<5).map { corner in
            [SIMD2<Float>(32, 2), SIMD2(46, 44), SIMD2(10, 18), SIMD2(54, 18), SIMD2(18, 44)][corner]
        }
        var drawn = Picture(width: 64, height: 48, colour: SIMD3(0, 0, 0))
        drawn.fill(star, white)
        #expect(drawn[32, 24] == SIMD3(0, 0, 0) && drawn[32, 10] == white)
        #expect(abs(area { $0.disc(SIMD2(30, 20), radius: 9, white) } - Double.pi * 81) < 4)
        let line = 3 * (40.0 * 40 + 30 * 30).squareRoot() + Double.pi * 1.5 * 1.5
        #expect(abs(area { $0.line(from: SIMD2(10, 8), to: SIMD2(50, 38), width: 3, white) } - line) < 4)
    }

    @Test("of shapes that lie outside, partly or wholly, what lies inside is drawn") func outside() {
        let white = SIMD3<UInt8>(255, 255, 255)
        let half: [SIMD2<Float>] = [SIMD2(-1e6, -1e6), SIMD2(32, -1e6), SIMD2(32, 1e6), SIMD2(-1e6, 1e6)]
        #expect(abs(area { $0.fill(half, white) } - 32 * 48) < 1)
        for far: Float in [-1e9, 1e9] {
            #expect(area { $0.disc(SIMD2(far, 0), radius: 5, white) } == 0)
            #expect(area { $0.line(from: SIMD2(0, far), to: SIMD2(64, far), width: 9, white) } == 0)
        }
        #expect(area { $0.fill([], white) } == 0)
    }
}
