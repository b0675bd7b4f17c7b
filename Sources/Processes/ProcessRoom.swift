internal import Foundation
internal import Glibc
import Quantities

/// How many processes of a cluster this machine has room for beside what runs on it now. The least of three bounds
/// counts: processors, free memory, free threads.
///
/// With 2 processors and 1 GiB of memory free it is 32: (1024 - 256) MiB at 24 MiB each, fewer than 64 for each
/// processor. An estimate made once, not a reservation: it is asked before processes are started, so that a machine is
/// not overrun.
package struct ProcessRoom: Sendable, Equatable {
    /// Memory of one process before it has any work: its own pages, page tables and sockets' buffers.
    package static let bytesPerProcess = 24 << 20
    /// Threads of one process; the kernel counts them all against its limits.
    package static let threadsPerProcess = 6
    /// More than this take the processor from one another until their heartbeats are late.
    package static let processesPerProcessor = 64
    /// Memory that is left to everything else on the machine.
    static let reservedBytes = 256 << 20
    /// Threads that are left to everything else.
    static let reservedThreads = 128

    /// More processes that may be started now. 0 where there is no room.
    package let processes: Int
    /// What allows no more, for a message: `64 for each of 2 processors`.
    package let reason: String

    /// From what is free; `freeBytes` and `freeThreads` are nil where there is no limit.
    ///
    /// For tests too: nothing is looked up. At least the bound by processors is always there.
    package init(processors: Int, freeBytes: Int?, freeThreads: Int?) {
        var bounds = [
            (
                processors * Self.processesPerProcessor,
                "\(Self.processesPerProcessor) for each of \(processors) processors"
            )
        ]
        if let freeBytes {
            let free = max(0, freeBytes - Self.reservedBytes)
            bounds.append(
                (
                    free / Self.bytesPerProcess,
                    "\(NumberText.bytes(Self.bytesPerProcess)) for each of them, of \(NumberText.bytes(free)) of memory that are "
                        + "free"
                ))
        }
        if let freeThreads {
            let free = max(0, freeThreads - Self.reservedThreads)
            bounds.append(
                (
                    free / Self.threadsPerProcess,
                    "\(Self.threadsPerProcess) threads for each of them, of \(free) that may still be started "
                        + "(ulimit -u, kernel.pid_max, the container's pids.max)"
                ))
        }
        let least = bounds.min { $0.0 < $1.0 } ?? (0, "")
        processes = least.0
        reason = least.1
    }

    /// Of this machine, now, for this user and within its container. Reads /proc and /sys; a limit that cannot be read
    /// is taken for none. For a user with many processes it takes milliseconds.
    ///
    /// For a supervisor's `Hello`, and for commands that check a machine before they start processes.
    package static func now() -> ProcessRoom {
        ProcessRoom(
            processors: ProcessInfo.processInfo.activeProcessorCount, freeBytes: freeBytes, freeThreads: freeThreads)
    }

    /// The lesser of the kernel's MemAvailable and what the control groups still allow.
    ///
    /// Nil where neither can be read.
    private static var freeBytes: Int? {
        let machine = text("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
            .flatMap { Int($0.filter(\.isNumber)) }.map { $0 << 10 }
        let group = least(
            groupRoom("memory", limit: "memory.max", used: "memory.current"),
            groupRoom("memory", limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes"))
        return least(machine, group)
    }

    /// The least of what the kernel, the user's limit and the control groups still allow.
    ///
    /// Nil where neither can be read.
    private static var freeThreads: Int? {
        // "0.20 0.18 0.12 1/80 11206": the fourth has the threads of the whole system.
        let running =
            text("/proc/loadavg").split(separator: " ").dropFirst(3).first?.split(separator: "/").last
            .flatMap { Int($0) } ?? 0
        let system = least(number("/proc/sys/kernel/pid_max"), number("/proc/sys/kernel/threads-max")).map {
            $0 - running
        }
        return least(least(system, userRoom), groupRoom("pids", limit: "pids.max", used: "pids.current"))
    }

    /// RLIMIT_NPROC, whose name in C is of a type of its own.
    private static let userProcesses: UInt32 = 6

    /// Threads that this user may still start. The kernel holds every user but root to RLIMIT_NPROC.
    ///
    /// Nil for root, and where there is no limit. Counts threads, because the kernel does.
    private static var userRoom: Int? {
        var limit = rlimit()
        guard geteuid() != 0, getrlimit(__rlimit_resource_t(userProcesses), &limit) == 0,
            let most = Int(exactly: limit.rlim_cur)
        else { return nil }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let own = names.filter { name in
            var found = stat()
            return Int32(name) != nil && stat("/proc/\(name)", &found) == 0 && found.st_uid == getuid()
        }
        return most - own.reduce(0) { $0 + threads(of: $1) }
    }

    /// 0 for a process that has ended meanwhile.
    private static func threads(of process: String) -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task"))?.count ?? 0
    }

    /// What this process's control group may still take: version 2 has one tree, version 1 one for each controller.
    ///
    /// Nil where the group has no such limit. With limits of several groups the least room counts.
    private static func groupRoom(_ controller: String, limit: String, used: String) -> Int? {
        var room: Int?
        for line in text("/proc/self/cgroup").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3,
                fields[1].isEmpty || fields[1].split(separator: ",").contains(Substring(controller))
            else { continue }
            let root = "/sys/fs/cgroup" + (fields[1].isEmpty ? "" : "/\(controller)")
            // A limit of any group above counts too; within a container the own path may not be visible.
            var path = fields[2].split(separator: "/")
            while true {
                let folder = ([root] + path.map(String.init)).joined(separator: "/")
                if let most = number("\(folder)/\(limit)"), let taken = number("\(folder)/\(used)") {
                    room = least(room, most - taken)
                }
                guard path.popLast() != nil else { break }
            }
        }
        return room
    }

    /// Nil where both are; a limit that is not known is none.
    private static func least(_ first: Int?, _ second: Int?) -> Int? {
        [first, second].compactMap { $0 }.min()
    }

    /// `max` is no number.
    private static func number(_ path: String) -> Int? {
        Int(text(path).trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Empty where the file cannot be read.
    private static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}
