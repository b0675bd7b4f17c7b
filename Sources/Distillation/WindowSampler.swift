import Environments
import Experience
package import Models
import Neural
import Settings

/// Draws windows from learning histories: c rows of every k-th episode, from a random place or from a life's beginning.
///
/// A stream is drawn with the weight of its rows, or with that of its learning (`WindowSettings.Weighting`); where each has
/// a k of its own, by the rows that are shown. A window begins at each of the stream's rows that has c rows from it on with
/// the same probability, however long the episodes are; a stream without such a row is shown from its beginning. A window
/// is a function of (seed, step, index) and of what the store holds, drawn by binary searches
/// without allocation. Where only the last part of the streams is asked for, that part is the stream.
///
/// For example k = 10 and episodes of 20 rows: a window of 100 rows that begins in row 5 of episode 3 has rows 5 to 19
/// of episode 3, all of 13, 23, 33 and 43, and rows 0 to 4 of episode 53. Half of its actions are taught, those of rows
/// 50 to 99, unless `teachFirstHalf` says otherwise; all of them where it begins with the life.
///
/// It copies nothing. Streams that grow are seen as they were at the last `refresh`. It belongs to the store's thread.
package final class WindowSampler {
    private let data: StreamStore
    private let settings: WindowSettings
    private let selection: StreamSelection
    private let form: WindowForm
    private let length: Int
    /// Bytes of an observation as streams store it.
    private let storedBytes: Int
    private let maskingProbability: Float
    private let generator: Philox
    /// What a batch that has room for states is given of them.
    private let stateFeatures: StateFeatures?
    /// The version of the store that the parts are of; nil before the first `refresh`.
    private var seenVersion: Int?
    /// Those that have a whole episode, in the order of the streams.
    private var parts: [StreamPart] = []
    /// (parts + 1): weights of all parts before each, the total last. A part's weight is its rows, unless it is weighed by
    /// its learning.
    private var weightBefore = [0]
    /// Rows that windows are drawn from; where there are none, none may be drawn.
    package private(set) var rowCount = 0
    /// Whether the weights are other numbers than the rows.
    private var isWeighted = false
    /// The best possible return of a task; nil where that is not known.
    private let optimum: (Int) -> Double?
    /// By task: what its rises in return are divided by.
    private var scales: [Int: Double] = [:]

    /// `selection`: the streams that count; those of the settings where there is no choice of tasks. `optimum`: the best
    /// possible return of a task by its id, asked for once a task where streams are weighed by their learning. Throws
    /// `HistoriesError` where streams have other spaces than `form`.
    package init(
        data: StreamStore, settings: WindowSettings, selection: StreamSelection? = nil, form: WindowForm,
        maskingProbability: Double, seed: UInt64, optimum: @escaping (Int) -> Double? = { _ in nil }
    ) throws {
        try settings.validate()
        guard data.environment.observationSpace == form.spaces.observationSpace,
            data.environment.actionSpace == form.spaces.actionSpace
        else {
            throw HistoriesError("the streams' spaces are not those that the model was made for")
        }
        self.data = data
        self.settings = settings
        self.selection = selection ?? StreamSelection(settings, tasks: [])
        self.form = form
        length = form.length
        storedBytes = data.environment.stored.space.byteCount
        self.maskingProbability = Float(maskingProbability)
        self.optimum = optimum
        stateFeatures = data.environment.stateFeatures
        generator = Philox(StreamKey(seed: seed, task: 0, repetition: 0, actor: 0))
        refresh()
    }

    /// Streams that windows are drawn from.
    package var streamCount: Int { parts.count }
    /// Lifetimes that windows are drawn from.
    package private(set) var lifetimeCount = 0
    /// Ids of the tasks that windows are or were drawn from.
    package private(set) var seenTasks: Set<Int> = []

    /// Calls `body` with each stream that windows are drawn from, in their order.
    func forEachStream(_ body: (StoredStream) -> Void) { for part in parts { body(part.stream) } }

    /// Takes in what has come to the store and what is gone from it. Costs as much as there are streams, and new
    /// episodes; nothing where nothing has changed.
    package func refresh() {
        guard data.version != seenVersion else { return }
        seenVersion = data.version
        let earlier = Dictionary(uniqueKeysWithValues: parts.map { (ObjectIdentifier($0.stream), $0) })
        parts = selection.chosen(from: data.streams).compactMap { stream in
            guard stream.episodeCount > 0 else { return nil }
            return StreamPart(stream, settings, after: earlier[ObjectIdentifier(stream)])
        }
        for part in parts { seenTasks.insert(part.stream.lifetime.task) }
        lifetimeCount = Set(parts.map(\.stream.lifetime)).count
        rowCount = parts.reduce(0) { $0 + $1.rowCount }
        weigh()
    }

    /// The weight of a row of the stream that improves best; that of all others is in proportion, in whole numbers.
    private static let weightOfBestRow = 65_536.0

    /// Gives every part its weight: of its rows alone where none improves.
    private func weigh() {
        let rises = settings.weighting == .improvement ? parts.map(steadyRise) : []
        let best = rises.max() ?? 0
        let improves = best > 0
        isWeighted = improves || settings.shownEpisodes != nil
        weightBefore = [0]
        weightBefore.reserveCapacity(parts.count + 1)
        for (index, part) in parts.enumerated() {
            let ofRow = improves ? Int((rises[index] / best * Self.weightOfBestRow).rounded()) : 1
            let rows = settings.shownEpisodes == nil ? part.rowCount : part.shownRows
            weightBefore.append(weightBefore[index] + rows * ofRow)
        }
    }

    /// Of the best possible return, where that is known.
    private func steadyRise(of part: StreamPart) -> Double {
        let task = part.stream.lifetime.task
        let scale = scales[task] ?? optimum(task).flatMap { $0 > 0 ? $0 : nil } ?? 1
        scales[task] = scale
        let rise = (part.returns?.steadyRise ?? 0) / scale
        return rise.isFinite ? rise : 0
    }

    /// Where a window begins: a row of an episode of a part's stream, and whether that is the beginning of a life, so
    /// that all of its actions are taught.
    struct Place: Equatable {
        var part: Int
        var episode: Int
        var row: Int
        var fromStart: Bool
    }

    /// `step`, `index`: the optimiser step from 0 and the window's number in its batch.
    func place(step: Int, index: Int) -> Place {
        let words = generator.words(.windows, episode: UInt64(step), step: UInt32(index))
        let more = generator.words(.windows, episode: UInt64(step), step: UInt32(index), lane: 1)
        // A row of all rows: its stream, and with it which of the stream's episodes are kept.
        let drawn = pick(words.y, words.z, weightBefore[parts.count])
        let number = lastIndex(below: parts.count) { weightBefore[$0] <= drawn }
        let part = parts[number]
        let (starts, first) = (part.starts, part.first)
        let (every, count) = (part.every, part.end - part.first)
        if Philox.unit(words.x) < Float(settings.shareFromStart) {
            let offset = pick(more.x, more.y, min(every, count))
            return Place(part: number, episode: first + offset, row: part.skipped, fromStart: true)
        }
        let rowOfPart = isWeighted ? pick(more.z, more.w, part.rowCount) : drawn - weightBefore[number]
        let row = starts[first] + part.skipped + rowOfPart
        let episode = lastIndex(below: count) { starts[first + $0] <= row }
        let head = first + episode % every
        let kept = (part.end - head - 1) / every + 1
        let before = part.rowsBeforeKept
        let available = before[head + kept * every] - before[head] - part.skipped
        // A window that began later would reach beyond the stream's end.
        let begin = pick(more.x, more.y, max(0, available - length) + 1) + part.skipped
        let which = lastIndex(below: kept) { before[head + $0 * every] - before[head] <= begin }
        let start = head + which * every
        return Place(
            part: number, episode: start, row: begin - (before[start] - before[head]), fromStart: begin == part.skipped)
    }

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
    package func fill(_ batch: WindowBatch, step: Int, index: Int) -> Int {
        let place = place(step: step, index: index)
        let part = parts[place.part]
        let (starts, view) = (part.starts, part.stream.view)
        let observations = UnsafeRawPointer(part.stream.observations.start)
        let actions = UnsafeRawPointer(part.stream.actions.start)
        let rewards = part.stream.rewards.start
        let firstTaught = place.fromStart || settings.teachFirstHalf ? 0 : length / 2
        var episode = place.episode
        var source = starts[episode] + place.row
        let spaces = form.spaces
        var previousAction = spaces.noAction
        var previousReward: Float = 0
        var taught = 0
        let base = index * length
        for row in 0..<length {
            let target = base + row
            guard episode < part.end else {
                batch.pad(target, spaces)
                continue
            }
            let stored = observations + source * storedBytes
            batch.observe(stored, through: view, row: target)
            if batch.stateWidth > 0 {
                stateFeatures?.write(stored, count: 1, into: batch.states.start + target * batch.stateWidth)
            }
            let action = spaces.action(at: actions + source * spaces.actionBytes)
            batch.previousActions[target] = previousAction
            batch.previousRewards[target] = previousReward
            batch.targets[target] = action
            batch.taught[target] = row >= firstTaught ? 1 : 0
            taught += row >= firstTaught ? 1 : 0
            previousAction = action
            previousReward = rewards[source]
            source += 1
            if source == starts[episode + 1] {
                episode += part.every
                if episode < part.end { source = starts[episode] }
            }
        }
        mask(batch, base, step: step, index: index)
        return taught
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
