package import Environments
import Experience

/// An episode in pictures: what was seen before each step and after the last, where that is pictures, beside a map with
/// the path, where the environment has one.
package struct EpisodePictures {
    /// Frames that a moving picture has at most: of a longer episode some are left out.
    package static let mostMovingFrames = 1000
    /// Hundredths of a second that a frame is shown, and the last of them.
    private static let (frameCentiseconds, lastCentiseconds) = (12, 150)

    private let episode: LivedEpisode
    /// (height, width) of what is seen; nil where that is no picture.
    private let seen: (height: Int, width: Int)?
    /// Nil where what is stored is what is seen.
    private let view: (any ObservationView)?
    private let map: TaskMap?
    /// Where the agent stood at each observation, as far as observations say it.
    private let stands: [TaskMap.Stand?]

    /// Throws `EnvironmentError` for an environment that has neither pictures nor maps, and for a task of another.
    package init(of episode: LivedEpisode, in task: Task, of distribution: any TaskDistribution) throws {
        self.episode = episode
        view = try distribution.view(of: task)
        seen = distribution.environment.observationSpace.pictureSize
        let mapped = distribution as? any MappedTasks
        map = try mapped?.map(of: task)
        stands = episode.observations.map { mapped?.stand(of: $0) }
        guard seen != nil || map != nil else {
            throw EnvironmentError(
                "\(distribution.environment.name) cannot be drawn: what is seen there is no picture, and its tasks have "
                    + "no map")
        }
    }

    /// All frames, or evenly spaced ones where there are too many, row by row from the upper left, beside the map with
    /// the whole path. What was seen after a reward has a green edge.
    package func sheet() -> Picture {
        let sheet = seen.map { ContactSheet(frames: episode.observations.count, width: $0.width, height: $0.height) }
        let map = map.map { path(on: $0, side: sheet?.mapSide ?? Self.mapAlone) }
        var page = Picture(
            width: (sheet?.width ?? 0) + (map?.width ?? 0), height: max(sheet?.height ?? 0, map?.height ?? 0),
            colour: Picture.paper)
        if let seen, let sheet {
            for (place, index) in sheet.shown.enumerated() {
                let frame = frame(index, seen).magnified(sheet.scale)
                let (column, row) = sheet.corner(of: place)
                if isRewarded(index) { page.placeEdge(around: frame, column: column, row: row) }
                page.place(frame, column: column, row: row)
            }
        }
        if let map { page.place(map, column: sheet?.width ?? 0, row: (page.height - map.height) / 2) }
        return page
    }

    /// A GIF file: a frame for each observation, evenly spaced ones where there are too many. Throws `PictureError`.
    package func movingPicture() throws(PictureError) -> [UInt8] {
        let scale = seen.map { max(1, Self.movingHeight / $0.height) } ?? 1
        let height = seen.map { max(scale * $0.height, map == nil ? 0 : ContactSheet.leastMap) } ?? Self.mapAlone
        let left = seen.map { scale * $0.width } ?? 0
        var moving = try MovingPicture(width: left + (map == nil ? 0 : height), height: height)
        var drawn = map.map { MapPicture($0, side: height) }
        let shown = Set(evenly(Self.mostMovingFrames, of: episode.observations.count))
        for index in episode.observations.indices {
            if let stand = stands[index] {
                drawn?.go(to: stand, share: share(index), isRewarded: isRewarded(index))
            }
            guard shown.contains(index) else { continue }
            var page = Picture(width: left + (map == nil ? 0 : height), height: height, colour: Picture.paper)
            if let seen {
                page.place(frame(index, seen).magnified(scale), column: 0, row: (height - scale * seen.height) / 2)
            }
            if let drawn { page.place(drawn.withAgent(), column: left, row: 0) }
            let isLast = index == episode.steps.count
            try moving.append(page, centiseconds: isLast ? Self.lastCentiseconds : Self.frameCentiseconds)
        }
        return try moving.finish()
    }

    /// Sides of a map without frames, and about the height of a frame beside one, in pixels.
    private static let (mapAlone, movingHeight) = (480, 288)

    private func isRewarded(_ index: Int) -> Bool { index > 0 && episode.steps[index - 1].reward > 0 }

    private func share(_ index: Int) -> Float { Float(index) / Float(max(1, episode.steps.count)) }

    private func frame(_ index: Int, _ size: (height: Int, width: Int)) -> Picture {
        let stored = episode.observations[index]
        guard let view else { return Picture(width: size.width, height: size.height, pixels: stored) }
        var pixels = [UInt8](repeating: 0, count: 3 * size.width * size.height)
        view.see(stored, count: 1, into: &pixels)
        return Picture(width: size.width, height: size.height, pixels: pixels)
    }

    private func path(on map: TaskMap, side: Int) -> Picture {
        var drawn = MapPicture(map, side: side)
        for (index, stand) in stands.enumerated() {
            if let stand { drawn.go(to: stand, share: share(index), isRewarded: isRewarded(index)) }
        }
        return drawn.withAgent()
    }
}

extension Picture {
    static let paper = SIMD3<UInt8>(250, 250, 248)
    /// Of what has to do with a reward.
    package static let reward = SIMD3<UInt8>(20, 150, 60)

    /// What will look out around a frame that is placed there.
    fileprivate mutating func placeEdge(around frame: Picture, column: Int, row: Int) {
        let edge = ContactSheet.edge
        place(
            Picture(width: frame.width + 2 * edge, height: frame.height + 2 * edge, colour: Picture.reward),
            column: column - edge, row: row - edge)
    }
}

extension Space {
    /// Height and width, where an element is a picture: (height, width, 3) bytes.
    fileprivate var pictureSize: (height: Int, width: Int)? {
        guard case .box(let shape, .uint8, _, _) = self, shape.count == 3, shape[2] == 3, shape[0] > 0, shape[1] > 0
        else { return nil }
        return (shape[0], shape[1])
    }
}
