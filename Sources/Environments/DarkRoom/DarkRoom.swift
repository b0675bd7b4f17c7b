/// Copies of a room with one hidden goal: reward 1 for every step that ends on it, truncated after `horizon` steps.
///
/// Observation: uint8 [2], x and y. Actions: 0 left (x-1), 1 right (x+1), 2 up (y-1), 3 down (y+1), 4 stay; a wall
/// stops. An episode starts in the centre, cell (size / 2, size / 2), and never terminates: reaching the goal does not
/// end it.
///
/// Nothing is random: the stream keys only say how many copies there are.
package struct DarkRoom: Environment {
    package let description: EnvironmentDescription
    private let goal: SIMD2<UInt8>
    private var copies: RoomCopies

    /// `goal` must lie inside a room of valid `settings` (`DarkRoomTasks` checks what comes from outside).
    init(description: EnvironmentDescription, settings: DarkRoomSettings, goal: SIMD2<UInt8>, count: Int) {
        self.description = description
        self.goal = goal
        copies = RoomCopies(count, of: description.name, size: settings.size, horizon: settings.horizon)
        for index in 0..<count { copies.reset(index, at: copies.centre) }
    }

    package var count: Int { copies.count }

    package mutating func reset(_ index: Int, episode: UInt64) { copies.reset(index, at: copies.centre) }

    package func observe(_ index: Int, into observation: UnsafeMutableRawPointer) {
        copies.observe(index, into: observation)
    }

    package func observe(into observations: UnsafeMutableRawPointer) { copies.observe(into: observations) }

    package mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) {
        copies.step(actions: actions.assumingMemoryBound(to: UInt8.self), truncations: truncations)
        terminations.update(repeating: 0, count: count)
        copies.positions.withUnsafeBufferPointer { cells in
            for index in cells.indices { rewards[index] = cells[index] == goal ? 1 : 0 }
        }
    }

    /// Where `action` leads from `position` in a room of `size` x `size` cells. Also what the expected return of random
    /// actions is computed by.
    @inline(__always)
    static func move(_ position: SIMD2<UInt8>, action: UInt8, size: UInt8) -> SIMD2<UInt8> {
        SIMD2(
            move(position.x, by: xSteps, action: action, size: size),
            move(position.y, by: ySteps, action: action, size: size))
    }

    /// The same of one coordinate. `steps`: what each action adds to it, a byte an action, the first one the lowest.
    ///
    /// Without a branch: which way an agent goes is what a processor cannot predict.
    @inline(__always)
    static func move(_ coordinate: UInt8, by steps: UInt64, action: UInt8, size: UInt8) -> UInt8 {
        let step = Int8(truncatingIfNeeded: steps &>> (8 &* UInt64(action)))
        return UInt8(truncatingIfNeeded: max(0, min(Int32(coordinate) &+ Int32(step), Int32(size) &- 1)))
    }

    /// Left and right are actions 0 and 1.
    static let xSteps: UInt64 = 0x01FF
    /// Up and down are actions 2 and 3.
    static let ySteps: UInt64 = 0x01FF_0000
}

extension DarkRoom: SolvedEnvironment {
    /// Along the row to the goal's column, then along the column; on the goal it stays.
    package func chooseOptimally(into actions: UnsafeMutableRawPointer) {
        copies.chooseWay(into: actions) { _ in goal }
    }

    /// The first action of a shortest way to `goal`: along the row to its column, then along the column; there it is to
    /// stay.
    static func action(from position: SIMD2<UInt8>, to goal: SIMD2<UInt8>) -> UInt8 {
        if position.x != goal.x { return position.x > goal.x ? 0 : 1 }
        if position.y != goal.y { return position.y > goal.y ? 2 : 3 }
        return 4
    }
}
