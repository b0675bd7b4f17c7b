import ArgumentParser
import Distillation
import Foundation
import MessagePassing
import Processes

/// Does a command's work as one of the ranks that `mpirun` or `srun` has started, or alone. All ranks end together, with one exit code: what every
/// one of them knows rank 0 says; where one has failed by itself, it says so by its name and ends them all.
func asRanks(_ body: ((any RankGroup)?) throws -> Void) throws {
    guard let ranks = try joinRanks(ProcessInfo.processInfo.environment) else { return try body(nil) }
    let code: ExitCode
    do {
        try body(ranks)
        code = .success
    } catch let exit as ExitCode {
        code = exit
    } catch let error where error is RankGroupError || error is TrainingError {
        if ranks.isFirst { printError("Error: \(error)") }
        code = .failure
    } catch {
        printError("Error: \(ranks.names[ranks.rank]): \(error)")
        ranks.abort()
    }
    // The launcher ends the others as soon as one exits with another code than 0.
    if let failure = StandardStreams.flushOutput() { printError("Error: \(failure)") }
    ranks.leave()
    guard code == .success else { throw code }
}

extension RankGroup {
    /// Says, where a launcher has tied this process to fewer processors than it has threads, how to untie it.
    func warnOfBinding(threads: Int) {
        guard let processors = Self.permittedProcessors, processors < threads,
            processors < ProcessInfo.processInfo.processorCount
        else { return }
        printError(
            "\(names[rank]) has \(threads) threads and may use \(processors) of the host's processors: mpirun ties "
                + "ranks to cores unless it is told --bind-to none, or --map-by slot:PE=\(threads)")
    }

    /// Processors that the kernel lets this process run on; the system's own count leaves out what a launcher has set.
    private static var permittedProcessors: Int? {
        let status = FileManager.default.contents(atPath: "/proc/self/status") ?? Data()
        let line = status.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
            .first { $0.hasPrefix("Cpus_allowed:") }
        return line?.dropFirst("Cpus_allowed:".count).compactMap { $0.hexDigitValue?.nonzeroBitCount }.reduce(0, +)
    }
}
