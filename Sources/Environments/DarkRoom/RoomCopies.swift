import Experience

/// Copies of an agent in a room of `size` x `size` cells: where each stands, and how many steps its episode has had.
///
/// The dark rooms have this in common, observations, actions and walls included; each holds one and adds what it hides
/// and rewards.
struct RoomCopies {
    let count: Int
    private let environment: String
    private let size: UInt8
    private let horizon: Int
    private(set) var positions: [SIMD2<UInt8>]
    private var steps: [Int]

    /// `environment`: its name, for what a caller is told that steps without a reset.
    init(_ count: Int, of environment: String, size: Int, horizon: Int) {
        self.count = count
        self.environment = environment
        self.size = UInt8(size)
        self.horizon = horizon
        positions = Array(repeating: SIMD2(0, 0), count: count)
        steps = Array(repeating: 0, count: count)
    }

    /// The cell (size / 2, size / 2).
    var centre: SIMD2<UInt8> { SIMD2(size / 2, size / 2) }

    mutating func reset(_ index: Int, at cell: SIMD2<UInt8>) {
        positions[index] = cell
        steps[index] = 0
    }

    /// Writes x and y, a byte each.
    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) {
        observation.storeBytes(of: positions[index].x, as: UInt8.self)
        observation.storeBytes(of: positions[index].y, toByteOffset: 1, as: UInt8.self)
    }

    /// Takes a step: the cell on which it ends, and whether it was the last that the horizon allows.
    @inline(__always)
    mutating func step(_ index: Int, action: UInt8) -> (cell: SIMD2<UInt8>, isLast: Bool) {
        precondition(steps[index] < horizon, "copy \(index) of \(environment) must be reset before its next step")
        positions[index] = DarkRoom.move(positions[index], action: action, size: size)
        steps[index] += 1
        return (positions[index], steps[index] == horizon)
    }

    /// Writes the first action of a shortest way of every copy to its `target`, (B).
    func chooseWay(into actions: UnsafeMutableRawPointer, to target: (Int) -> SIMD2<UInt8>) {
        for index in 0..<count {
            let action = DarkRoom.action(from: positions[index], to: target(index))
            actions.storeBytes(of: action, toByteOffset: index, as: UInt8.self)
        }
    }
}

extension EnvironmentDescription {
    /// Of a room of `size` x `size` cells: two coordinates are seen, and there are the four directions and to stay.
    static func room(_ name: String, size: Int, horizon: Int, json: String) -> EnvironmentDescription {
        EnvironmentDescription(
            name: name, observationSpace: .multiDiscrete(counts: [size, size]), actionSpace: .discrete(count: 5),
            horizon: horizon, json: json)
    }
}
