#if MPI
    import Glibc
    import Processes

    /// A rank's process, as the other ranks know it.
    struct RankProcess: Equatable, Sendable {
        let host: String
        let identifier: Int32
        /// When it started, in the kernel's ticks since boot: a later process may get the same number.
        let started: String

        static var own: RankProcess {
            let identifier = getpid()
            return RankProcess(host: hostName(), identifier: identifier, started: beginning(of: identifier) ?? "")
        }

        /// In one line.
        var text: String { "\(host) \(identifier) \(started)" }

        init(_ text: String) {
            let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            self.init(
                host: words.first ?? "", identifier: words.dropFirst().first.flatMap(Int32.init) ?? 0,
                started: words.dropFirst(2).first ?? "")
        }

        private init(host: String, identifier: Int32, started: String) {
            self.host = host
            self.identifier = identifier
            self.started = started
        }

        /// Whether it runs on this host, under this number. A container of its own may hide it from us.
        var isAlive: Bool { !started.isEmpty && Self.beginning(of: identifier) == started }

        /// Nil where the process is gone, or is dead and not yet waited for.
        private static func beginning(of process: Int32) -> String? {
            ProcessEntry(process).flatMap { $0.isDead ? nil : $0.started }
        }
    }
#endif
