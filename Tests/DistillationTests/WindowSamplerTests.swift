import Distillation
import Environments
import Experience
import Models
import TestSupport
import Testing

@Suite("Windows of learning histories")
struct WindowSamplerTests {
    /// A stream whose observation says which episode of which stream a row belongs to, and its action the step in it.
    func data(streams: Int, episodes: Int, length: Int = 4) throws -> StreamStore {
        let data = StreamStore(
            environment: madeUpEnvironment(.multiDiscrete(counts: [streams, episodes]), .discrete(count: length)))
        for stream in 0..<streams {
            let rows = 0..<(episodes * length)
            try data.append(
                observations: rows.flatMap { [UInt8(stream), UInt8($0 / length)] },
                actions: rows.map { UInt8($0 % length) }, rewards: rows.map { Float($0) },
                episodes: (0..<episodes).map { ($0 * length)..<(($0 + 1) * length) })
        }
        return data
    }

    func sampler(
        _ data: StreamStore, context: Int = 10, masking: Double = 0, masksTogether: Bool = true,
        _ change: (inout WindowSettings) -> Void = { _ in }
    ) throws -> WindowSampler {
        var settings = WindowSettings()
        settings.shareFromStart = 0
        change(&settings)
        let form = WindowForm(
            spaces: try ModelSpaces(
                observationSpace: data.environment.observationSpace, actionSpace: data.environment.actionSpace),
            length: context, input: .components(try #require(IntegerComponents(data.environment.observationSpace))),
            masksTogether: masksTogether
        )
        return try WindowSampler(data: data, settings: settings, form: form, maskingProbability: masking, seed: 3)
    }

    func episodes(_ window: Window, streams: Int) -> [Int] {
        stride(from: 1, to: window.components.count, by: 2).map { Int(window.components[$0]) - streams }
    }

    @Test("a window begins with no action and no reward, and each row carries those of the row before")
    func previous() throws {
        let sampler = try sampler(data(streams: 3, episodes: 20))
        for index in 0..<50 {
            let window = sampler.window(step: 1, index: index)
            #expect(window.previousActions[0] == 4 && window.previousRewards[0] == 0)
            #expect(Array(window.previousActions.dropFirst()) == Array(window.actions.dropLast()))
            let steps = zip(window.actions, window.actions.dropFirst())
            #expect(steps.allSatisfy { $1 == ($0 + 1) % 4 })
            #expect(Set(stride(from: 0, to: 20, by: 2).map { window.components[$0] }).count == 1)
        }
    }

    @Test("only every k-th episode is kept, whole, with every offset")
    func everyEpisodes() throws {
        let sampler = try sampler(data(streams: 2, episodes: 30), context: 12) { $0.everyEpisodes = 4 }
        var offsets: Set<Int> = []
        for index in 0..<200 {
            let window = sampler.window(step: 2, index: index)
            let found = episodes(window, streams: 2)
            offsets.insert(found[0] % 4)
            for (row, (now, next)) in zip(found, found.dropFirst()).enumerated() {
                #expect(next == (window.actions[row] == 3 ? now + 4 : now))
            }
        }
        #expect(offsets == [0, 1, 2, 3])
    }

    @Test("windows reach every row of a stream, its first and its last")
    func coverage() throws {
        let sampler = try sampler(data(streams: 1, episodes: 12), context: 10)
        var seen: Set<Int> = []
        for index in 0..<400 {
            let window = sampler.window(step: 3, index: index)
            for (episode, action) in zip(episodes(window, streams: 1), window.actions) {
                seen.insert(episode * 4 + Int(action))
            }
        }
        #expect(seen.count == 48)
    }

    @Test("the share of windows that start at a life's beginning is as asked")
    func fromStart() throws {
        let sampler = try sampler(data(streams: 2, episodes: 200)) {
            $0.shareFromStart = 0.3
            $0.everyEpisodes = 2
        }
        let starts = (0..<2000).count { index in
            let window = sampler.window(step: 4, index: index)
            let isStart = episodes(window, streams: 2)[0] < 2 && window.actions[0] == 0
            return isStart && window.taught[0]
        }
        #expect(abs(Double(starts) / 2000 - 0.3) < 0.04)
    }

    struct Draw: Sendable {
        let share: Double
        let every: Int
        static let all = [(0, 1), (0, 3), (0.3, 1), (0.3, 4), (1, 1), (1, 3)].map { Draw(share: $0.0, every: $0.1) }
    }

    @Test(
        "windows begin at all rows of a stream with the same probability, and streams weigh by their rows, though episodes differ in length",
        arguments: Draw.all)
    func uniform(draw: Draw) throws {
        let context = 10
        let draws = 40_000
        // Learning shortens episodes; the third stream is shorter than a window, the last has one long episode.
        let streams = [[17, 3, 9, 1, 1, 12, 2, 5, 1, 4, 2], [30, 25, 1, 1, 1, 1, 1, 1, 1, 2, 1, 8], [4, 3], [61]]
        let sampler = try sampler(numberedData(streams), context: context) {
            $0.shareFromStart = draw.share
            $0.everyEpisodes = draw.every
        }
        let expected = probabilities(streams, context: context, draw)
        #expect(abs(expected.reduce(0, +) - 1) < 1e-9)
        var counts = [Int](repeating: 0, count: expected.count)
        for step in 0..<draws { counts[Int(sampler.window(step: step, index: 0).components[0])] += 1 }
        var distance = 0.0
        for (count, probability) in zip(counts, expected) {
            guard probability > 0 else {
                #expect(count == 0)
                continue
            }
            let difference = Double(count) - probability * Double(draws)
            distance += difference * difference / (probability * Double(draws))
        }
        let freedom = Double(expected.filter { $0 > 0 }.count - 1)
        #expect(
            distance < freedom + 4 * (2 * freedom).squareRoot(),
            "chi-square \(distance) of \(freedom) degrees of freedom, seed 3: \(counts)")
    }

