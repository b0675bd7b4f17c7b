import Experience
import ExternalEnvironments
import Wire

/// Copies of an environment that live in another process: one request for a step of all of them, and one for the resets of
/// all that begin an episode then, which are asked for when a caller observes or steps.
///
/// What the process shows is checked before it goes into any stream. After a failure every call throws it again.
final class ExternalCopies: Environment {
    let description: EnvironmentDescription
    let count: Int
    private let task: String
    /// Of every reset, where the task is a seed.
    private let seed: UInt64?
    private let generators: [Philox]
    private let widths: (observation: Int, action: Int)
    /// Nil after a failure: the process was let go of, which ends it.
    private var process: EnvironmentProcess?
    private var failure: EnvironmentFailure?
    /// (B, observation bytes): what was seen last.
    private let observations: UnsafeMutableRawPointer
    /// Copies that begin this episode when they are looked at.
    private var waiting: [Int: UInt64] = [:]
    /// Copies that have their random numbers.
    private var isSeeded: [Bool]

    init(
        description: EnvironmentDescription, process: EnvironmentProcess, task: String, seed: UInt64?,
        keys: [StreamKey]
    ) {
        self.description = description
        self.process = process
        self.task = task
        self.seed = seed
        count = keys.count
        generators = keys.map { Philox($0) }
        widths = (description.stored.space.byteCount, description.actionSpace.byteCount)
        isSeeded = Array(repeating: false, count: keys.count)
        observations = .allocate(byteCount: max(1, keys.count * widths.observation), alignment: 64)
        observations.initializeMemory(as: UInt8.self, repeating: 0, count: max(1, keys.count * widths.observation))
    }

    /// The process goes to who needs one next.
    deinit {
        observations.deallocate()
        guard let process, process.isRunning, (try? process.close()) != nil else { return }
        IdleProcesses.shared.keep(process)
    }

    func reset(_ index: Int, episode: UInt64) throws {
        if let failure { throw failure }
        waiting[index] = episode
    }

    func observe(_ index: Int, into observation: UnsafeMutableRawPointer) {
        if waiting[index] != nil { beginEpisodes() }
        observation.copyMemory(from: observations + index * widths.observation, byteCount: widths.observation)
    }

    func observe(into observations: UnsafeMutableRawPointer) {
        beginEpisodes()
        observations.copyMemory(from: self.observations, byteCount: count * widths.observation)
    }

    func step(
        actions: UnsafeRawPointer, rewards: UnsafeMutablePointer<Float>,
        terminations: UnsafeMutablePointer<UInt8>, truncations: UnsafeMutablePointer<UInt8>
    ) throws {
        beginEpisodes()
        try attempt { process throws(ExternalEnvironmentError) in
            let chosen = Array(UnsafeRawBufferPointer(start: actions, count: count * widths.action))
            let stepped = try process.step(actions: chosen)
            try check(stepped, process)
            take(stepped.observations, into: observations)
            take(stepped.rewards, into: rewards)
            take(stepped.terminations, into: terminations)
            take(stepped.truncations, into: truncations)
        }
    }

    /// Resets all that wait for it, in one request. What goes wrong is thrown by the next step: who looks cannot be told.
    private func beginEpisodes() {
        guard !waiting.isEmpty, failure == nil else { return }
        let indices = waiting.keys.sorted()
        let copies = indices.map { EnvironmentRequest.Copy(index: $0, seed: firstSeed(of: $0)) }
        waiting.removeAll(keepingCapacity: true)
        try? attempt { process throws(ExternalEnvironmentError) in
            let seen = try process.reset(copies, task: task)
            try check(seen, rows: indices, process)
            for (row, index) in indices.enumerated() {
                seen.withUnsafeBytes {
                    guard let base = $0.baseAddress else { return }
                    (observations + index * widths.observation).copyMemory(
                        from: base + row * widths.observation, byteCount: widths.observation)
                }
                isSeeded[index] = true
            }
            // It works: another is worth its start, and one that has ended meanwhile is replaced.
            IdleProcesses.shared.keepSpares(of: process.program)
        }
    }

    /// A copy gets its random numbers once, by its stream's key and the episode that it begins with, unless the task is a
    /// seed: a stream that is picked up again does not live the same again.
    private func firstSeed(of index: Int) -> UInt64 {
        if let seed { return seed }
        guard !isSeeded[index] else { return 0 }
        let words = generators[index].words(.environment, episode: waiting[index] ?? 0, step: 0, lane: 0)
        return UInt64(words.x >> 1) + 1
    }

    /// Asks the process; a failure is kept, and the process let go of.
    private func attempt(
        _ body: (EnvironmentProcess) throws(ExternalEnvironmentError) -> Void
    ) throws(EnvironmentFailure) {
        if let failure { throw failure }
        guard let process else { preconditionFailure("a process until the first failure") }
        do throws(ExternalEnvironmentError) { try body(process) } catch {
            let failure = EnvironmentFailure(error.description)
            self.failure = failure
            if error.isRefusal, (try? process.close()) != nil { IdleProcesses.shared.keep(process) }
            self.process = nil
            throw failure
        }
    }

    private func check(
        _ stepped: EnvironmentReply.Transitions, _ process: EnvironmentProcess
    ) throws(ExternalEnvironmentError) {
        let flags = stepped.terminations + stepped.truncations
        guard stepped.rewards.count == 4 * count, stepped.terminations.count == count,
            stepped.truncations.count == count, flags.allSatisfy({ $0 <= 1 })
        else {
            throw process.failure(
                "answered \(stepped.rewards.count) bytes of rewards, \(stepped.terminations.count) terminations and "
                    + "\(stepped.truncations.count) truncations; expected \(count) float32, and as many flags of 0 or 1"
            )
        }
        try check(stepped.observations, rows: Array(0..<count), process)
        let isFinite = stepped.rewards.withUnsafeBytes { bytes in
            (0..<count).allSatisfy { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self).isFinite }
        }
        guard isFinite else { throw process.failure("gave a reward that is no number") }
    }

    /// `rows`: the copies whose observations these are, in order.
    private func check(
        _ seen: [UInt8], rows: [Int], _ process: EnvironmentProcess
    ) throws(ExternalEnvironmentError) {
        guard seen.count == rows.count * widths.observation else {
            throw process.failure(
                "answered \(seen.count) bytes of observations, expected \(rows.count) x \(widths.observation)")
        }
        if let outside = seen.withUnsafeBytes({ description.stored.space.firstOutside($0) }) {
            throw process.failure("shows copy \(rows[outside]) something outside of \(description.stored.space)")
        }
    }

    private func take(_ bytes: [UInt8], into target: UnsafeMutableRawPointer) {
        bytes.withUnsafeBytes { if let base = $0.baseAddress { target.copyMemory(from: base, byteCount: $0.count) } }
    }
}
