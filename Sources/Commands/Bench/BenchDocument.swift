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
        Swift.print(alignedText(rows))
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

/// Rows with every column as wide as its widest cell, numbers to the right.
private func alignedText(_ rows: [[String]]) -> String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
        let cells = row.enumerated().map { column, cell in
            let space = String(repeating: " ", count: widths[column] - cell.count)
            return (1...3).contains(column) || column == 5 ? space + cell : cell + space
        }
        return cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces)
    }.joined(separator: "\n")
}

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
