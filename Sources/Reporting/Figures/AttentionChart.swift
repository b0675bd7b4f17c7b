package import Distillation
import Experience
import Quantities

/// What one decision attends to: a panel for each head, layers from top to bottom and heads from left to right, each with
/// the weights over the rows of the context. Thin lines mark where episodes begin, dots on the axis rows that show a
/// reward. Panels have scales of their own, whose ends are written in them.
package struct AttentionChart: Figure {
    package var name: String
    package var title: String
    package var caption: String
    package var layers: Int
    package var heads: Int
    package var decision: StreamAttention.Decision
    /// Sizes in the drawing's own units; the page scales it.
    private static let width = 1160.0
    private static let leastPanelWidth = 120.0
    private static let panelHeight = 104.0
    private static let gap = (beside: 26.0, below: 12.0)
    private static let margin = (left: 62.0, top: 24.0, bottom: 46.0)

    /// Of decision number `index` of `attention`, which must have one.
    package init(_ attention: StreamAttention, decision index: Int) {
        decision = attention.decisions[index]
        layers = attention.layers
        heads = attention.heads
        name = "attention-row-\(padded(decision.row, 6))"
        title = "Attention of the decision in row \(decision.row)"
        let keys = decision.keys
        caption =
            "Weights over rows \(keys.lowerBound) to \(keys.upperBound - 1), the context of the decision, of each head; they "
            + "sum to 1. Lines: a row begins an episode. Dots: a row's tokens show a reward, which is that of the row before."
    }

    /// `layer,head,row,weight,episodes_back,reward,episode_start`
    package var csv: String {
        var text = "layer,head,row,weight,episodes_back,reward,episode_start\n"
        for layer in 0..<layers {
            for head in 0..<heads {
                let weights = decision.weights(layer: layer, head: head, of: heads)
                for (index, weight) in weights.enumerated() {
                    text +=
                        "\(layer),\(head),\(decision.keys.lowerBound + index),\(weight),"
                        + "\(decision.episodesBack[index]),\(decision.rewards[index]),\(decision.isStart[index] ? 1 : 0)\n"
                }
            }
        }
        return text
    }

    package var svg: String {
        let margin = Self.margin
        let width = left(heads)
        let height = top(layers) + margin.bottom
        var svg = SVGText()
        svg.openFigure(width: width, height: height, title: title)
        for head in 0..<heads {
            svg.label(
                "head \(head)", x: left(head) + panelWidth / 2, y: 14, class: "series", anchor: "middle",
                style: "fill:var(--ink)")
        }
        for layer in 0..<layers {
            let y = top(layer) + Self.panelHeight / 2
            svg.label(
                "layer \(layer)", x: 22, y: y, class: "series", anchor: "middle", style: "fill:var(--ink)",
                transform: "rotate(-90 22 \(at(y)))")
            for head in 0..<heads { draw(layer, head, into: &svg) }
        }
        svg.label(
            "row of the stream", x: (margin.left + width) / 2, y: height - 6, class: "axis-title", anchor: "middle")
        svg.close("svg")
        return svg.text
    }

    /// The figure is as wide as a page unless it has very many heads.
    private var panelWidth: Double {
        max(Self.leastPanelWidth, (Self.width - Self.margin.left) / Double(max(1, heads)) - Self.gap.beside)
    }
    private func left(_ head: Int) -> Double { Self.margin.left + Double(head) * (panelWidth + Self.gap.beside) }
    private func top(_ layer: Int) -> Double { Self.margin.top + Double(layer) * (Self.panelHeight + Self.gap.below) }

    private func draw(_ layer: Int, _ head: Int, into svg: inout SVGText) {
        let weights = decision.weights(layer: layer, head: head, of: heads)
        let (left, bottom) = (left(head), top(layer) + Self.panelHeight - 12)
        let x = Axis(
            Double(decision.keys.lowerBound)...Double(decision.keys.upperBound), from: left,
            to: left + panelWidth, count: Int(panelWidth / 80))
        let highest = max(Double(weights.max() ?? 0), 1e-9)
        let y = Axis(0...highest, from: bottom, to: top(layer) + 14, count: 2)
        for (index, row) in decision.keys.enumerated() where decision.isStart[index] {
            svg.line(
                x.position(Double(row)), bottom, x.position(Double(row)), top(layer), class: "grid",
                style: "stroke:var(--axis)")
        }
        var path = "M\(at(left)) \(at(bottom))"
        for (row, weight) in zip(decision.keys, weights) {
            let height = at(y.position(Double(weight)))
            path += "V\(height)H\(at(x.position(Double(row + 1))))"
        }
        svg.element(
            "path", [("class", "cell"), ("d", path + "V\(at(bottom))Z"), ("style", "fill:\(Role.inContext.colour)")])
        svg.line(left, bottom, left + panelWidth, bottom, class: "axis")
        mark(x, at: bottom, into: &svg)
        svg.label(NumberText.short(highest, decimals: 3), x: left + 3, y: top(layer) + 10, class: "tick")
        guard layer == layers - 1 else { return }
        for tick in x.ticks {
            svg.label(x.label(tick), x: x.position(tick), y: bottom + 28, class: "tick", anchor: "middle")
        }
    }

    private func mark(_ x: Axis, at bottom: Double, into svg: inout SVGText) {
        for (index, row) in decision.keys.enumerated() where decision.rewards[index] != 0 {
            svg.element(
                "circle",
                [
                    ("cx", at(x.position(Double(row) + 0.5))), ("cy", at(bottom + 6)), ("r", "2.2"),
                    ("style", "fill:\(Role.control.colour)"),
                ])
        }
    }
}
