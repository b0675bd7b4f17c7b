import Distillation
import Environments
import Experience
import Models
import Settings
import TestSupport
import Testing

@Suite("Windows weighed by how streams learn")
struct WindowWeightsTests {
    /// Streams of these returns, in episodes of two rows, the second of which brings the return. An observation says the
    /// stream and the episode.
    private func data(_ streams: [[Float]], tasks: [Int]? = nil) throws -> StreamStore {
        let longest = streams.map(\.count).max() ?? 1
        let data = StreamStore(
            environment: madeUpEnvironment(
                .multiDiscrete(counts: [streams.count, longest]), .discrete(count: 2)))
        for (number, returns) in streams.enumerated() {
            let rows = 0..<(2 * returns.count)
            try data.append(
                observations: rows.flatMap { [UInt8(number), UInt8($0 / 2)] }, actions: rows.map { UInt8($0 % 2) },
                rewards: rows.map { $0 % 2 == 0 ? 0 : returns[$0 / 2] },
                episodes: returns.indices.map { (2 * $0)..<(2 * $0 + 2) },
                lifetime: LifetimeIdentifier(task: tasks?[number] ?? 0, repetition: number))
        }
        return data
    }

    private func sampler(
        _ data: StreamStore, optimum: @escaping (Int) -> Double? = { _ in nil },
        _ change: (inout WindowSettings) -> Void
    ) throws -> WindowSampler {
        var settings = WindowSettings()
        settings.shareFromStart = 0.25
        change(&settings)
        let form = WindowForm(
            spaces: try ModelSpaces(
                observationSpace: data.environment.observationSpace, actionSpace: data.environment.actionSpace),
            length: 4, input: .components(try #require(IntegerComponents(data.environment.observationSpace))),
            masksTogether: true)
        return try WindowSampler(
            data: data, settings: settings, form: form, maskingProbability: 0, seed: 3, optimum: optimum)
    }

    /// (windows) stream and episode of the first row.
    private func firsts(_ sampler: WindowSampler, streams: Int, draws: Int) -> [(stream: Int, episode: Int)] {
        (0..<draws).map { step in
            let components = sampler.window(step: step, index: 0).components
            return (Int(components[0]), Int(components[1]) - streams)
        }
    }

    /// Rise times the share of all ups and downs that it is, over pieces of a life: written as it is defined.
    private func weight(_ returns: [Float]) -> Double {
        let pieces = min(20, returns.count)
        let means = (0..<pieces).map { piece -> Double in
            let part = returns[(piece * returns.count / pieces)..<((piece + 1) * returns.count / pieces)]
            return part.reduce(0) { $0 + Double($1) } / Double(part.count)
        }
        guard let first = means.first, let last = means.last, last > first else { return 0 }
        let moves = zip(means, means.dropFirst()).reduce(0) { $0 + abs($1.1 - $1.0) }
        return Double(returns.count) * (last - first) * (last - first) / moves
    }

    private static let rising: [Float] = (0..<60).map { Float($0) / 59 }

    @Test("streams are drawn by their rows times how much and how steadily they improve, and the others not at all")
    func improvement() throws {
        let halfway = Array(Self.rising.prefix(31))
        let zigzag: [Float] = Self.rising.enumerated().map { $0 / 3 % 2 == 0 ? $1 : 1 - $1 }
        let streams: [[Float]] = [
            Self.rising, halfway, zigzag, Self.rising.reversed(), Array(repeating: 1, count: 60), [0.5],
            Self.rising.map { 2 * $0 },
        ]
        let sampler = try sampler(data(streams)) { $0.weighting = .improvement }
        let draws = 20_000
        let found = firsts(sampler, streams: streams.count, draws: draws)
        let weights = streams.map(weight)
        #expect(weights[2] > 0 && weights[2] < 0.2 * weights[0] && weights[1] < 0.4 * weights[0])
        let total = weights.reduce(0, +)
        for (number, weight) in weights.enumerated() {
            let count = found.count { $0.stream == number }
            let expected = weight / total
            let deviation = (expected * (1 - expected) * Double(draws)).squareRoot()
            #expect(abs(Double(count) - expected * Double(draws)) <= 4 * deviation, "stream \(number)")
        }
        #expect(weights[3] == 0 && weights[4] == 0 && weights[5] == 0)
        // All places of the one that weighs most.
        #expect(Set(found.filter { $0.stream == 6 }.map(\.episode)) == Set(0...58))
    }

    @Test("a rise counts by what the task offers at best, where that is known")
    func optimum() throws {
        let streams = [Self.rising, Self.rising.map { 4 * $0 }]
        let sampler = try sampler(data(streams, tasks: [0, 1]), optimum: { $0 == 0 ? 1 : 4 }) {
            $0.weighting = .improvement
        }
        let share = Double(firsts(sampler, streams: 2, draws: 4000).count { $0.stream == 0 }) / 4000
        #expect(abs(share - 0.5) < 0.04)
    }

    @Test("where no stream improves they weigh by their rows, to the last draw")
    func nothingImproves() throws {
        let streams: [[Float]] = [[1], Array(repeating: 1, count: 9), Self.rising.reversed()]
        let store = try data(streams)
        let (weighed, plain) = try (sampler(store) { $0.weighting = .improvement }, sampler(store) { _ in })
        for step in 0..<300 { #expect(weighed.window(step: step, index: 1) == plain.window(step: step, index: 1)) }
    }

    @Test(
        "of a stream at most the share asked for lies at the expert, and a stream that never rises is whole",
        arguments: [(0.0, 40), (0.2, 50), (0.5, 80), (0.6, 100), (0.9, 100)])
    func expertShare(share: Double, kept: Int) throws {
        let learns: [Float] = (0..<100).map { $0 < 40 ? 0 : 1 }
        let sampler = try sampler(data([learns, Array(repeating: 1, count: 30), learns.reversed()])) {
            $0.expertShare = share
        }
        #expect(sampler.rowCount == 2 * (kept + 30 + 100))
        let found = firsts(sampler, streams: 3, draws: 6000)
        // A window has two episodes.
        #expect(found.filter { $0.stream == 0 }.map(\.episode).max() == kept - 2)
        #expect(found.filter { $0.stream == 1 }.map(\.episode).max() == 28)
    }

    @Test("the last share is of what the expert's share leaves")
    func both() throws {
        let learns: [Float] = (0..<100).map { $0 < 40 ? 0 : 1 }
        let sampler = try sampler(data([learns])) {
            $0.expertShare = 0.2
            $0.lastShare = 0.1
        }
        #expect(sampler.rowCount == 10)
        #expect(Set(firsts(sampler, streams: 1, draws: 500).map(\.episode)) == [45, 46, 47, 48])
    }

    @Test("where each stream has a k of its own, slow and quick lives are shown at one pace and as often") func pace()
        throws
    {
        let quick = (0..<8).map { Float($0) }
        let slow = (0..<80).map { Float($0) }
        let sampler = try sampler(data([quick, slow])) {
            $0.shownEpisodes = 8
            $0.shareFromStart = 0
        }
        var ofSlow = 0
        for step in 0..<4_000 {
            let components = sampler.window(step: step, index: 0).components
            // Rows 0 and 2 of a window lie in neighbours among the shown episodes.
            let (stream, first, next) = (Int(components[0]), Int(components[1]) - 2, Int(components[5]) - 2)
            #expect(next - first == (stream == 0 ? 1 : 10))
            ofSlow += stream
        }
        #expect(abs(Double(ofSlow) / 4_000 - 0.5) < 0.04)
    }

    @Test("a k for all and one for each stream are refused together") func oneOrTheOther() {
        var settings = WindowSettings()
        settings.shownEpisodes = 8
        #expect(settings.contradictions().isEmpty)
        settings.everyEpisodes = 2
        #expect(settings.contradictions().map(\.keys) == [["shown_episodes", "every_episodes"]])
    }
}
