package import Environments

/// A square of a figure in which a map is drawn: from the map's lengths to the drawing's.
package struct MapFrame {
    let map: TaskMap
    /// The upper left corner.
    let x: Double
    let y: Double
    let side: Double

    package init(map: TaskMap, x: Double, y: Double, side: Double) {
        self.map = map
        self.x = x
        self.y = y
        self.side = side
    }

    /// Units of the drawing that a length of the map has.
    var scale: Double { side / Double(map.side) }

    /// A place of the map in the drawing, whose y points down.
    package func at(_ place: SIMD2<Float>) -> (x: Double, y: Double) {
        (x + scale * Double(place.x - map.low.x), y + side - scale * Double(place.y - map.low.y))
    }
}

extension SVGText {
    /// The areas of a map in their own colours.
    mutating func ground(_ frame: MapFrame) {
        for area in frame.map.areas {
            let (red, green, blue) = (area.colour.x, area.colour.y, area.colour.z)
            element(
                "polygon",
                [("points", points(area.corners, frame)), ("style", "fill:rgb(\(red),\(green),\(blue));stroke:none")])
        }
    }

    /// `x,y x,y ...`
    func points(_ places: [SIMD2<Float>], _ frame: MapFrame) -> String {
        places.map { place in
            let (x, y) = frame.at(place)
            return "\(at(x)),\(at(y))"
        }.joined(separator: " ")
    }
}