    /// Streams of episodes of these lengths, whose observation is the number of the row among all rows.
    private func numberedData(_ streams: [[Int]]) throws -> StreamStore {
        let total = streams.joined().reduce(0, +)
        let data = StreamStore(environment: madeUpEnvironment(.discrete(count: total), .discrete(count: 2)))
        var next = 0
        for lengths in streams {
            let rows = next..<(next + lengths.reduce(0, +))
            var end = 0
            let episodes = lengths.map { length in
                defer { end += length }
                return end..<(end + length)
            }
            try data.append(
                observations: rows.map { UInt8($0) }, actions: rows.map { _ in 0 }, rewards: rows.map { _ in 0 },
                episodes: episodes)
            next = rows.upperBound
        }
        return data
    }

    /// The probability of every row to be a window's first, by listing all places.
    private func probabilities(_ streams: [[Int]], context: Int, _ draw: Draw) -> [Double] {
        let total = streams.joined().reduce(0, +)
        var probabilities = [Double](repeating: 0, count: total)
        var first = 0
        for lengths in streams {
            let starts = lengths.indices.map { first + lengths[..<$0].reduce(0, +) }
            let offsets = min(draw.every, lengths.count)
            for offset in 0..<offsets {
                let kept = stride(from: offset, to: lengths.count, by: draw.every)
                    .flatMap { starts[$0]..<(starts[$0] + lengths[$0]) }
                let weight = Double(kept.count) / Double(total)
                let places = kept.prefix(max(1, kept.count - context + 1))
                for row in places { probabilities[row] += (1 - draw.share) * weight / Double(places.count) }
                let stream = Double(lengths.reduce(0, +)) / Double(total)
                probabilities[kept[0]] += draw.share * stream / Double(offsets)
            }
            first += lengths.reduce(0, +)
        }
        return probabilities
    }

    @Test(
        "a window from the middle of a life teaches its second half, or all of it if asked", arguments: [false, true])
    func firstHalf(teach: Bool) throws {
        let sampler = try sampler(data(streams: 1, episodes: 100)) { $0.teachFirstHalf = teach }
        let middle = (0..<100).map { sampler.window(step: 5, index: $0) }.filter { episodes($0, streams: 1)[0] > 0 }
        #expect(middle.allSatisfy { $0.taught == (0..<10).map { teach || $0 >= 5 } })
    }

    @Test("a stream shorter than a window is padded with what teaches nothing")
    func short() throws {
        let sampler = try sampler(data(streams: 2, episodes: 2), context: 15)
        for index in 0..<20 {
            let window = sampler.window(step: 6, index: index)
            #expect(window.taught.filter { $0 }.count == 8)
            #expect(window.taught.suffix(7).allSatisfy { !$0 })
        }
    }

    @Test(
        "previous actions and rewards are masked with the probability asked for, together where they share a token",
        arguments: [true, false])
    func masking(together: Bool) throws {
        let sampler = try sampler(data(streams: 1, episodes: 100), masking: 0.3, masksTogether: together)
        let windows = (0..<500).map { sampler.window(step: 7, index: $0) }
        func share(_ masked: (Window, Int) -> Bool) -> Double {
            Double(windows.reduce(0) { sum, window in sum + (0..<10).count { masked(window, $0) } }) / 5000
        }
        #expect(abs(share { $0.maskedActions[$1] } - 0.3) < 0.03)
        #expect(abs(share { $0.maskedRewards[$1] } - 0.3) < 0.03)
        let both = share { $0.maskedActions[$1] && $0.maskedRewards[$1] }
        #expect(abs(both - (together ? 0.3 : 0.09)) < 0.03)
    }

    @Test("a window depends on seed, step and index alone")
    func reproducible() throws {
        let data = try data(streams: 3, episodes: 50)
        #expect(try sampler(data).window(step: 9, index: 4) == sampler(data).window(step: 9, index: 4))
        #expect(try sampler(data).window(step: 9, index: 4) != sampler(data).window(step: 10, index: 4))
    }

