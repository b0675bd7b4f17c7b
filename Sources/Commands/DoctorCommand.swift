import ArgumentParser
import Foundation
import Histories
import Nodes
import Processes
import Quantities
import Transport

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check that this machine has what a run needs.",
        discussion: "Example: distillery doctor")

    /// A coordinator, a learner, a recorder, two actor processes; then a distiller and two evaluators.
    private static let leastProcesses = 8
    private static let leastDiskBytes = 1 << 30

    func run() throws {
        var isHealthy = true
        func check(_ name: String, _ body: () throws -> String) {
            do { print("ok    \(name): \(try body())") } catch {
                print("fails \(name): \(error)")
                isHealthy = false
            }
        }
        check("processor") { "\(processorName), \(ProcessInfo.processInfo.activeProcessorCount) processors" }
        check("loopback sockets") {
            let context = try MessageContext()
            return try RouterSocket(context).bind("tcp://127.0.0.1:*")
        }
        check("HDF5") {
            let path = temporaryPath("distillery-doctor") + ".h5"
            defer { try? FileManager.default.removeItem(atPath: path) }
            try TensorFile.write([TensorFile.Tensor("x", [1, 2], .floats([1, 2]))], to: path)
            return "writes \(path)"
        }
        check("open files") {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(7), &limit)
            guard limit.rlim_cur >= 1024 else {
                throw ClusterError("a process may open \(limit.rlim_cur) files; expected 1024 or more (ulimit -n 4096)")
            }
            return "\(limit.rlim_cur) a process"
        }
        check("processes") {
            let room = ProcessRoom.now()
            guard room.processes >= Self.leastProcesses else {
                throw ClusterError(
                    "there is room for \(room.processes) of a cluster's processes (\(room.reason)); "
                        + "expected \(Self.leastProcesses) or more")
            }
            return "room for \(room.processes) of a cluster's (\(room.reason))"
        }
        check("disk") {
            let free =
                try FileManager.default.attributesOfFileSystem(
                    forPath: FileManager.default.currentDirectoryPath)[.systemFreeSize] as? NSNumber
            let bytes = free?.intValue ?? 0
            guard bytes > Self.leastDiskBytes else {
                throw ClusterError(
                    "\(NumberText.bytes(bytes)) free; expected \(NumberText.bytes(Self.leastDiskBytes)) or more")
            }
            return "\(NumberText.bytes(bytes)) free"
        }
        guard isHealthy else { throw ExitCode.failure }
    }
}
