import Quantities

/// SVG being written: elements one after the other, coordinates with two decimals.
///
/// Elements refer to classes and custom properties of `StyleSheet`; nothing has a colour of its own but what `style`
/// says.
struct SVGText {
    /// What was written so far; a figure gives it out when its root element is closed.
    private(set) var text = ""

    /// `attributes` are escaped here; `content` has to be escaped already.
    ///
    /// Without `content` the element closes itself. Attributes keep their order, so that the same figure always has the
    /// same text.
    mutating func element(_ name: String, _ attributes: [(String, String)], content: String? = nil) {
        text += "<\(name)"
        for (key, value) in attributes { text += " \(key)=\"\(escaped(value))\"" }
        if let content { text += ">\(content)</\(name)>" } else { text += "/>" }
        text += "\n"
    }

    /// From (x1, y1) to (x2, y2), in the drawing's units.
    ///
    /// `name` is a class of `StyleSheet`; `style` is for the colour of a role.
    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, class name: String, style: String = "") {
        var attributes = [("class", name), ("x1", at(x1)), ("y1", at(y1)), ("x2", at(x2)), ("y2", at(y2))]
        if !style.isEmpty { attributes.append(("style", style)) }
        element("line", attributes)
    }

    /// `words` are escaped here. `anchor`: start, middle or end of the text is at `x`; `y` is its baseline.
    ///
    /// `transform` is SVG's own, such as the rotation of a y axis's title.
    mutating func label(
        _ words: String, x: Double, y: Double, class name: String, anchor: String = "start", style: String = "",
        transform: String = ""
    ) {
        var attributes = [("class", name), ("x", at(x)), ("y", at(y)), ("text-anchor", anchor)]
        if !style.isEmpty { attributes.append(("style", style)) }
        if !transform.isEmpty { attributes.append(("transform", transform)) }
        element("text", attributes, content: escaped(words))
    }

    /// To be closed by `close` with the same name: nothing checks it.
    ///
    /// What is written until `close` lies inside: groups and the root element.
    mutating func open(_ name: String, _ attributes: [(String, String)]) {
        text += "<\(name)" + attributes.map { " \($0.0)=\"\(escaped($0.1))\"" }.joined() + ">\n"
    }

    /// A figure's root element, to be closed by `close("svg")`. `title` is what a screen reader says of it.
    mutating func openFigure(width: Double, height: Double, title: String) {
        open(
            "svg",
            [
                ("viewBox", "0 0 \(at(width)) \(at(height))"), ("role", "img"), ("aria-label", title),
                ("class", "figure"),
            ])
    }

    /// A line from `left` to `right` at each tick of a vertical axis, with the tick's label before it.
    mutating func grid(of axis: Axis, from left: Double, to right: Double) {
        for tick in axis.ticks {
            line(left, axis.position(tick), right, axis.position(tick), class: "grid")
            label(axis.label(tick), x: left - 8, y: axis.position(tick) + 4, class: "tick", anchor: "end")
        }
    }

    /// The title of a vertical axis, turned, at the figure's left edge.
    mutating func title(_ words: String, of axis: Axis) {
        let middle = (axis.pixels.start + axis.pixels.end) / 2
        label(
            words, x: 15, y: middle, class: "axis-title", anchor: "middle", transform: "rotate(-90 15 \(at(middle)))")
    }

    /// Closes the element that was opened last under this name.
    mutating func close(_ name: String) { text += "</\(name)>\n" }
}

/// A coordinate with at most two decimals.
///
/// A hundredth of a unit cannot be seen, and short numbers keep the page small.
func at(_ value: Double) -> String { NumberText.short(value, decimals: 2) }

/// `text` for XML and HTML, between tags and in attributes alike.
///
/// Every text of a report passes through here once: names of runs, hosts and settings are not ours, and could hold
/// markup.
func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
        switch character {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        default: result.append(character)
        }
    }
    return result
}