    @Test(
        "draws the same windows as when all streams lay end to end in one array", arguments: [1, 2, 5], [0.0, 0.3, 1.0])
    func asBefore(every: Int, share: Double) throws {
        var random = SplitMix(seed: 17)
        let streams = (0..<4).map { _ in
            (0..<Int.random(in: 1...9, using: &random)).map { _ in Int.random(in: 1...8, using: &random) }
        }
        let sampler = try sampler(numberedData(streams), context: 9) {
            $0.everyEpisodes = every
            $0.shareFromStart = share
        }
        let reference = FlatWindows(streams: streams, every: every, share: share, length: 9, seed: 3)
        for index in 0..<300 {
            let window = sampler.window(step: index, index: 2)
            let rows = reference.rows(step: index, index: 2)
            #expect(window.components.prefix(rows.count).map(Int.init) == rows)
            #expect(window.taught.dropFirst(rows.count).allSatisfy { !$0 })
        }
    }

    @Test("the last part of a stream is shown as if it were the stream", arguments: [1, 3])
    func lastShare(every: Int) throws {
        // 40, 8 and 12 rows: the last half begins in row 21 (with an episode), 44 and 54 (within one).
        let streams = [[10, 5, 6, 9, 10], [8], [2, 10]]
        let sampler = try sampler(numberedData(streams), context: 6) {
            $0.lastShare = 0.5
            $0.everyEpisodes = every
            $0.shareFromStart = 0.2
        }
        #expect(sampler.rowCount == 19 + 4 + 6)
        var firsts: Set<Int32> = []
        var seen: Set<Int32> = []
        for index in 0..<2000 {
            let window = sampler.window(step: index, index: 0)
            firsts.insert(window.components[0])
            seen.formUnion(zip(window.components, window.previousActions).prefix { $0.0 >= 0 }.map(\.0))
            if [21, 44, 54].contains(window.components[0]) { #expect(window.taught[0]) }
        }
        #expect(firsts.isSuperset(of: [21, 44, 54]))
        // Row 0 is what padding shows.
        #expect(seen.subtracting([0]) == Set((21..<40).map { Int32($0) } + (44..<48) + (54..<60)))
    }

    @Test("rows outside whole episodes are left out, and episodes that do not fit are refused")
    func cuts() throws {
        let data = StreamStore(environment: madeUpEnvironment(.discrete(count: 9), .discrete(count: 2)))
        try data.append(
            observations: [0, 1, 2, 3, 4, 5, 6] as [UInt8], actions: [0, 0, 0, 1, 1, 1, 1] as [UInt8],
            rewards: [0, 1, 2, 3, 4, 5, 6], episodes: [0..<2, 4..<7])
        #expect(data.streams[0].copy.rewards == [0, 1, 4, 5, 6])
        #expect(data.streams[0].copy.observations == [0, 1, 4, 5, 6])
        #expect(data.streams[0].copy.starts == [0, 2, 5])
        #expect(throws: HistoriesError.self) {
            try data.append(
                observations: [0] as [UInt8], actions: [0] as [UInt8], rewards: [0], episodes: [0..<2])
        }
        #expect(throws: HistoriesError.self) {
            try data.append(observations: [] as [UInt8], actions: [0] as [UInt8], rewards: [0], episodes: [])
        }
    }
}

/// How windows were drawn when streams lay end to end in one array: a slow reference.
private struct FlatWindows {
    let streams: [[Int]]
    let every: Int
    let share: Double
    let length: Int
    let generator: Philox
    /// First row of each episode of all streams, and the end.
    let starts: [Int]

    init(streams: [[Int]], every: Int, share: Double, length: Int, seed: UInt64) {
        (self.streams, self.every, self.share, self.length) = (streams, every, share, length)
        generator = Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0))
        starts = streams.joined().reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    }

    private func pick(_ high: UInt32, _ low: UInt32, _ count: Int) -> Int {
        Int((UInt64(high) << 32 | UInt64(low)).multipliedFullWidth(by: UInt64(count)).high)
    }

    /// Numbers of the rows of a window, among all rows.
    func rows(step: Int, index: Int) -> [Int] {
        let words = generator.words(.windows, episode: UInt64(step), step: UInt32(index))
        let more = generator.words(.windows, episode: UInt64(step), step: UInt32(index), lane: 1)
        let drawn = pick(words.y, words.z, starts[starts.count - 1])
        let episode = starts.dropLast().lastIndex { $0 <= drawn } ?? 0
        var first = 0
        var end = streams[0].count
        for lengths in streams.dropFirst() where episode >= end { (first, end) = (end, end + lengths.count) }
        let offset =
            Philox.unit(words.x) < Float(share)
            ? pick(more.x, more.y, min(every, end - first)) : (episode - first) % every
        let kept = stride(from: first + offset, to: end, by: every).flatMap { starts[$0]..<starts[$0 + 1] }
        let begin =
            Philox.unit(words.x) < Float(share) ? 0 : pick(more.x, more.y, max(0, kept.count - length) + 1)
        return Array(kept.dropFirst(begin).prefix(length))
    }
}
