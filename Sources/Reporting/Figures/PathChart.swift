import Environments
import Quantities

/// Paths of an early and of a late episode side by side, a row for each task.
package struct PathChart: Figure {
    package let name: String
    package let title: String
    package let caption: String
    /// From top to bottom.
    let paths: [RecordedPath]

    private static let side = 300.0
    private static let (left, top, gap) = (8.0, 24.0, 14.0)
    /// Of the line and of its ends.
    private static let colour = "#7a1fa2"

    package init(name: String, title: String, caption: String, paths: [RecordedPath]) {
        self.name = name
        self.title = title
        self.caption = caption
        self.paths = paths
    }

    /// A line for each place where an agent stood; step 0 is where the episode began.
    package var csv: String {
        var text = "task,episode,step,x,y\n"
        for path in paths {
            for walk in [path.early, path.late] {
                for (step, place) in walk.places.enumerated() {
                    text += "\(path.task),\(walk.episode),\(step),\(place.x),\(place.y)\n"
                }
            }
        }
        return text
    }

    package var svg: String {
        let (side, row) = (Self.side, Self.side + Self.top)
        var svg = SVGText()
        svg.openFigure(
            width: 2 * Self.left + 2 * side + Self.gap, height: Double(paths.count) * row + Self.left, title: title)
        for (index, path) in paths.enumerated() {
            for (column, walk) in [path.early, path.late].enumerated() {
                let frame = MapFrame(
                    map: path.map, x: Self.left + Double(column) * (side + Self.gap), y: Double(index) * row + Self.top,
                    side: side)
                draw(walk, of: path.task, in: frame, into: &svg)
            }
        }
        svg.close("svg")
        return svg.text
    }

    private func draw(_ walk: RecordedPath.Walk, of task: Int, in frame: MapFrame, into svg: inout SVGText) {
        let steps = max(0, walk.places.count - 1)
        svg.label(
            "task \(task), episode \(walk.episode): return \(NumberText.short(walk.episodeReturn, decimals: 2)), \(steps) steps",
            x: frame.x, y: frame.y - 7, class: "tick")
        svg.ground(frame)
        svg.element(
            "polyline",
            [
                ("points", svg.points(walk.places, frame)),
                ("style", "fill:none;stroke:\(Self.colour);stroke-width:2;stroke-linejoin:round"),
            ])
        for (place, fill) in [(walk.places.first, "none"), (walk.places.last, Self.colour)] {
            guard let (x, y) = place.map(frame.at) else { continue }
            svg.element(
                "circle",
                [
                    ("cx", at(x)), ("cy", at(y)), ("r", "4.5"),
                    ("style", "fill:\(fill);stroke:\(Self.colour);stroke-width:2"),
                ])
        }
    }
}
