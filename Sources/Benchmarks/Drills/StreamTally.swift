import Environments
import Foundation
import Histories

/// What `verify` and `replay` say of some streams, added up.
package struct StreamTally: Codable, Sendable {
    private(set) var transitions = 0
    private(set) var damaged = 0
    private(set) var differing = 0
    private(set) var gaps = 0
    private(set) var cutEpisodes = 0
    private(set) var problems: [String] = []

    init() {}

    /// One process's share of a run's streams, for HDF5 lets only one thread of a process read: every `parts`-th file
    /// from number `part` on. `progress` hears how many are done, about once a second.
    package init(of run: String, part: Int, of parts: Int, progress: (Int) -> Void) throws {
        let files = try StreamFolder(path: run).files
        var lastLine = Date()
        for (done, index) in stride(from: part, to: files.count, by: parts).enumerated() {
            add(files[index])
            guard Date().timeIntervalSince(lastLine) > 1 else { continue }
            lastLine = Date()
            progress(done + 1)
        }
    }

    private mutating func add(_ file: String) {
        let verification = StreamVerification(path: file)
        transitions += verification.rows
        gaps += verification.gaps.count
        cutEpisodes += verification.cutEpisodes
        if !verification.isSound {
            damaged += 1
            problems += verification.problems.map { "\(file): \($0)" }
        }
        guard Self.isReplayable(file) else { return }
        let replay = StreamReplay(path: file)
        if !replay.isSound {
            differing += 1
            problems += [replay.difference ?? replay.problem].compactMap { $0.map { "\(file): \($0)" } }
        }
    }

    /// Whether the environment promises it. Of a file that cannot be read the replay tells why.
    private static func isReplayable(_ file: String) -> Bool {
        let reader = try? StreamReader(path: file)
        defer { reader?.close() }
        return (try? reader?.metadata.makeRecordedTask().tasks.isReplayable) ?? true
    }

    static func + (first: Self, second: Self) -> Self {
        var sum = first
        sum.transitions += second.transitions
        sum.damaged += second.damaged
        sum.differing += second.differing
        sum.gaps += second.gaps
        sum.cutEpisodes += second.cutEpisodes
        sum.problems += second.problems
        return sum
    }
}
