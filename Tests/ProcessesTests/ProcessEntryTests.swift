import Foundation
import Processes
import Testing

@Suite("A process as the kernel lists it") struct ProcessEntryTests {
    @Test("this one has its parent, and began once") func own() throws {
        let entry = try #require(ProcessEntry(getpid()))
        #expect(entry.parent == getppid() && !entry.isDead)
        #expect(ProcessEntry(getpid())?.started == entry.started && Int(entry.started) ?? 0 > 0)
    }

    @Test("one that has ended is dead until it is waited for, and then gone") func ended() throws {
        var child: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
        defer { free(arguments[0]) }
        try #require(posix_spawn(&child, "/bin/true", nil, nil, &arguments, environ) == 0)
        let deadline = Date().addingTimeInterval(60)
        while ProcessEntry(child)?.isDead != true, Date() < deadline { usleep(1000) }
        #expect(ProcessEntry(child)?.isDead == true && ProcessEntry(child)?.parent == getpid())
        #expect(waitpid(child, nil, 0) == child)
        #expect(ProcessEntry(child) == nil)
    }
}
