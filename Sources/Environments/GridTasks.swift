/// A cell of a grid: column x from 0 at the left, row y from 0 at the top.
package struct GridCell: Hashable, Sendable {
    package let x: Int
    package let y: Int

    package init(x: Int, y: Int) {
        self.x = x
        self.y = y
    }
}

/// A distribution whose tasks are places in a grid, such as a goal, or a key and a door.
///
/// A capability beside `EnvironmentKind`: reports draw returns as maps by it, and `DrawnTasks` and `MappedTasks` are
/// implemented by it. Its tasks differ in nothing but where the places are.
package protocol GridTasks: DrawnTasks, MappedTasks {
    /// Cells of the grid from left to right, and from top to bottom.
    var size: GridSize { get }
    /// The cell in which every episode starts; nil where it is drawn.
    var start: GridCell? { get }
    /// What a task places, such as `goal`: a map is drawn for each.
    var placeNames: [String] { get }
    /// Whether each place brings a reward of 1 once an episode, in the order of `placeNames`, and nothing else does: the
    /// return then says how many of them an episode has reached.
    var rewardsEachPlaceOnce: Bool { get }
    /// The cell of each of `placeNames`. Throws `EnvironmentError` for a task of another distribution.
    func places(of task: Task) throws -> [GridCell]
    /// Where an agent stands that sees this, in the bytes of what streams store.
    func cell(of observation: [UInt8]) -> GridCell
}

/// How large a grid is.
package struct GridSize: Hashable, Sendable {
    package let columns: Int
    package let rows: Int

    package init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }
}

extension GridTasks {
    /// The grid with the first letter of each place, `S` where episodes start.
    package func picture(of task: Task) throws -> String {
        let marks = try marks(of: task)
        return drawing { marks[$0] ?? "." } + "\n" + key
    }

    /// The same with the number of the step after which each cell was first stood on, 0 where the episode started.
    package func picture(of episode: LivedEpisode, in task: Task) throws -> String? {
        let marks = try marks(of: task).filter { $0.value != "S" }
        var first: [GridCell: Int] = [:]
        for (step, observation) in episode.observations.enumerated() {
            let cell = cell(of: observation)
            if first[cell] == nil { first[cell] = step }
        }
        return drawing { cell in
            let text = (marks[cell] ?? "") + (first[cell].map(String.init) ?? "")
            return text.isEmpty ? "." : text
        } + "\n" + "numbers: after how many steps the cell was first stood on"
    }

    private func marks(of task: Task) throws -> [GridCell: String] {
        var marks: [GridCell: String] = [:]
        for (name, cell) in zip(placeNames, try places(of: task)) { marks[cell, default: ""] += letter(name) }
        if let start, marks[start] == nil { marks[start] = "S" }
        return marks
    }

    private func letter(_ name: String) -> String { name.prefix(1).uppercased() }

    /// What the letters mean.
    private var key: String {
        let places = placeNames.map { "\(letter($0)) \($0)" }.joined(separator: ", ")
        return places + (start == nil ? "; an episode starts in a random cell" : ", S start")
    }

    /// Columns are numbered above, rows at the left.
    private func drawing(_ text: (GridCell) -> String) -> String {
        let rows = (0..<size.rows).map { y in (0..<size.columns).map { x in text(GridCell(x: x, y: y)) } }
        let width = max(
            rows.joined().map(\.count).max() ?? 1, "\(size.columns - 1)".count, "\(size.rows - 1)".count)
        func line(_ fields: [String]) -> String {
            fields.map { String(repeating: " ", count: width - $0.count) + $0 }.joined(separator: " ")
        }
        let head = line([""] + (0..<size.columns).map(String.init))
        return ([head] + rows.enumerated().map { line(["\($0.offset)"] + $0.element) }).joined(separator: "\n")
    }
}
