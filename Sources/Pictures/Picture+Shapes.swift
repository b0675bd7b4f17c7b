import Foundation

/// Shapes whose edges are as smooth as 4 by 4 samples a pixel make them. Points are in pixels: (0, 0) is the upper left
/// corner of the upper left pixel, y goes down. What lies outside the picture is left out.
extension Picture {
    private static let samples = 4
    /// Corners of what stands for a circle.
    private static let roundness = 32

    /// A polygon, whose sides may cross: a point is inside where an odd number of sides lies to the left of it. `share`: of
    /// the colour in the mixture with what is there.
    package mutating func fill(_ corners: [SIMD2<Float>], _ colour: SIMD3<UInt8>, share: Float = 1) {
        let sides = zip(corners, corners.dropFirst() + corners.prefix(1)).map { ($0, $1) }
        let (top, bottom) = (corners.map(\.y).min() ?? 0, corners.map(\.y).max() ?? 0)
        let rows = Int(max(0, min(Float(height), top)))..<Int(max(0, min(Float(height), bottom.rounded(.up))))
        let samples = Self.samples
        var covered = [Int](repeating: 0, count: width)
        for row in rows {
            for index in covered.indices { covered[index] = 0 }
            for sample in 0..<samples {
                let y = Float(row) + (Float(sample) + 0.5) / Float(samples)
                let crossings = sides.compactMap { a, b in
                    (a.y > y) == (b.y > y) ? nil : a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x)
                }.sorted()
                for pair in stride(from: 0, to: crossings.count - 1, by: 2) {
                    for place in firstSample(behind: crossings[pair])..<firstSample(behind: crossings[pair + 1]) {
                        covered[place / samples] += 1
                    }
                }
            }
            for (column, count) in covered.enumerated() where count > 0 {
                let part = share * Float(count) / Float(samples * samples)
                let mixed = part * SIMD3<Float>(colour) + (1 - part) * SIMD3<Float>(self[column, row])
                self[column, row] = SIMD3<UInt8>(mixed, rounding: .toNearestOrEven)
            }
        }
    }

    /// The number, in its row, of the first sample at or behind `x`; those of the picture are 0 to 4 times its width.
    private func firstSample(behind x: Float) -> Int {
        Int(max(0, min(Float(Self.samples * width), (Float(Self.samples) * x - 0.5).rounded(.up))))
    }

    /// A straight line with round ends.
    package mutating func line(from a: SIMD2<Float>, to b: SIMD2<Float>, width: Float, _ colour: SIMD3<UInt8>) {
        let along = b - a
        let angle = along == .zero ? 0 : atan2(along.y, along.x)
        let half = Self.roundness / 2
        fill(
            (0..<Self.roundness).map { corner in
                let turned = angle + Float.pi * (0.5 + (Float(corner) + 0.5) / Float(half))
                return (corner < half ? a : b) + width / 2 * SIMD2(cos(turned), sin(turned))
            }, colour)
    }

    package mutating func disc(_ centre: SIMD2<Float>, radius: Float, _ colour: SIMD3<UInt8>) {
        line(from: centre, to: centre, width: 2 * radius, colour)
    }
}
