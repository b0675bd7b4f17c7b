/// Uniformly random actions in a room of `size` x `size` cells: where an agent is after some steps, exactly.
///
/// Expected returns of random actions are made of it. A cell at which something happens once is emptied by its owner
/// after each step, so that what is left there has not had it happen.
struct RandomWalk {
    private let size: Int
    /// (size * size), by cell y * size + x: the probability to be there.
    var occupancy: [Double]

    /// All cells are empty yet.
    init(size: Int) {
        self.size = size
        occupancy = Array(repeating: 0, count: size * size)
    }

    /// Takes a step of one of the five actions, each with the same probability.
    mutating func step() {
        var next = [Double](repeating: 0, count: size * size)
        for cell in occupancy.indices where occupancy[cell] > 0 {
            let position = SIMD2(UInt8(cell % size), UInt8(cell / size))
            for action in UInt8(0)..<5 {
                let moved = DarkRoom.move(position, action: action, size: UInt8(size))
                next[Int(moved.y) * size + Int(moved.x)] += occupancy[cell] / 5
            }
        }
        occupancy = next
    }

    /// Empties the cell, and says how likely it was to be there.
    mutating func leave(_ cell: Int) -> Double {
        defer { occupancy[cell] = 0 }
        return occupancy[cell]
    }
}

/// Reads the cells that a task of a room describes, such as `{"door":[7,1],"key":[3,5]}`.
///
/// - Parameter names: what the task must name, and nothing else; the cells come in this order.
/// - Throws: `EnvironmentError` where it does not, or where a cell lies outside a room of `size` x `size`
func readCells(
    _ json: String, _ names: [String], size: Int, environment: String, example: String
) throws -> [SIMD2<UInt8>] {
    let fields = try readJSON(json, as: [String: [Int]].self, what: "task of \(environment)", example: example)
    let cells = names.compactMap { fields[$0] }
    guard fields.count == names.count, cells.count == names.count,
        cells.allSatisfy({ $0.count == 2 && $0.allSatisfy { (0..<size).contains($0) } })
    else {
        throw EnvironmentError(
            "task of \(environment): expected \(names.joined(separator: " and ")) of two coordinates from 0 to "
                + "\(size - 1), as in \(example), found "
                + "\(fields.map { "\($0.key) \($0.value.prefix(8))" }.sorted().prefix(4))")
    }
    return cells.map { SIMD2(UInt8($0[0]), UInt8($0[1])) }
}
