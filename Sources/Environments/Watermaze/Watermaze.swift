import CRendering
import Experience

/// What an agent does in a step; the raw values are the actions. A turn comes before the move of the same step.
enum WatermazeAction: UInt8, CaseIterable {
    case forward, backward, left, right, turnLeft, turnRight, forwardAndTurnLeft, forwardAndTurnRight

    /// Turns to the left, in units of the setting's angle.
    var turns: Float {
        switch self {
        case .turnLeft, .forwardAndTurnLeft: 1
        case .turnRight, .forwardAndTurnRight: -1
        default: 0
        }
    }

    /// Where it moves, for an agent that looks in direction `ahead`; nil where it stays.
    func move(_ ahead: SIMD2<Float>) -> SIMD2<Float>? {
        switch self {
        case .forward, .forwardAndTurnLeft, .forwardAndTurnRight: ahead
        case .backward: -ahead
        case .left: SIMD2(-ahead.y, ahead.x)
        case .right: SIMD2(ahead.y, -ahead.x)
        case .turnLeft, .turnRight: nil
        }
    }
}

/// Where an agent stands: all that its picture is drawn from, and what streams store. Four floats: x, y, heading in degrees
/// from 0 to below 360, counted from x to y, and 1 where the platform has risen.
struct WatermazeState: Hashable {
    var place = SIMD2<Float>(0, 0)
    var heading: Float = 0
    var isRisen = false

    /// Float32 [4].
    static let space = Space.box(shape: [4], type: .float32, low: -1000, high: 1000)

    /// x and y by the distance of the walls, the heading's cosine and sine, and whether the platform has risen.
    static let features = StateFeatures([
        .scaled(by: Float(RENDERING_APOTHEM)), .scaled(by: Float(RENDERING_APOTHEM)), .degrees, .scaled(by: 1),
    ])

    func write(to bytes: UnsafeMutableRawPointer) {
        bytes.storeBytes(of: place.x, as: Float.self)
        bytes.storeBytes(of: place.y, toByteOffset: 4, as: Float.self)
        bytes.storeBytes(of: heading, toByteOffset: 8, as: Float.self)
        bytes.storeBytes(of: isRisen ? 1 : 0, toByteOffset: 12, as: Float.self)
    }

    init(place: SIMD2<Float> = SIMD2(0, 0), heading: Float = 0, isRisen: Bool = false) {
        self.place = place
        self.heading = heading
        self.isRisen = isRisen
    }

    init(reading bytes: UnsafeRawPointer) {
        func number(_ index: Int) -> Float { bytes.loadUnaligned(fromByteOffset: 4 * index, as: Float.self) }
        self.init(place: SIMD2(number(0), number(1)), heading: number(2), isRisen: number(3) > 0.5)
    }

    /// What `action` leads to, and whether that finds the platform. On the platform an agent stays where it is, and turns.
    func after(
        _ action: WatermazeAction, move: Float, turn: Float, platform: Platform
    ) -> (state: WatermazeState, finds: Bool) {
        var next = self
        next.heading = heading + action.turns * turn
        if next.heading < 0 { next.heading += 360 }
        if next.heading >= 360 { next.heading -= 360 }
        if isRisen { return (next, false) }
        guard let way = action.move(direction(degrees: next.heading)) else {
            next.isRisen = platform.meets(place, SIMD2(0, 0)) != nil
            return (next, next.isRisen)
        }
        next.place = Arena.walk(from: place, by: move * way) { from, by in
            let met = platform.meets(from, by)
            if met != nil { next.isRisen = true }
            return met
        }
        return (next, next.isRisen)
    }
}

/// Copies of a pool with one hidden platform: reward 1 once an episode, for the step whose path meets the platform, which
/// rises with the agent on it; truncated after `horizon` steps, or terminated by that step where the settings say so.
///
/// An episode begins in the centre, with a heading that the stream's key and the episode's number decide. Actions are
/// those of `WatermazeAction`. An agent is 15 wide each way, and slides along walls.
struct Watermaze: SolvedEnvironment {
    let description: EnvironmentDescription
    private let move: Float
    private let turn: Float
    private let horizon: Int32
    private let endsWhenFound: Bool
    private let platform: Platform
    private let generators: [Philox]
    /// Draws what is seen, where streams store that.
    private let view: WatermazeView?
    private var states: [WatermazeState]
    private var steps: [Int32]

    init(
        description: EnvironmentDescription, settings: WatermazeSettings, platform: SIMD2<Float>, keys: [StreamKey],
        view: WatermazeView?
    ) {
        self.description = description
        move = Float(settings.move)
        turn = Float(settings.turn)
        horizon = Int32(settings.horizon)
        endsWhenFound = settings.endsWhenFound
        self.platform = Platform(centre: platform)
        self.view = view
        generators = keys.map { Philox($0) }
        states = Array(repeating: WatermazeState(), count: keys.count)
        steps = Array(repeating: 0, count: keys.count)
    }

    var count: Int { states.count }

    mutating func reset(_ index: Int, episode: UInt64) {
        let drawn = generators[index].uniform(.environment, episode: episode, step: 0)
        states[index] = WatermazeState(heading: 360 * drawn)
        steps[index] = 0
    }

    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) {
        if let view { view.draw(states[index], into: observation) } else { states[index].write(to: observation) }
    }

    mutating func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) {
        for index in states.indices {
            let number = actions.load(fromByteOffset: index, as: UInt8.self)
            guard let action = WatermazeAction(rawValue: number) else {
                preconditionFailure("\(description.name) has actions 0 to \(WatermazeAction.allCases.count - 1)")
            }
            precondition(steps[index] < horizon, "a copy of \(description.name) must be reset before its next step")
            let (state, finds) = states[index].after(action, move: move, turn: turn, platform: platform)
            states[index] = state
            steps[index] += 1
            rewards[index] = finds ? 1 : 0
            terminations[index] = endsWhenFound && finds ? 1 : 0
            truncations[index] = steps[index] == horizon && terminations[index] == 0 ? 1 : 0
        }
    }

    /// What finds the platform, or else what leads nearest to it.
    func chooseOptimally(into actions: UnsafeMutableRawPointer) {
        for index in states.indices {
            var best = (distance: Float.infinity, action: WatermazeAction.forward)
            for action in WatermazeAction.allCases {
                let (state, finds) = states[index].after(action, move: move, turn: turn, platform: platform)
                let away = state.place - platform.centre
                let distance = finds ? -1 : dot(away, away)
                if distance < best.distance { best = (distance, action) }
            }
            actions.storeBytes(of: best.action.rawValue, toByteOffset: index, as: UInt8.self)
        }
    }
}
