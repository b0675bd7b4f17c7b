/// At most 256 colours that stand for all of a picture's, which is as many as GIF has.
///
/// A picture with no more has all of its own. Of another the colours are cut into boxes, again and again the box of the
/// most pixels at the middle pixel along its longest side, and each box has its mean (median cut; Heckbert 1982).
struct ColourTable {
    static let most = 256

    /// 1 to 256.
    let colours: [SIMD3<UInt8>]
    /// The place in `colours` for every colour of the picture, as `key` numbers it.
    private let places: [UInt32: UInt8]

    private struct Counted {
        let colour: SIMD3<UInt8>
        let pixels: Int
    }

    /// Colours that will have one place in the table.
    private struct Box {
        let colours: [Counted]
        let pixels: Int
        /// Which of the three the colours differ most in, and by how much.
        let channel: Int
        let length: Int

        init(_ colours: [Counted]) {
            self.colours = colours
            pixels = colours.reduce(0) { $0 + $1.pixels }
            var (low, high) = (SIMD3<UInt8>(repeating: 255), SIMD3<UInt8>(repeating: 0))
            for counted in colours {
                low = pointwiseMin(low, counted.colour)
                high = pointwiseMax(high, counted.colour)
            }
            let sides = high &- low
            length = Int(sides.max())
            channel = (0..<3).first { sides[$0] == sides.max() } ?? 0
        }

        /// How much is gained by cutting it: many pixels whose colours lie far apart.
        var weight: Int { length * pixels }

        /// Neither half is empty. Of two colours or more.
        var halves: (Box, Box) {
            let sorted = colours.sorted { $0.colour[channel] < $1.colour[channel] }
            var (count, below) = (0, 0)
            while count < sorted.count - 1, count == 0 || below + sorted[count].pixels <= pixels / 2 {
                below += sorted[count].pixels
                count += 1
            }
            return (Box(Array(sorted[..<count])), Box(Array(sorted[count...])))
        }

        var mean: SIMD3<UInt8> {
            let sums = (0..<3).map { channel in colours.reduce(0) { $0 + Int($1.colour[channel]) * $1.pixels } }
            return SIMD3(sums.map { UInt8(($0 + pixels / 2) / max(1, pixels)) })
        }
    }

    init(_ picture: Picture) {
        var counts: [UInt32: Int] = [:]
        for run in Self.runs(of: picture) { counts[run.key, default: 0] += run.pixels }
        let counted = counts.sorted { $0.key < $1.key }.map { Counted(colour: Self.colour($0.key), pixels: $0.value) }
        var boxes = counted.count <= Self.most ? counted.map { Box([$0]) } : [Box(counted)]
        while boxes.count < min(Self.most, counted.count) {
            // Colours differ, so that a box of two or more has a length.
            guard let widest = boxes.indices.max(by: { boxes[$0].weight < boxes[$1].weight }) else { break }
            let (less, more) = boxes[widest].halves
            boxes[widest] = less
            boxes.append(more)
        }
        colours = boxes.map(\.mean)
        places = Dictionary(
            uniqueKeysWithValues: boxes.enumerated().flatMap { place, box in
                box.colours.map { (Self.key($0.colour), UInt8(place)) }
            })
    }

    /// (height, width): for each pixel of the picture that the table was made of the place of its colour.
    func indices(of picture: Picture) -> [UInt8] {
        var indices: [UInt8] = []
        indices.reserveCapacity(picture.width * picture.height)
        for run in Self.runs(of: picture) {
            indices.append(contentsOf: repeatElement(places[run.key] ?? 0, count: run.pixels))
        }
        return indices
    }

    /// The pixels row by row, those of one colour that follow each other together: pictures have long runs, and a dictionary
    /// is asked once for each.
    private static func runs(of picture: Picture) -> [(key: UInt32, pixels: Int)] {
        var runs: [(key: UInt32, pixels: Int)] = []
        picture.pixels.withUnsafeBufferPointer { pixels in
            for at in stride(from: 0, to: pixels.count, by: 3) {
                let key = key(SIMD3(pixels[at], pixels[at + 1], pixels[at + 2]))
                if let last = runs.last, last.key == key {
                    runs[runs.count - 1].pixels += 1
                } else {
                    runs.append((key, 1))
                }
            }
        }
        return runs
    }

    private static func key(_ colour: SIMD3<UInt8>) -> UInt32 {
        UInt32(colour.x) << 16 | UInt32(colour.y) << 8 | UInt32(colour.z)
    }

    private static func colour(_ key: UInt32) -> SIMD3<UInt8> {
        SIMD3(UInt8(key >> 16), UInt8(key >> 8 & 255), UInt8(key & 255))
    }
}
