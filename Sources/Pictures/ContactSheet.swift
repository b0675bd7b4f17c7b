/// Places in a sheet of frames of one size: as many as are to be seen well, in rows of eight at most.
package struct ContactSheet {
    /// Between frames, and around a frame after a reward, in pixels.
    package static let (gap, edge) = (8, 3)
    /// Sides of a map beside frames, in pixels.
    static let leastMap = 288
    private static let largestMap = 640
    /// A sheet has at most so many rows and columns, and about so many pixels each way.
    private static let (most, target, largest) = (8, 800, 2048)

    /// The observations that are shown.
    package let shown: [Int]
    package let scale: Int
    private let frameWidth: Int
    private let frameHeight: Int
    private let columns: Int
    private let rows: Int

    /// `frames`: of the whole episode, `width` x `height` pixels each.
    package init(frames: Int, width: Int, height: Int) {
        let room = (columns: Self.room(width), rows: Self.room(height))
        shown = evenly(room.columns * room.rows, of: frames)
        // As many rows as columns, where there is room for them.
        columns = max(min(room.columns, Self.root(shown.count)), Self.lines(shown.count, of: room.rows))
        rows = Self.lines(shown.count, of: columns)
        scale = max(1, min(8, Self.target / (columns * width), Self.target / (rows * height)))
        (frameWidth, frameHeight) = (scale * width, scale * height)
    }

    private static func room(_ pixels: Int) -> Int { max(1, min(most, largest / pixels)) }

    /// The least whole number whose square is not below `count`.
    private static func root(_ count: Int) -> Int { (1...most).first { $0 * $0 >= count } ?? most }

    private static func lines(_ count: Int, of length: Int) -> Int { (count + length - 1) / length }

    package var width: Int { columns * (frameWidth + Self.gap) + Self.gap }
    package var height: Int { rows * (frameHeight + Self.gap) + Self.gap }
    /// Of a map beside the sheet.
    package var mapSide: Int { max(Self.leastMap, min(Self.largestMap, height)) }

    /// The upper left corner of the frame at this place.
    package func corner(of place: Int) -> (column: Int, row: Int) {
        let (row, column) = place.quotientAndRemainder(dividingBy: columns)
        return (Self.gap + column * (frameWidth + Self.gap), Self.gap + row * (frameHeight + Self.gap))
    }
}

/// At most `most` of the numbers from 0 to `count` - 1, the first and the last among them, in ascending order.
func evenly(_ most: Int, of count: Int) -> [Int] {
    guard count > most else { return Array(0..<count) }
    guard most > 1 else { return [count - 1] }
    return (0..<most).map { $0 * (count - 1) / (most - 1) }
}
