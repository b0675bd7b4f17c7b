#if MPI
    import Foundation
    import Glibc

    /// A rank's process, as the other ranks know it.
    struct RankProcess: Equatable, Sendable {
        let host: String
        let identifier: Int32
        /// When it started, in the kernel's ticks since boot: a later process may get the same number.
        let started: String

        static var own: RankProcess {
            let identifier = getpid()
            return RankProcess(host: hostName, identifier: identifier, started: beginning(of: identifier) ?? "")
        }

        private static var hostName: String {
            var name = [CChar](repeating: 0, count: 256)
            let length = name.count - 1
            _ = gethostname(&name, length)
            return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
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

        /// The 22nd field of `/proc/N/stat`; nil where the process is gone, or is dead and not yet waited for.
        private static func beginning(of process: Int32) -> String? {
            guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
            // The second field is the program's name in parentheses, which may itself have spaces and parentheses.
            let fields = String(decoding: data, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
            guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
            return String(fields[19])
        }
    }
#endif
