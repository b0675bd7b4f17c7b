import ExternalEnvironments
import Foundation
import TestSupport
import Testing
import Transport
import Wire

@Suite("Idle processes of environments") struct IdleProcessesTests {
    private let idle = IdleProcesses()

    private func program(_ way: EnvironmentProgram.Way, spares: Int = 0) -> EnvironmentProgram {
        EnvironmentProgram(
            name: "stand-in", way: way, startMilliseconds: 60_000, answerMilliseconds: 60_000, spareProcesses: spares)
    }

    private let sleeping = EnvironmentProgram.Way.start(["sh", "-c", "exec sleep 600", "sh"])
    private static let patienceSeconds = 60.0

    private func waitUntil(_ condition: () -> Bool) throws {
        let end = Date() + Self.patienceSeconds
        while !condition() {
            try #require(Date() < end, "it does not come true")
            usleep(1000)
        }
    }

    @Test("are kept for who needs one of the same program next, unless they have ended") func kept() throws {
        let standIn = try EnvironmentStandIn { _ in [] }
        let one = program(.connect(standIn.endpoint))
        let first = try idle.take(one)
        idle.keep(first)
        #expect(try idle.take(one) === first)
        #expect(try idle.take(one) !== first)
        let ended = program(.start(["sh", "-c", "exit 0", "sh"]))
        let other = try idle.take(ended)
        while other.isRunning { usleep(1000) }
        idle.keep(other)
        #expect(try idle.take(ended) !== other)
    }

    @Test("are as many spares as are wanted, started beforehand, and replaced when they are taken") func spares()
        throws
    {
        let two = program(sleeping, spares: 2)
        idle.keepSpares(of: two)
        let started = idle.identifiers(of: two)
        #expect(started.count == 2)
        idle.keepSpares(of: two)
        #expect(idle.identifiers(of: two) == started)
        let taken = try idle.take(two)
        #expect(started.contains(try #require(taken.identifier)), "another was started")
        #expect(idle.identifiers(of: two).count == 1)
        idle.keepSpares(of: two)
        #expect(idle.identifiers(of: two).count == 2)
        // None is wanted, or is ours to start.
        let none = program(sleeping, spares: 0)
        idle.keepSpares(of: none)
        #expect(idle.identifiers(of: none).isEmpty)
        #expect(program(.connect("ipc:///tmp/x"), spares: 3).spareProcesses == 0)
    }

    @Test("are no more than their bound, whatever is wanted") func bound() throws {
        let many = program(sleeping, spares: 40)
        idle.keepSpares(of: many)
        #expect(idle.identifiers(of: many).count == IdleProcesses.most)
    }

    @Test("are rather one that has answered than a spare that may still be starting") func answered() throws {
        let standIn = try EnvironmentStandIn { [EnvironmentReply(id: $0.id, .closed).encoded()] }
        let one = program(.connect(standIn.endpoint))
        let (fresh, used) = (try EnvironmentProcess(one), try EnvironmentProcess(one))
        try used.close()
        idle.keep(fresh)
        idle.keep(used)
        #expect(try idle.take(one) === used)
        #expect(try idle.take(one) === fresh)
    }

    @Test("that end by themselves are started again, after rests that grow") func rests() throws {
        let starts = NSTemporaryDirectory() + "distillery-starts-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: starts) }
        let failing = program(.start(["sh", "-c", "echo start >>\(starts); exit 3", "sh"]), spares: 1)
        func count() -> Int {
            ((try? String(contentsOfFile: starts, encoding: .utf8)) ?? "").split(separator: "\n").count
        }
        let second = nanosecondsPerSecond
        let begin = SystemClock().now
        var found: [Int] = []
        // Twice each second of a clock that is moved by hand: once more in the same moment changes nothing.
        for now in 0..<12 {
            for _ in 0..<2 { idle.keepSpares(of: failing, now: begin + UInt64(now) * second) }
            try waitUntil { idle.identifiers(of: failing).isEmpty }
            found.append(count())
        }
        // Each end is noticed a second later at the earliest; rests of 1, 2, 4 s follow.
        #expect(found == [1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4])
        // Who needs one is told why there is none.
        let process = try idle.take(failing)
        #expect { try process.close() } throws: { "\($0)".contains("ended with exit code 3") }
    }

    @Test("that cannot be started at all are nobody's trouble until one is needed") func missing() throws {
        let missing = program(.start(["no-such-program-as-this"]), spares: 1)
        idle.keepSpares(of: missing)
        #expect(idle.identifiers(of: missing).isEmpty)
        #expect {
            _ = try idle.take(missing)
        } throws: { "\($0)".contains("no program no-such-program-as-this on PATH") }
    }
}
