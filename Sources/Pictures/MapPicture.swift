import Environments

/// A map as a square picture, on which an episode is drawn step by step.
struct MapPicture {
    private static let ink = SIMD3<UInt8>(28, 28, 36)
    /// Of the path at the episode's begin and at its end.
    private static let (early, late) = (SIMD3<Float>(92, 60, 150), SIMD3<Float>(236, 84, 44))

    private let map: TaskMap
    private let scale: Float
    /// The map with the path so far.
    private(set) var picture: Picture
    private var stands: [TaskMap.Stand] = []
    /// Drawn over the path, which would hide them.
    private var rewarded: [SIMD2<Float>] = []

    /// `side`: in pixels.
    init(_ map: TaskMap, side: Int) {
        self.map = map
        scale = Float(side) / map.side
        picture = Picture(width: side, height: side, colour: Picture.paper)
        for area in map.areas { picture.fill(area.corners.map(point), area.colour) }
    }

    /// The map's y goes up, the picture's goes down.
    private func point(_ place: SIMD2<Float>) -> SIMD2<Float> {
        let off = scale * (place - map.low)
        return SIMD2(off.x, Float(picture.height) - off.y)
    }

    /// Draws the way to where the agent stands next. `share`: of the episode that has passed then, from 0 to 1.
    mutating func go(to stand: TaskMap.Stand, share: Float, isRewarded: Bool) {
        let colour = SIMD3<UInt8>(Self.early + share * (Self.late - Self.early), rounding: .toNearestOrEven)
        let here = point(stand.place)
        if let last = stands.last { picture.line(from: point(last.place), to: here, width: 2.5, colour) }
        picture.disc(here, radius: 2.5, colour)
        stands.append(stand)
        if isRewarded { rewarded.append(here) }
    }

    /// With the agent where it stands now, what it sees from there, and where rewards came.
    func withAgent() -> Picture {
        var drawn = picture
        if let stand = stands.last { draw(stand, into: &drawn) }
        for place in rewarded {
            drawn.disc(place, radius: 6, Picture.paper)
            drawn.disc(place, radius: 4.5, Picture.reward)
        }
        return drawn
    }

    private func draw(_ stand: TaskMap.Stand, into drawn: inout Picture) {
        let length = max(map.agentLength, 10 / scale)
        guard let ahead = stand.ahead else {
            drawn.disc(point(stand.place), radius: scale * length / 2, Self.ink)
            return
        }
        let left = SIMD2(-ahead.y, ahead.x)
        if let spread = map.spread {
            let reach = 3.5 * length
            let arc = (-8...8).map { step in
                let sideways = spread * Float(step) / 8
                return stand.place + reach / (1 + sideways * sideways).squareRoot() * (ahead + sideways * left)
            }
            drawn.fill(([stand.place] + arc).map(point), Picture.paper, share: 0.55)
        }
        let corners = [0.6 * ahead, -0.4 * ahead + 0.35 * left, -0.2 * ahead, -0.4 * ahead - 0.35 * left]
        drawn.fill(corners.map { point(stand.place + length * $0) }, Self.ink)
    }
}
