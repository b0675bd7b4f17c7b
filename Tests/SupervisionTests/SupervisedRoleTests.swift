import Foundation
import Processes
import Supervision
import Testing

@Suite("What a supervisor holds against a role") struct SupervisedRoleTests {
    private static let second: UInt64 = 1_000_000_000

    /// Starts a process at `now`, ends it for its silence `age` seconds later; gives back the failure when it is one too
    /// many, and the time.
    private func silence(
        of role: inout SupervisedRole, at now: inout UInt64, age: UInt64
    ) throws -> SupervisedRole.LastFailure? {
        let process = try ChildProcess(executable: "/bin/sleep", arguments: ["1000"], log: "/dev/null")
        role.running.append(SupervisedRole.Running(process: process, started: now))
        now += age * Self.second
        role.end(process: Int(process.identifier))
        #expect(process.wait(milliseconds: 60_000) != nil)
        return role.collectExits(now: now) { _, _ in }
    }

    @Test("a process that hangs after each start comes to an end, with the last one to show for it")
    func silentFromTheStart() throws {
        var role = SupervisedRole(desired: 1)
        var now = Self.second
        for _ in 1..<SupervisedRole.failureLimit {
            let failure = try silence(of: &role, at: &now, age: 15)
            #expect(failure == nil)
        }
        let failure = try silence(of: &role, at: &now, age: 15)
        let last = try #require(failure)
        #expect(last.wasSilent)
        #expect(last.count == SupervisedRole.failureLimit)
    }

    @Test("one that hangs after it was at work is replaced as often as it takes") func silentLater() throws {
        var role = SupervisedRole(desired: 1)
        var now = Self.second
        for _ in 0..<(2 * SupervisedRole.failureLimit) {
            let failure = try silence(of: &role, at: &now, age: 90)
            #expect(failure == nil)
        }
    }

    @Test("of a role with several processes all may be silent on a machine that is too busy") func several() throws {
        var role = SupervisedRole(desired: 3)
        var now = Self.second
        for _ in 1..<(3 * SupervisedRole.failureLimit) {
            let failure = try silence(of: &role, at: &now, age: 6)
            #expect(failure == nil)
        }
        let last = try silence(of: &role, at: &now, age: 6)
        #expect(last != nil)
    }
}
