import Experience

/// Copies of an agent in a room of `size` x `size` cells: where each stands, and how many steps its episode has had.
///
/// The dark rooms have this in common, observations, actions and walls included; each holds one and adds what it hides
/// and rewards.
struct RoomCopies {
    let count: Int
    private let environment: String
    private let size: UInt8
    private let horizon: Int32
    /// (B), x and y: as streams store them.
    private(set) var positions: [SIMD2<UInt8>]
    private var steps: [Int32]

    /// `environment`: its name, for what a caller is told that steps without a reset.
    init(_ count: Int, of environment: String, size: Int, horizon: Int) {
        self.count = count
        self.environment = environment
        self.size = UInt8(size)
        self.horizon = Int32(horizon)
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

    /// Writes x and y of all copies.
    func observe(into observations: UnsafeMutableRawPointer) {
        positions.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress { observations.copyMemory(from: start, byteCount: bytes.count) }
        }
    }

    /// Takes a step in every copy: `positions` are the cells on which they end. Writes which of them were the last that
    /// the horizon allows.
    ///
    /// What a caller does wrong is looked for once, behind the loops, so that these stay free of branches.
    mutating func step(actions: UnsafePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>) {
        var largestAction: UInt8 = 0
        positions.withUnsafeMutableBytes { cells in
            for index in 0..<count {
                let (x, y) = (2 &* index, 2 &* index &+ 1)
                let action = actions[index]
                cells[x] = DarkRoom.move(cells[x], by: DarkRoom.xSteps, action: action, size: size)
                cells[y] = DarkRoom.move(cells[y], by: DarkRoom.ySteps, action: action, size: size)
                largestAction = max(largestAction, action)
            }
        }
        var mostSteps: Int32 = 0
        steps.withUnsafeMutableBufferPointer { steps in
            for index in steps.indices {
                steps[index] &+= 1
                mostSteps = max(mostSteps, steps[index])
                truncations[index] = steps[index] == horizon ? 1 : 0
            }
        }
        precondition(largestAction <= 4, "\(environment) has actions 0 to 4")
        precondition(mostSteps <= horizon, "a copy of \(environment) must be reset before its next step")
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
