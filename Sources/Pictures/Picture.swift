/// A picture in memory: (height, width, 3) bytes, row by row from the top: red, green, blue.
package struct Picture: Hashable, Sendable {
    package let width: Int
    package let height: Int
    package private(set) var pixels: [UInt8]

    /// All of it in one colour.
    package init(width: Int, height: Int, colour: SIMD3<UInt8>) {
        let row = (0..<width).flatMap { _ in [colour.x, colour.y, colour.z] }
        self.init(width: width, height: height, pixels: Array((0..<height).map { _ in row }.joined()))
    }

    /// `pixels`: as above.
    package init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(width > 0 && height > 0 && pixels.count == 3 * width * height, "\(pixels.count) bytes")
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    package subscript(column: Int, row: Int) -> SIMD3<UInt8> {
        get {
            let at = 3 * (width * row + column)
            return SIMD3(pixels[at], pixels[at + 1], pixels[at + 2])
        }
        set {
            let at = 3 * (width * row + column)
            (pixels[at], pixels[at + 1], pixels[at + 2]) = (newValue.x, newValue.y, newValue.z)
        }
    }

    /// Puts all of `other` over what is there, its upper left corner at a column and a row; it has to fit.
    package mutating func place(_ other: Picture, column: Int, row: Int) {
        precondition(
            column >= 0 && row >= 0 && column + other.width <= width && row + other.height <= height,
            "\(other.width) x \(other.height) at (\(column), \(row)) of \(width) x \(height)")
        for line in 0..<other.height {
            let to = 3 * (width * (row + line) + column)
            let from = 3 * other.width * line
            pixels.replaceSubrange(to..<(to + 3 * other.width), with: other.pixels[from..<(from + 3 * other.width)])
        }
    }

    /// Every pixel as a square of `times` by `times`.
    package func magnified(_ times: Int) -> Picture {
        guard times > 1 else { return self }
        var larger: [UInt8] = []
        larger.reserveCapacity(pixels.count * times * times)
        for row in 0..<height {
            var line: [UInt8] = []
            for column in 0..<width {
                let at = 3 * (width * row + column)
                for _ in 0..<times { line += pixels[at..<(at + 3)] }
            }
            for _ in 0..<times { larger += line }
        }
        return Picture(width: times * width, height: times * height, pixels: larger)
    }
}

/// Why a picture could not be made into a file, in the words of the library that makes it.
package struct PictureError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }
}
