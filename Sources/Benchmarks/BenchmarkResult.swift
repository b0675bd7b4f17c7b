/// What one configuration of a benchmark gave.
///
/// As JSON: name, configuration, the median of each rate under its unit's name, `spread` over the repetitions, and
/// whatever else was `measured`.
package struct BenchmarkResult: Sendable, Encodable {
    /// Units of rates; the raw value is the key in JSON.
    package enum Unit: String, Sendable, CaseIterable {
        case environmentSteps = "environment_steps_per_second"
        case transitions = "transitions_per_second"
        case tokens = "tokens_per_second"
        case frames = "frames_per_second"
        case gflops
        case messages = "messages_per_cpu_second"
        case streams = "streams_per_second"
    }

    /// A number or a word of a configuration, as JSON has it.
    package enum Setting: Sendable, Equatable {
        case number(Double)
        case text(String)
    }

    package let name: String
    /// What was measured: sizes, threads, batch.
    package let configuration: [String: Setting]
    /// The rate of every repetition.
    package let rates: [Unit: [Double]]
    /// Other numbers by name, such as `share_of_peak`; left out of the JSON where empty.
    package var measured: [String: Double]

    package init(
        name: String, configuration: [String: Setting], rates: [Unit: [Double]], measured: [String: Double] = [:]
    ) {
        self.name = name
        self.configuration = configuration
        self.rates = rates
        self.measured = measured
    }

    /// Of repetitions of one configuration, at least one: the rates of all, and what else was measured of the one that
    /// is in the middle by its measured number `key`.
    package init(middleOf runs: [BenchmarkResult], by key: String) {
        let middle = runs.sorted { $0.measured[key] ?? 0 < $1.measured[key] ?? 0 }[runs.count / 2]
        self.init(
            name: middle.name, configuration: middle.configuration,
            rates: Dictionary(
                uniqueKeysWithValues: middle.rates.keys.map { unit in (unit, runs.flatMap { $0.rates[unit] ?? [] }) }),
            measured: middle.measured)
    }

    /// The least and the largest of the repetitions' rates.
    private struct Spread: Encodable {
        let minimum: Double
        let maximum: Double
        let repetitions: Int
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: Key("name"))
        try container.encode(configuration, forKey: Key("configuration"))
        for (unit, values) in rates { try container.encode(values.median, forKey: Key(unit.rawValue)) }
        try container.encode(
            Dictionary(
                uniqueKeysWithValues: rates.map { unit, values in
                    (
                        unit.rawValue,
                        Spread(minimum: values.min() ?? 0, maximum: values.max() ?? 0, repetitions: values.count)
                    )
                }), forKey: Key("spread"))
        if !measured.isEmpty { try container.encode(measured, forKey: Key("measured")) }
    }
}

extension BenchmarkResult.Setting: Encodable, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByStringLiteral
{
    package init(integerLiteral value: Int) { self = .number(Double(value)) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(stringLiteral value: String) { self = .text(value) }
    package init(_ value: Int) { self = .number(Double(value)) }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        }
    }
}

extension [Double] {
    /// The middle number, or the mean of the two in the middle; 0 of none.
    package var median: Double {
        let sorted = sorted()
        guard !sorted.isEmpty else { return 0 }
        return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }
}
