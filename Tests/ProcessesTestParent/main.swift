// Starts a child that outlives any test, says its number, and waits: for a test to kill this process.
import Glibc
import Processes

let child = try ChildProcess(
    executable: "/bin/sleep", arguments: ["600"], log: CommandLine.arguments[1])
let watcher = try SignalWatcher()
print(child.identifier)
fflush(nil)
while true { sleep(600) }
