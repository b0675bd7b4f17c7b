import Quantities

/// What a mark stands for; the same thing has the same colour in every figure.
///
/// The raw values are names of custom properties in `StyleSheet`: a new role needs a colour there, for light and for
/// dark pages.
package enum Role: String, Sendable, CaseIterable {
    /// The distilled model with its context.
    case inContext = "in-context"
    /// The same with its context cleared at every episode.
    case control
    /// The source algorithm.
    case source
    /// Uniformly random actions, and the best policy.
    case random, optimum
    /// A quantity that is none of these.
    case quantity
    /// A second one in the same figure.
    case secondQuantity = "second-quantity"
    /// Variants that are shown beside each other, by their position.
    case variant1 = "variant-1"
    case variant2 = "variant-2"
    case variant3 = "variant-3"
    case variant4 = "variant-4"
    case variant5 = "variant-5"
    case variant6 = "variant-6"
    case variant7 = "variant-7"
    case variant8 = "variant-8"

    /// A custom property of the page's style sheet, so that light and dark pages share the drawing.
    ///
    /// A CSS value for `style` attributes.
    var colour: String { "var(--\(rawValue))" }
}

/// How a line is drawn beside its colour.
package enum Dash: String, Sendable, CaseIterable {
    case solid = ""
    case dashed = "8 4"
    case dotted = "2 4"
    case dashDotted = "9 3 2 3"
}

/// Colour and dash of one of many lines beside each other.
///
/// Eight colours; the first four lines are solid, the next four dashed, and so on, so that up to 16 lines differ, and
/// neighbours in colour differ in their dash as well.
struct LineLook: Hashable {
    let role: Role
    let dash: Dash

    private static let roles: [Role] = [
        .variant1, .variant2, .variant3, .variant4, .variant5, .variant6, .variant7, .variant8,
    ]

    /// Of what has a colour of its own.
    init(_ role: Role) {
        self.role = role
        dash = .solid
    }

    /// Of the line at `position` from 0.
    init(_ position: Int) {
        role = Self.roles[position % Self.roles.count]
        dash = Dash.allCases[position / 4 % Dash.allCases.count]
    }
}

/// Colours of a share from 0 to 1: dark to light, even in lightness, told apart by the colour-blind as well.
///
/// Nine stops of matplotlib's viridis, linear between them in RGB.
enum SequentialColours {
    /// Red, green and blue from 0 to 255, for shares 0, 1/8, 2/8 and so on to 1.
    private static let stops: [(Double, Double, Double)] = [
        (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141), (39, 173, 129), (92, 200, 99),
        (170, 220, 50), (253, 231, 37),
    ]

    /// `share` is clamped to 0 to 1. `isLight`: dark text is to be read on it.
    ///
    /// Lightness is the usual weighted sum of red, green and blue (ITU-R BT.601), with a bound of 140 of 255.
    static func colour(_ share: Double) -> (css: String, isLight: Bool) {
        let position = min(max(share, 0), 1) * Double(stops.count - 1)
        let index = min(Int(position), stops.count - 2)
        let part = position - Double(index)
        func mix(_ a: Double, _ b: Double) -> Double { (a + (b - a) * part).rounded() }
        let (r, g, b) = (
            mix(stops[index].0, stops[index + 1].0), mix(stops[index].1, stops[index + 1].1),
            mix(stops[index].2, stops[index + 1].2)
        )
        return ("rgb(\(Int(r)),\(Int(g)),\(Int(b)))", 0.299 * r + 0.587 * g + 0.114 * b > 140)
    }
}

extension SVGText {
    /// The colours from 0 to 100 %, upwards.
    ///
    /// Fifty stacked rectangles, overlapping a little so that no hair line shows between them.
    mutating func colourScale(x: Double, top: Double, height: Double) {
        let steps = 50
        for step in 0..<steps {
            let share = (Double(step) + 0.5) / Double(steps)
            element(
                "rect",
                [
                    ("x", at(x)), ("y", at(top + height * (1 - Double(step + 1) / Double(steps)))), ("width", "12"),
                    ("height", at(height / Double(steps) + 0.6)),
                    ("style", "fill:\(SequentialColours.colour(share).css)"),
                ])
        }
        for share in [0, 0.25, 0.5, 0.75, 1] {
            label(
                NumberText.percent(share, decimals: 0), x: x + 18, y: top + height * (1 - share) + (share == 1 ? 9 : 4),
                class: "tick")
        }
    }
}
