import Benchmarks
import Quantities

extension BenchDocument {
    /// All that was measured, a line for each number and a column for each result.
    var measuredText: String {
        let names = Set(results.flatMap(\.measured.keys)).sorted()
        let rows =
            [[""] + results.map(\.name)]
            + names.map { name in [name] + results.map { $0.measured[name].map(Self.text) ?? "" } }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + space : space + cell.0
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private static func text(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : NumberText.fixed(number, decimals: 2)
    }
}
