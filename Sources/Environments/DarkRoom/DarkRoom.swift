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

    package mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) {
        let actions = actions.assumingMemoryBound(to: UInt8.self)
        for index in 0..<count {
            let (cell, isLast) = copies.step(index, action: actions[index])
            rewards[index] = cell == goal ? 1 : 0
            terminations[index] = 0
            truncations[index] = isLast ? 1 : 0
        }
    }

    /// Where `action` leads from `position` in a room of `size` x `size` cells. Also what the expected return of random
    /// actions is computed by.
    @inline(__always)
    static func move(_ position: SIMD2<UInt8>, action: UInt8, size: UInt8) -> SIMD2<UInt8> {
        var moved = position
        switch action {
        case 0: if moved.x > 0 { moved.x -= 1 }
        case 1: if moved.x < size - 1 { moved.x += 1 }
        case 2: if moved.y > 0 { moved.y -= 1 }
        case 3: if moved.y < size - 1 { moved.y += 1 }
        default: precondition(action == 4, "dark-room has actions 0 to 4")
        }
        return moved
    }
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
