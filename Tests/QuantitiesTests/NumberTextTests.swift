import Quantities
import Testing

@Suite("Quantities in words") struct NumberTextTests {
    @Test("a number has the decimals that are asked for, and rounds half away from zero") func numbers() {
        #expect(NumberText.fixed(1234.5, decimals: 2) == "1234.50")
        #expect(NumberText.fixed(1_234_567.891, decimals: 1, separator: ",") == "1,234,567.9")
        #expect([0.125, -0.125].map { NumberText.fixed($0, decimals: 2) } == ["0.13", "-0.13"])
        #expect(NumberText.fixed(-0.001, decimals: 2) == "0.00")
        #expect(NumberText.fixed(0.06, decimals: 3) == "0.060")
        #expect([0.25, 16, -1.5, -0.001, 100].map { NumberText.short($0) } == ["0.25", "16", "-1.5", "0", "100"])
    }

    @Test("a count has its thousands apart, or in a narrow column its unit") func counts() {
        #expect([0, 999, 1000, -1_234_567].map(NumberText.count) == ["0", "999", "1,000", "-1,234,567"])
        #expect(NumberText.count(.min) == "-9,223,372,036,854,775,807")
        #expect(
            [0, 812, 999.6, 45_612, 1_234_567].map(NumberText.roughCount)
                == ["0", "812", "1.0 k", "45.6 k", "1.2 M"])
        #expect(NumberText.range(0..<25) == "0-24" && NumberText.range(7..<8) == "7")
    }

    @Test("bytes are counted in powers of 1024") func bytes() {
        #expect(
            [0, 1023, 1536, 64 << 20, 39_728_447_488, 1_048_474].map(NumberText.bytes)
                == ["0 B", "1023 B", "1.5 KiB", "64 MiB", "37 GiB", "1.0 MiB"])
    }

    @Test("a share is a percentage") func percent() {
        #expect(NumberText.percent(0.8391) == "83.9 %" && NumberText.percent(0.5, decimals: 0) == "50 %")
    }

    @Test("a duration is exact below an hour, and rough where columns are narrow") func durations() {
        #expect(
            [0, 0.42, 9.94, 9.97, 38.4, 59.6, 245, 3599.6, 4320].map(NumberText.duration) == [
                "0 s", "0.4 s", "9.9 s", "10 s", "38 s", "1 min 00 s", "4 min 05 s", "1 h 0 min", "1 h 12 min",
            ])
        #expect(
            [0, 119.9, 120, 7199, 9000].map(NumberText.roughDuration) == ["0 s", "119 s", "2 min", "119 min", "2.5 h"])
    }

    @Test("what is no number is a dash, and what is too large is written out", arguments: [Double.nan, .infinity])
    func noNumbers(value: Double) {
        let texts = [
            NumberText.fixed(value, decimals: 2), NumberText.short(-value), NumberText.roughCount(value),
            NumberText.percent(value), NumberText.duration(value), NumberText.duration(-1),
            NumberText.roughDuration(value),
        ]
        #expect(texts == Array(repeating: "–", count: 7))
        #expect(NumberText.fixed(9e14, decimals: 4) == "900000000000000.0" && NumberText.short(1e300) == "1e+300")
    }
}
