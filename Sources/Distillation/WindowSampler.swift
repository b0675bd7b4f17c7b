import Environments
import Experience
package import Models
import Settings

/// Draws windows from learning histories: c rows of every k-th episode, from a random place or from a life's beginning.
///
/// A stream is drawn with the weight of its rows. A window begins at each of the stream's rows that has c rows from it
/// on with the same probability, however long the episodes are; a stream without such a row is shown from its
/// beginning. A window is a function of (seed, step, index) alone, drawn by binary searches without allocation.
///
/// For example k = 10 and episodes of 20 rows: a window of 100 rows that begins in row 5 of episode 3 has rows 5 to 19
/// of episode 3, all of 13, 23, 33 and 43, and rows 0 to 4 of episode 53. Half of its actions are taught, those of rows
/// 50 to 99, unless `teachFirstHalf` says otherwise; all of them where it begins with the life.
///
/// It copies nothing: `data` stays in memory as long as the sampler. Any thread may call it.
package struct WindowSampler: Sendable {
    private let data: StreamArrays
    private let settings: WindowSettings
    private let form: WindowForm
    private let length: Int
    /// Bytes of an observation as streams store it.
    private let storedBytes: Int
    private let maskingProbability: Float
    private let generator: Philox
    /// Stream of every episode.
    private let streams: [Int32]
    /// Rows from every episode to its stream's end when only every k-th episode is kept.
    private let available: [Int]

    /// Throws `StreamArraysError` when there is nothing to learn from, or streams have other spaces than `form`.
    package init(
        data: StreamArrays, settings: WindowSettings, form: WindowForm, maskingProbability: Double, seed: UInt64
    ) throws {
        try settings.validate()
        guard data.environment.observationSpace == form.spaces.observationSpace,
            data.environment.actionSpace == form.spaces.actionSpace
        else {
            throw StreamArraysError("the streams' spaces are not those that the model was made for")
        }
        guard data.episodeCount > 0 else {
            throw StreamArraysError("there is no whole episode in \(data.streamCount) streams: nothing to learn from")
        }
        self.data = data
        self.settings = settings
        self.form = form
        length = form.length
        storedBytes = data.environment.stored.space.byteCount
        self.maskingProbability = Float(maskingProbability)
        generator = Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0))
        var streams: [Int32] = []
        var available = data.episodeLengths
        for stream in 0..<data.streamCount {
            let episodes = data.streamEpisodes[stream]..<data.streamEpisodes[stream + 1]
            for episode in episodes.reversed() where episode + settings.everyEpisodes < episodes.upperBound {
                available[episode] += available[episode + settings.everyEpisodes]
            }
            streams += repeatElement(Int32(stream), count: episodes.count)
        }
        self.streams = streams
        self.available = available
    }

    /// Where a window begins: a row of an episode, and whether that is the beginning of a life, so that all of its
    /// actions are taught.
    struct Place: Equatable {
        var episode: Int
        var row: Int
        var fromStart: Bool
    }

    /// `step`, `index`: the optimiser step from 0 and the window's number in its batch.
    func place(step: Int, index: Int) -> Place {
        let words = generator.words(.windows, episode: UInt64(step), step: UInt32(index))
        let more = generator.words(.windows, episode: UInt64(step), step: UInt32(index), lane: 1)
        // A row of all rows: its stream, and with it which of the stream's episodes are kept.
        let drawn = pick(words.y, words.z, data.rowCount)
        let episode = lastIndex(below: data.episodeCount) { data.episodeStarts[$0] <= drawn }
        let first = data.streamEpisodes[Int(streams[episode])]
        let end = data.streamEpisodes[Int(streams[episode]) + 1]
        if Philox.unit(words.x) < Float(settings.shareFromStart) {
            let offset = pick(more.x, more.y, min(settings.everyEpisodes, end - first))
            return Place(episode: first + offset, row: 0, fromStart: true)
        }
        let head = first + (episode - first) % settings.everyEpisodes
        // A window that began later would reach beyond the stream's end.
        let begin = pick(more.x, more.y, max(0, available[head] - length) + 1)
        let kept = (end - head - 1) / settings.everyEpisodes + 1
        let number = lastIndex(below: kept) { rows(from: head, to: head + $0 * settings.everyEpisodes) <= begin }
        let start = head + number * settings.everyEpisodes
        return Place(episode: start, row: begin - rows(from: head, to: start), fromStart: begin == 0)
    }

    /// Rows from one kept episode to a later one.
    @inline(__always)
    private func rows(from episode: Int, to later: Int) -> Int { available[episode] - available[later] }

    /// The last number below `count` for which `holds`, which holds for 0 and, up to some number, for all.
    @inline(__always)
    private func lastIndex(below count: Int, where holds: (Int) -> Bool) -> Int {
        var (low, high) = (0, count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if holds(middle) { low = middle } else { high = middle }
        }
        return low
    }

    /// Fills window `index` of the batch of optimiser step `step`. Returns how many actions it teaches.
    func fill(_ batch: WindowBatch, step: Int, index: Int) -> Int {
        let place = place(step: step, index: index)
        let stream = Int(streams[place.episode])
        let end = data.streamEpisodes[stream + 1]
        let view = data.view(of: stream)
        let firstTaught = place.fromStart || settings.teachFirstHalf ? 0 : length / 2
        var episode = place.episode
        var within = place.row
        let spaces = form.spaces
        var previousAction = spaces.noAction
        var previousReward: Float = 0
        var taught = 0
        let base = index * length
        return data.observations.withUnsafeBytes { observations in
            data.actions.withUnsafeBytes { actions in
                guard let observations = observations.baseAddress, let actions = actions.baseAddress else { return 0 }
                for row in 0..<length {
                    let target = base + row
                    guard episode < end else {
                        batch.pad(target, spaces)
                        continue
                    }
                    let source = data.episodeStarts[episode] + within
                    batch.observe(observations + source * storedBytes, through: view, row: target)
                    let action = spaces.action(at: actions + source * spaces.actionBytes)
                    batch.previousActions[target] = previousAction
                    batch.previousRewards[target] = previousReward
                    batch.targets[target] = action
                    batch.taught[target] = row >= firstTaught ? 1 : 0
                    taught += row >= firstTaught ? 1 : 0
                    previousAction = action
                    previousReward = data.rewards[source]
                    within += 1
                    if within == data.episodeLengths[episode] {
                        within = 0
                        episode += settings.everyEpisodes
                    }
                }
                mask(batch, base, step: step, index: index)
                return taught
            }
        }
    }

    /// Draws which previous actions and rewards of a window are hidden. Previous action and reward of a transition
    /// share a draw where they share a token.
    private func mask(_ batch: WindowBatch, _ base: Int, step: Int, index: Int) {
        for row in 0..<length {
            guard maskingProbability > 0 else {
                batch.masked[base + row] = 0
                continue
            }
            let words = generator.block(
                RandomPurpose.masking.rawValue, UInt32(truncatingIfNeeded: step), UInt32(index), UInt32(row))
            let first: UInt8 = Philox.unit(words.x) < maskingProbability ? 1 : 0
            let second: UInt8 = Philox.unit(words.y) < maskingProbability ? 1 : 0
            batch.masked[base + row] = first | (form.masksTogether ? first : second) << 1
        }
    }

    /// A number below `count` from 64 random bits.
    @inline(__always)
    private func pick(_ high: UInt32, _ low: UInt32, _ count: Int) -> Int {
        Int((UInt64(high) << 32 | UInt64(low)).multipliedFullWidth(by: UInt64(count)).high)
    }
}

/// One window as the model is taught it, copied out of a batch: for people and tests, never for training.
package struct Window: Sendable, Equatable {
    /// (c, width) rows of the observation table.
    package let components: [Int32]
    /// (c) each
    package let previousActions: [Int32]
    package let previousRewards: [Float]
    package let maskedActions: [Bool]
    package let maskedRewards: [Bool]
    package let actions: [Int32]
    package let taught: [Bool]
}

extension WindowSampler {
    /// Window `index` of the batch of optimiser step `step`.
    package func window(step: Int, index: Int) -> Window {
        let batch = WindowBatch(windows: index + 1, form: form)
        _ = fill(batch, step: step, index: index)
        let rows = (index * length)..<((index + 1) * length)
        return Window(
            components: (rows.lowerBound * batch.width..<rows.upperBound * batch.width).map { batch.components[$0] },
            previousActions: rows.map { batch.previousActions[$0] },
            previousRewards: rows.map { batch.previousRewards[$0] },
            maskedActions: rows.map { batch.masked[$0] & 1 != 0 },
            maskedRewards: rows.map { batch.masked[$0] & 2 != 0 },
            actions: rows.map { batch.targets[$0] }, taught: rows.map { batch.taught[$0] == 1 })
    }
}
