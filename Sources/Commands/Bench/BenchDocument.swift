import Benchmarks
import Foundation
import Quantities

/// What every suite prints.
struct BenchDocument: Encodable {
    struct Machine: Encodable {
        let processor = processorName
        let processors = ProcessInfo.processInfo.activeProcessorCount
        let system = ProcessInfo.processInfo.operatingSystemVersionString
    }

    let suite: String
    let machine = Machine()
    let results: [BenchmarkResult]

    func print(json: Bool) throws {
        if json { return try printJSON(self) }
        var rows = [["name", "median", "least", "most", "unit", "of the peak"]]
        for result in results {
            for unit in BenchmarkResult.Unit.allCases {
                guard let rates = result.rates[unit] else { continue }
                let share = unit == .gflops ? result.measured["share_of_peak"] : nil
                rows.append(
                    [result.label] + [rates.median, rates.min() ?? 0, rates.max() ?? 0].map(rateText)
                        + [unit.rawValue, share.map { NumberText.percent($0, decimals: 0) } ?? ""])
            }
        }
        Swift.print(alignedText(rows, numbers: [1, 2, 3, 5]))
    }
}

extension BenchmarkResult {
    /// The name with what tells it from others of the same name.
    fileprivate var label: String {
        let details = ["actor_processes", "nodes", "threads"].compactMap { key -> String? in
            guard case .number(let number)? = configuration[key] else { return nil }
            return "\(Int(number)) \(key.replacing("_", with: " "))"
        }
        return details.isEmpty ? name : "\(name) (\(details.joined(separator: ", ")))"
    }
}

private func rateText(_ rate: Double) -> String { rate < 1000 ? NumberText.fixed(rate, decimals: 1) : "\(Int(rate))" }

/// Rows with every column as wide as its widest cell; those of `numbers` to the right.
private func alignedText(_ rows: [[String]], numbers: Set<Int>) -> String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
        let cells = row.enumerated().map { column, cell in
            let space = String(repeating: " ", count: widths[column] - cell.count)
            return numbers.contains(column) ? space + cell : cell + space
        }
        return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
}

extension BenchDocument {
    /// All that was measured, a line for each number and a column for each result.
    var measuredText: String {
        let names = Set(results.flatMap(\.measured.keys)).sorted()
        let rows =
            [[""] + results.map(\.name)]
            + names.map { name in [name] + results.map { $0.measured[name].map(Self.text) ?? "" } }
        return alignedText(rows, numbers: Set(rows[0].indices.dropFirst()))
    }

    private static func text(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : NumberText.fixed(number, decimals: 2)
    }
}
