import Glibc
import Processes
import Testing

/// Bound by every wait; reached only when something is broken.
let patienceMilliseconds = 20_000

/// A folder that goes when the test ends.
final class Scratch {
    let path: String

    init() {
        var template = Array("/tmp/distillery-processes-XXXXXX".utf8CString)
        mkdtemp(&template)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in ["child.log", "parent.log"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    var log: String { "\(path)/child.log" }
}

func shell(_ script: String, _ scratch: Scratch, environment: [String: String]? = nil) throws -> ChildProcess {
    try ChildProcess(
        executable: "/bin/sh", arguments: ["-c", script], log: scratch.log, environment: environment)
}

/// Whether a process of this number exists (a zombie does).
func exists(_ identifier: Int32) -> Bool { kill(identifier, 0) == 0 || errno != ESRCH }

/// Whether `condition` comes true in time.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<(patienceMilliseconds / 5) {
        if condition() { return true }
        usleep(5_000)
    }
    return false
}

@Suite("Child processes") struct ChildProcessTests {
    let scratch = Scratch()

    @Test("a child's exit code is reported once it has ended, and no zombie stays")
    func exitCode() throws {
        let child = try shell("exit 7", scratch)
        #expect(child.wait(milliseconds: patienceMilliseconds) == .exited(code: 7))
        #expect(child.exitStatus == .exited(code: 7))
        #expect(!exists(child.identifier))
    }

    @Test("a running child has no exit status, and ends when asked to")
    func terminate() throws {
        let child = try ChildProcess(executable: "/bin/sleep", arguments: ["600"], log: scratch.log)
        #expect(child.exitStatus == nil)
        child.terminate()
        let status = try #require(child.wait(milliseconds: patienceMilliseconds))
        #expect(status == .killed(signal: SIGTERM))
        #expect(status.description == "was ended by SIGTERM")
    }

    @Test("a child that does not listen is killed after the time of grace, with its own children")
    func stubborn() throws {
        let child = try shell("trap '' TERM; sleep 600 & echo $!; wait; wait; wait", scratch)
        #expect(eventually { child.lastLines().count == 1 })
        let grandchild = try #require(child.lastLines().first.flatMap { Int32($0) })
        ChildProcess.end([child], graceMilliseconds: 100)
        #expect(child.exitStatus == .killed(signal: SIGKILL))
        #expect(eventually { !exists(grandchild) })
    }

    @Test("letting go of a child ends it")
    func release() throws {
        var child: ChildProcess? = try ChildProcess(executable: "/bin/sleep", arguments: ["600"], log: scratch.log)
        let identifier = try #require(child?.identifier)
        #expect(exists(identifier))
        child = nil
        #expect(!exists(identifier))
    }

    @Test("output and errors go to the log, whose last lines can be read")
    func log() throws {
        let child = try shell("for i in 1 2 3; do echo line $i; done; echo wrong >&2", scratch)
        #expect(child.wait(milliseconds: patienceMilliseconds) == .exited(code: 0))
        #expect(child.lastLines(2) == ["line 3", "wrong"])
        #expect(child.lastLines() == ["line 1", "line 2", "line 3", "wrong"])
    }

    @Test("a second child appends to the same log")
    func append() throws {
        for word in ["first", "second"] {
            #expect(try shell("echo \(word)", scratch).wait(milliseconds: patienceMilliseconds)?.isSuccess == true)
        }
        #expect(ChildProcess.lastLines(of: scratch.log, 5) == ["first", "second"])
    }

    @Test("a child has the environment it was given, a process group of its own, no input, no open files")
    func surroundings() throws {
        let script = "echo $COLOUR; cut -d' ' -f5 /proc/self/stat; echo $$; ls /proc/$$/fd | tr '\\n' ' '; echo; cat"
        let environment = ["COLOUR": "blue", "PATH": "/usr/bin:/bin"]
        let child = try shell(script, scratch, environment: environment)
        #expect(child.wait(milliseconds: patienceMilliseconds) == .exited(code: 0))
        let lines = child.lastLines()
        #expect(lines.first == "blue")
        #expect(lines[1] == "\(child.identifier)" && lines[2] == "\(child.identifier)")
        #expect(lines[3].hasPrefix("0 1 2 ") && lines[3].split(separator: " ").allSatisfy { (Int($0) ?? 0) <= 10 })
    }

    @Test("an executable or a log folder that does not exist is named")
    func missing() throws {
        let executable = try #require(throws: ProcessError.self) {
            try ChildProcess(executable: "/nowhere/distillery", arguments: [], log: scratch.log)
        }
        #expect(executable.description == "cannot start /nowhere/distillery: No such file or directory (errno 2)")
        let folder = try #require(throws: ProcessError.self) {
            try ChildProcess(executable: "/bin/true", arguments: [], log: "/nowhere/child.log")
        }
        #expect(folder.description.contains("/nowhere/child.log"))
    }

    @Test("children die with a parent that is killed without warning")
    func parentKilled() throws {
        let own = try ChildProcess.ownExecutable()
        let folder = own[..<(try #require(own.lastIndex(of: "/")))]
        let parent = try ChildProcess(
            executable: "\(folder)/ProcessesTestParent", arguments: [scratch.log], log: "\(scratch.path)/parent.log")
        #expect(eventually { !parent.lastLines().isEmpty })
        let child = try #require(parent.lastLines().first.flatMap { Int32($0) })
        #expect(exists(child))
        #expect(kill(parent.identifier, SIGKILL) == 0)
        #expect(parent.wait(milliseconds: patienceMilliseconds) == .killed(signal: SIGKILL))
        #expect(eventually { !exists(child) })
    }

    @Test("requests to end are left to the process, but a second Ctrl-C ends it at once")
    func secondInterrupt() throws {
        let own = try ChildProcess.ownExecutable()
        let folder = own[..<(try #require(own.lastIndex(of: "/")))]
        let parent = try ChildProcess(
            executable: "\(folder)/ProcessesTestParent", arguments: [scratch.log], log: "\(scratch.path)/parent.log")
        #expect(eventually { !parent.lastLines().isEmpty })
        let child = try #require(parent.lastLines().first.flatMap { Int32($0) })
        for signal in [SIGTERM, SIGTERM, SIGHUP, SIGINT] {
            #expect(kill(parent.identifier, signal) == 0)
            usleep(50_000)
        }
        #expect(parent.exitStatus == nil)
        #expect(kill(parent.identifier, SIGINT) == 0)
        #expect(parent.wait(milliseconds: patienceMilliseconds) == .exited(code: 130))
        #expect(eventually { !exists(child) })
    }
}
