package import Environments
import Experience
import Quantities

/// Shares from 0 to 1 of places anywhere on one map, such as a pool's platforms: where held-out ones lie among those of
/// training, and how well each ends.
package struct PlaceMap: Figure {
    /// A task's place.
    package struct Place: Sendable {
        let task: Int
        let split: Split
        let centre: SIMD2<Float>
        /// Return as a share of the optimum; nil where nothing was measured.
        let share: Double?

        package init(task: Int, split: Split, centre: SIMD2<Float>, share: Double?) {
            self.task = task
            self.split = split
            self.centre = centre
            self.share = share
        }
    }

    package let name: String
    package let title: String
    package let caption: String
    /// What lies around the places.
    let ground: TaskMap
    /// What the places are: `platform`.
    let noun: String
    /// Of a place, in the map's lengths.
    let radius: Float
    /// In any order.
    let places: [Place]

    private static let side = 420.0
    private static let margin = 8.0
    /// Units across a place that was not measured.
    private static let dot = 1.6

    package init(
        name: String, title: String, caption: String, ground: TaskMap, noun: String, radius: Float, places: [Place]
    ) {
        self.name = name
        self.title = title
        self.caption = caption
        self.ground = ground
        self.noun = noun
        self.radius = radius
        self.places = places
    }

    /// A line for each place; the share is empty where nothing was measured.
    package var csv: String {
        "task,x,y,split,share_of_optimum\n"
            + places.map { "\($0.task),\($0.centre.x),\($0.centre.y),\($0.split.rawValue),\(csvField($0.share))\n" }
            .joined()
    }

    /// Pointing at a place shows its task and its share. Places that were measured cover those that were not, and
    /// held-out ones all others.
    package var svg: String {
        let frame = MapFrame(map: ground, x: Self.margin, y: Self.margin, side: Self.side)
        var svg = SVGText()
        svg.openFigure(width: Self.side + 112, height: Self.side + 2 * Self.margin, title: title)
        svg.ground(frame)
        for place in places where place.share == nil { draw(place, frame, into: &svg) }
        for split in [Split.train, .test] {
            for place in places where place.share != nil && place.split == split { draw(place, frame, into: &svg) }
        }
        let right = Self.side + Self.margin + 16
        svg.colourScale(x: right, top: 2 * Self.margin, height: 220)
        if places.contains(where: { $0.split == .test }) {
            svg.element(
                "circle",
                [("class", "cell held-out"), ("cx", at(right + 6)), ("cy", "272"), ("r", "6"), ("style", "fill:none")])
            svg.label("held out", x: right + 18, y: 276, class: "tick")
        }
        svg.close("svg")
        return svg.text
    }

    private func draw(_ place: Place, _ frame: MapFrame, into svg: inout SVGText) {
        let (x, y) = frame.at(place.centre)
        let told = place.share.map { NumberText.percent($0, decimals: 0) + " of the optimum" } ?? "not measured"
        let held = place.split == .test
        let centre = [("cx", at(x)), ("cy", at(y))]
        svg.open("g", [])
        svg.element(
            "title", [], content: escaped("\(noun) of task \(place.task), \(held ? "held out" : "train"): \(told)"))
        if let share = place.share {
            let colour = SequentialColours.colour(share)
            let radius = frame.scale * Double(radius)
            svg.element(
                "circle",
                [("class", held ? "cell held-out" : "cell")] + centre + [
                    ("r", at(radius)), ("style", "fill:\(colour.css)"),
                ])
            svg.label(
                NumberText.fixed(share * 100, decimals: 0), x: x, y: y + 4, class: "cell-text", anchor: "middle",
                style: "font-size:11px;fill:\(colour.isLight ? "#15181d" : "#ffffff")")
        } else {
            svg.element("circle", centre + [("r", at(Self.dot)), ("style", "fill:#15181d;fill-opacity:0.35")])
        }
        svg.close("g")
    }
}
