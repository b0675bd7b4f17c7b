import CRendering

/// The pool's walls: a regular polygon of 16 sides, 1,520 across, within which an agent moves that is 30 wide.
enum Arena {
    /// From the centre to where an agent's middle comes at a wall.
    static let inside = Float(RENDERING_APOTHEM) - 15
    /// An agent that slides along walls meets at most so many in a step.
    private static let mostWalls = 4
    /// Slower than this towards a wall an agent moves along it.
    private static let slowest: Float = 1e-6

    /// The outer normals of the walls.
    private static let normals: [SIMD2<Float>] = withUnsafeBytes(of: rendering_wall_normals) {
        Array($0.bindMemory(to: SIMD2<Float>.self))
    }

    static func contains(_ place: SIMD2<Float>) -> Bool { normals.allSatisfy { dot($0, place) <= inside } }

    /// Goes from `place` by `move`, and slides along the walls that it meets. `visit` is given each straight part of the
    /// path, as its beginning and what is added to it, and gives back the share of it after which the path ends early.
    static func walk(
        from place: SIMD2<Float>, by move: SIMD2<Float>,
        visit: (_ from: SIMD2<Float>, _ by: SIMD2<Float>) -> Float?
    ) -> SIMD2<Float> {
        var (place, rest) = (place, move)
        for _ in 0..<mostWalls {
            let (share, wall) = firstWall(place, rest)
            if let end = visit(place, share * rest) { return place + end * (share * rest) }
            place += share * rest
            guard let wall else { break }
            rest *= 1 - share
            rest -= dot(wall, rest) * wall
        }
        return place
    }

    /// The share of the move that is free, and the wall that ends it.
    private static func firstWall(
        _ place: SIMD2<Float>, _ move: SIMD2<Float>
    ) -> (share: Float, wall: SIMD2<Float>?) {
        var first: (share: Float, wall: SIMD2<Float>?) = (1, nil)
        for normal in normals {
            let speed = dot(normal, move)
            guard speed > slowest else { continue }
            let share = max(0, (inside - dot(normal, place)) / speed)
            if share < first.share { first = (share, normal) }
        }
        return first
    }
}

/// The platform: a regular octagon around its centre, 64 to its corners.
struct Platform {
    let centre: SIMD2<Float>

    private static let apothem = Float(RENDERING_PLATFORM_APOTHEM)
    /// Its sides' outer normals.
    private static let normals: [SIMD2<Float>] = withUnsafeBytes(of: rendering_side_normals) {
        Array($0.bindMemory(to: SIMD2<Float>.self))
    }

    /// The share of the way from `place` by `move` after which it is met: 0 on it; nil where it is not.
    func meets(_ place: SIMD2<Float>, _ move: SIMD2<Float>) -> Float? {
        var (first, last): (Float, Float) = (0, 1)
        for normal in Self.normals {
            let left = Self.apothem - dot(normal, place - centre)
            let speed = dot(normal, move)
            if speed == 0 {
                if left < 0 { return nil }
            } else if speed > 0 {
                last = min(last, left / speed)
            } else {
                first = max(first, left / speed)
            }
        }
        return first <= last ? first : nil
    }
}

@inline(__always)
func dot(_ a: SIMD2<Float>, _ b: SIMD2<Float>) -> Float { a.x * b.x + a.y * b.y }

/// The unit vector at an angle, counted from x to y; exact at quarter turns. The same bits on every machine, which the
/// library's sine does not promise: products and sums alone.
func direction(degrees: Float) -> SIMD2<Float> {
    let turns = (Double(degrees) / 90).rounded()
    let rest = (Double(degrees) - 90 * turns) * (Double.pi / 180)
    // Taylor's series up to where a term is below 1e-16 of the sum within an eighth of a turn.
    var (sine, cosine, term) = (0.0, 0.0, 1.0)
    for order in 0..<18 {
        switch order % 4 {
        case 0: cosine += term
        case 1: sine += term
        case 2: cosine -= term
        default: sine -= term
        }
        term *= rest / Double(order + 1)
    }
    let quarter = Int(turns.truncatingRemainder(dividingBy: 4) + 4) % 4
    let (x, y) = [(cosine, sine), (-sine, cosine), (-cosine, -sine), (sine, -cosine)][quarter]
    return SIMD2(Float(x), Float(y))
}
