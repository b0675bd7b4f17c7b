/// What one configuration of a benchmark gave.
///
/// As JSON: name, configuration, the median of each rate under its unit's name, `spread` over the repetitions, and
/// whatever else was `measured`.
///
///     {"configuration": {"parameters": 1132000}, "gflops": 29.4, "measured": {"microseconds": 539, ...},
///      "name": "adam", "spread": {"gflops": {"maximum": 30.1, "minimum": 28.2, "repetitions": 5}}}
package struct BenchmarkResult: Sendable, Encodable {
    /// Units of rates; the raw value is the key in JSON. Rates are a second of a monotonic clock except where the name
    /// says otherwise; a larger one is better.
    package enum Unit: String, Sendable, CaseIterable {
        /// Steps of environments, acting included.
        case environmentSteps = "environment_steps_per_second"
        /// Steps that are learnt from, chosen or recorded, of all copies or actors together.
        case transitions = "transitions_per_second"
        /// Tokens of the sequence model; a transition is one or three of them, as the token layout says.
        case tokens = "tokens_per_second"
        /// Windows that are drawn from histories, without a model.
        case windows = "windows_per_second"
        /// Pictures that are drawn, or that go through the encoder, forward and backward.
        case frames = "frames_per_second"
        /// Billions of floating-point operations a second, as the model needs them and not as the code happens to do
        /// them.
        case gflops
        /// Messages that the coordinator takes a second of processor time.
        case messages = "messages_per_cpu_second"
        /// Streams that the recorder makes durable and seals.
        case streams = "streams_per_second"
    }

    /// A number or a word of a configuration, as JSON has it.
    package enum Setting: Sendable, Equatable {
        case number(Double)
        case text(String)
    }

    package let name: String
    /// What was measured: sizes, threads, batch. Two results are comparable where their names and their configurations
    /// are equal.
    package let configuration: [String: Setting]
    /// The rate of every repetition. The median of each is what is published; the others show how far to trust it.
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

    /// Of whole runs, at least one, by the numbers that each has told: `environment_steps_per_second` of all, and what else
    /// is said of the run in the middle by it.
    package init(name: String, configuration: [String: Setting], ofRuns runs: [[String: Double]]) {
        let key = Unit.environmentSteps.rawValue
        let middle = runs.sorted { $0[key] ?? 0 < $1[key] ?? 0 }[runs.count / 2]
        self.init(
            name: name, configuration: configuration, rates: [.environmentSteps: runs.compactMap { $0[key] }],
            measured: middle.filter { $0.key != key })
    }

    /// The least and the largest of the repetitions' rates.
    private struct Spread: Encodable {
        let minimum: Double
        let maximum: Double
        let repetitions: Int
    }

    /// A key that is only known when the result is written: a unit's name.
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Throws what the encoder throws. Settings, rates and other numbers keep their own names as keys.
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
    /// Settings are written as literals where they are fixed and by `init(_:)` where they are variables.
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
