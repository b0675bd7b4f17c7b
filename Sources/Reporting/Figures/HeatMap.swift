package import Environments
import Experience
import Quantities

/// Shares from 0 to 1 in the cells of a grid.
///
/// For tasks that are places in a grid: where a goal lies tells how hard it is, and whether held-out goals end worse than
/// their neighbours. Cells are one task each, such as Dark Room's goals, or the mean over all tasks that have a place
/// there, such as a key with a door anywhere. Held-out tasks are framed, empty cells have a colour of their own, and
/// cells of at least 22 units have their percentage written in them.
package struct HeatMap: Figure {
    /// One place.
    package struct Cell: Sendable {
        /// Column from 0 at the left.
        package var x: Int
        /// Row from 0 at the top.
        package var y: Int
        /// What stands there.
        package var content: Content
        /// Return as a share of the optimum, from 0 to 1; nil where nothing was measured.
        package var share: Double?

        /// A cell outside of the map's columns and rows would be drawn outside of the grid; nothing checks it.
        package init(x: Int, y: Int, _ content: Content, share: Double?) {
            self.x = x
            self.y = y
            self.content = content
            self.share = share
        }

        /// One task by its id, as `init(x:y:_:share:)`.
        package init(x: Int, y: Int, split: Split, share: Double?, task: Int) {
            self.init(x: x, y: y, .task(task, split), share: share)
        }

        fileprivate var isHeldOut: Bool {
            if case .task(_, .test) = content { true } else { false }
        }

        /// For the pointer.
        fileprivate var words: String {
            switch content {
            case .task(_, let split): split == .test ? "held out" : "train"
            case .tasks(let count): count == 1 ? "1 task" : "\(count) tasks"
            }
        }
    }

    /// What a cell is about.
    package enum Content: Hashable, Sendable {
        /// One task, by its id. One of the split `test` was held out.
        case task(Int, Split)
        /// So many tasks that were measured, whatever their split.
        case tasks(Int)
    }

    /// File name of its numbers, and its anchor on the page: `report.html#final-return-by-goal`.
    package var name: String
    /// Stands above the map, and is what a screen reader says.
    package var title: String
    /// Plain text below the map; says what a share is.
    package var caption: String
    /// Width of the grid, in cells.
    package var columns: Int
    /// Height of the grid, in cells.
    package var rows: Int
    /// What the cells are: `goal`.
    package var noun: String
    /// In any order; places without one are drawn empty.
    package var cells: [Cell]
    /// The cell that episodes start in.
    package var start: (x: Int, y: Int)?

    /// Without `start` no cell has a dot, and the key does not mention one.
    package init(
        name: String, title: String, caption: String, columns: Int, rows: Int, noun: String = "goal", cells: [Cell],
        start: (x: Int, y: Int)? = nil
    ) {
        self.name = name
        self.title = title
        self.caption = caption
        self.columns = columns
        self.rows = rows
        self.noun = noun
        self.cells = cells
        self.start = start
    }

    /// A line for each cell; the share is empty where nothing was measured.
    ///
    /// Cells stand in the order in which they were given.
    package var csv: String {
        let areTasks = cells.contains { if case .task = $0.content { true } else { false } }
        return (areTasks ? "task,x,y,split,share_of_optimum\n" : "x,y,tasks,share_of_optimum\n")
            + cells.map { cell in
                switch cell.content {
                case .task(let task, let split):
                    "\(task),\(cell.x),\(cell.y),\(split.rawValue),\(csvField(cell.share))\n"
                case .tasks(let count): "\(cell.x),\(cell.y),\(count),\(csvField(cell.share))\n"
                }
            }.joined()
    }

    /// Pointing at a cell shows its goal and its share.
    ///
    /// The grid is 400 units in its longer direction, whatever the number of cells, so that cells of a large room are
    /// small and lose their text.
    package var svg: String {
        let side = 400.0 / Double(max(columns, rows))
        let width = side * Double(columns)
        let height = side * Double(rows)
        let left = 28.0
        let top = 8.0
        var svg = SVGText()
        svg.openFigure(width: left + width + 96, height: top + height + 40, title: title)
        drawPlaces(side, left, top, into: &svg)
        for cell in cells where !cell.isHeldOut { draw(cell, side, left, top, into: &svg) }
        // Held-out cells come last, so that no neighbour covers their frame.
        for cell in cells where cell.isHeldOut { draw(cell, side, left, top, into: &svg) }
        drawNumbers(side, left, top, into: &svg)
        svg.colourScale(x: left + width + 24, top: top, height: min(height, 220))
        drawKey(x: left + width + 24, y: top + min(height, 220) + 44, into: &svg)
        svg.close("svg")
        return svg.text
    }

    /// Places of the grid that no cell stands for are empty ones.
    private func drawPlaces(_ side: Double, _ left: Double, _ top: Double, into svg: inout SVGText) {
        let taken = Set(cells.map { [$0.x, $0.y] })
        for y in 0..<rows {
            for x in 0..<columns where !taken.contains([x, y]) {
                svg.element(
                    "rect",
                    [
                        ("class", "cell"), ("x", at(left + Double(x) * side + 1)),
                        ("y", at(top + Double(y) * side + 1)),
                        ("width", at(side - 2)), ("height", at(side - 2)), ("rx", "2"), ("style", "fill:var(--empty)"),
                    ])
            }
        }
    }

    /// `side`: width of a cell; `left` and `top`: corner of the grid, all in the drawing's units.
    ///
    /// One group with a `<title>`, which a browser shows for the pointer and a screen reader reads. Text on a cell is
    /// dark or white by the cell's own lightness.
    private func draw(_ cell: Cell, _ side: Double, _ left: Double, _ top: Double, into svg: inout SVGText) {
        let isHeldOut = cell.isHeldOut
        // Cells of a large room are small, and have thinner margins.
        let inset = min(isHeldOut ? 2.5 : 1, side * (isHeldOut ? 0.08 : 0.03))
        let x = left + Double(cell.x) * side
        let y = top + Double(cell.y) * side
        let told = cell.share.map { NumberText.percent($0, decimals: 0) + " of the optimum" } ?? "not measured"
        svg.open("g", [])
        svg.element(
            "title", [], content: escaped("\(noun) (\(cell.x), \(cell.y)), \(cell.words): \(told)"))
        let shape = [
            ("x", at(x + inset)), ("y", at(y + inset)), ("width", at(side - 2 * inset)),
            ("height", at(side - 2 * inset)), ("rx", "2"), ("class", isHeldOut ? "cell held-out" : "cell"),
        ]
        if let share = cell.share {
            let colour = SequentialColours.colour(share)
            svg.element("rect", shape + [("style", "fill:\(colour.css)")])
            if side >= 22 {
                svg.label(
                    NumberText.fixed(share * 100, decimals: 0), x: x + side / 2,
                    y: y + side / 2 + min(13, side / 3) * 0.36,
                    class: "cell-text", anchor: "middle",
                    style: "font-size:\(at(min(13, side / 3)))px;fill:\(colour.isLight ? "#15181d" : "#ffffff")")
            }
        } else {
            svg.element("rect", shape + [("style", "fill:var(--empty)")])
        }
        if let start, start.x == cell.x, start.y == cell.y {
            let isOnLight = cell.share.map { SequentialColours.colour($0).isLight } ?? false
            svg.element(
                "circle",
                [
                    ("cx", at(x + side / 2)), ("cy", at(side < 22 ? y + side / 2 : y + side - 7)), ("r", "2.2"),
                    ("style", cell.share == nil ? "fill:var(--soft)" : "fill:\(isOnLight ? "#15181d" : "#ffffff")"),
                ])
        }
        svg.close("g")
    }

    /// Numbers of columns and rows, fewer where cells are small.
    ///
    /// A number takes about 18 units; in smaller cells every second, third or later one is written.
    private func drawNumbers(_ side: Double, _ left: Double, _ top: Double, into svg: inout SVGText) {
        let every = max(1, Int((18 / side).rounded(.up)))
        for column in stride(from: 0, to: columns, by: every) {
            svg.label(
                "\(column)", x: left + (Double(column) + 0.5) * side, y: top + Double(rows) * side + 16, class: "tick",
                anchor: "middle")
        }
        for row in stride(from: 0, to: rows, by: every) {
            svg.label("\(row)", x: left - 8, y: top + (Double(row) + 0.5) * side + 4, class: "tick", anchor: "end")
        }
        svg.label(
            "x", x: left + Double(columns) * side / 2, y: top + Double(rows) * side + 33, class: "axis-title",
            anchor: "middle")
        svg.label("y", x: 2, y: top + 10, class: "axis-title")
    }

    /// What frames, empty cells and the dot mean.
    ///
    /// At the right of the grid, below the scale.
    private func drawKey(x: Double, y: Double, into svg: inout SVGText) {
        if cells.contains(where: \.isHeldOut) {
            svg.element(
                "rect",
                [
                    ("class", "cell held-out"), ("x", at(x)), ("y", at(y - 10)), ("width", "12"), ("height", "12"),
                    ("rx", "2"), ("style", "fill:none"),
                ])
            svg.label("held out", x: x + 18, y: y, class: "tick")
        }
        svg.element(
            "rect",
            [
                ("class", "cell"), ("x", at(x)), ("y", at(y + 12)), ("width", "12"), ("height", "12"), ("rx", "2"),
                ("style", "fill:var(--empty)"),
            ])
        svg.label("no data", x: x + 18, y: y + 22, class: "tick")
        if start != nil {
            svg.element("circle", [("class", "start"), ("cx", at(x + 6)), ("cy", at(y + 40)), ("r", "2.2")])
            svg.label("start", x: x + 18, y: y + 44, class: "tick")
        }
    }
}
