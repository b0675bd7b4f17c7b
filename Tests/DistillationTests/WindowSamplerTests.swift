import Distillation
import Environments
import Testing

@Suite("Windows of learning histories")
struct WindowSamplerTests {
    /// A stream whose observation says which episode of which stream a row belongs to, and its action the step in it.
    func data(streams: Int, episodes: Int, length: Int = 4) throws -> StreamArrays {
        var data = StreamArrays(
            observationSpace: .multiDiscrete(counts: [streams, episodes]), actionSpace: .discrete(count: length))
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
        _ data: StreamArrays, context: Int = 10, masking: Double = 0, layout: TokenLayout = .merged,
        _ change: (inout WindowSettings) -> Void = { _ in }
    ) throws -> WindowSampler {
        var settings = WindowSettings()
        settings.shareFromStart = 0
        change(&settings)
        var model = ModelSettings()
        model.contextLength = context
        model.tokenLayout = layout
        return try WindowSampler(
            data: data, settings: settings, model: model, maskingProbability: masking, seed: 3)
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
        arguments: TokenLayout.allCases)
    func masking(layout: TokenLayout) throws {
        let sampler = try sampler(data(streams: 1, episodes: 100), masking: 0.3, layout: layout)
        let windows = (0..<500).map { sampler.window(step: 7, index: $0) }
        func share(_ masked: (Window, Int) -> Bool) -> Double {
            Double(windows.reduce(0) { sum, window in sum + (0..<10).count { masked(window, $0) } }) / 5000
        }
        #expect(abs(share { $0.maskedActions[$1] } - 0.3) < 0.03)
        #expect(abs(share { $0.maskedRewards[$1] } - 0.3) < 0.03)
        let both = share { $0.maskedActions[$1] && $0.maskedRewards[$1] }
        #expect(abs(both - (layout == .merged ? 0.3 : 0.09)) < 0.03)
    }

    @Test("a window depends on seed, step and index alone")
    func reproducible() throws {
        let data = try data(streams: 3, episodes: 50)
        #expect(try sampler(data).window(step: 9, index: 4) == sampler(data).window(step: 9, index: 4))
        #expect(try sampler(data).window(step: 9, index: 4) != sampler(data).window(step: 10, index: 4))
    }

    @Test("rows outside whole episodes are left out, and episodes that do not fit are refused")
    func cuts() throws {
        var data = StreamArrays(observationSpace: .discrete(count: 9), actionSpace: .discrete(count: 2))
        try data.append(
            observations: [0, 1, 2, 3, 4, 5, 6] as [UInt8], actions: [0, 0, 0, 1, 1, 1, 1] as [UInt8],
            rewards: [0, 1, 2, 3, 4, 5, 6], episodes: [0..<2, 4..<7])
        #expect(data.rewards == [0, 1, 4, 5, 6])
        #expect(data.observations == [0, 1, 4, 5, 6])
        #expect(throws: StreamArraysError.self) {
            try data.append(
                observations: [0] as [UInt8], actions: [0] as [UInt8], rewards: [0], episodes: [0..<2])
        }
        #expect(throws: StreamArraysError.self) {
            try data.append(observations: [] as [UInt8], actions: [0] as [UInt8], rewards: [0], episodes: [])
        }
    }
}
