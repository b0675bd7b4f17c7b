#if MPI
    import Foundation
    import Glibc
    import Synchronization

    /// Ends this process, with the name of the rank, when a rank of this host has died or none has come for long.
    final class RankWatch: Sendable {
        private static let intervalMicroseconds: UInt32 = 100_000
        /// How long a rank waits for the others, who may have as much more to read.
        private static let patienceSeconds = 1800.0

        private struct State {
            var isStopped = false
            /// What is waited for, and since when, in seconds of a clock that does not jump.
            var waiting: (what: String, since: Double)?
        }

        private let rank: Int
        /// Of the ranks on this host, this one not among them; by rank.
        private let neighbours: [Int: RankProcess]
        private let names: [String]
        private let state = Mutex(State())

        /// `processes`, `names`: by rank.
        init(rank: Int, processes: [RankProcess], names: [String]) {
            self.rank = rank
            self.names = names
            let host = processes[rank].host
            neighbours = Dictionary(
                uniqueKeysWithValues: processes.enumerated()
                    .filter { $0 != rank && $1.host == host && $1.isAlive }.map { ($0, $1) })
        }

        func start() {
            let thread = Thread { [self] in
                while check() { usleep(Self.intervalMicroseconds) }
            }
            thread.name = "ranks"
            thread.start()
        }

        /// Every later death is none.
        func stop() { state.withLock { $0.isStopped = true } }

        /// Calls `body`, which waits for the other ranks.
        func waiting<Value>(for what: String, _ body: () -> Value) -> Value {
            state.withLock { $0.waiting = (what, Self.now) }
            defer { state.withLock { $0.waiting = nil } }
            return body()
        }

        private static var now: Double { ProcessInfo.processInfo.systemUptime }

        /// Whether to look again.
        private func check() -> Bool {
            let dead = neighbours.filter { !$0.value.isAlive }.keys.sorted()
            // Asked afterwards: a rank may end as soon as this one has stopped watching.
            let (isStopped, waiting) = state.withLock { ($0.isStopped, $0.waiting) }
            guard !isStopped else { return false }
            if !dead.isEmpty {
                // All survivors see it; the first of them speaks.
                let speaks = !neighbours.contains { $0.key < rank && !dead.contains($0.key) }
                end(speaks ? dead.map { "\(names[$0]) has died" }.joined(separator: "\n") : nil)
            }
            if let waiting, Self.now - waiting.since > Self.patienceSeconds {
                end("\(names[rank]) has waited \(Int(Self.patienceSeconds)) s for \(waiting.what)")
            }
            return true
        }

        /// Checkpoints are whole at any moment, so nothing is tidied up.
        private func end(_ reason: String?) -> Never {
            if let reason {
                let advice = "training goes on from the last checkpoint by --resume, with any number of ranks"
                let text = "Error: \(reason)\n\(advice)\n"
                try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
            }
            _exit(1)
        }
    }
#endif
