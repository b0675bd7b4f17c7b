import Distillation
import Files
import Foundation
import Glibc

/// The steps of a training as lines of JSON, which are added to what the file has.
final class StepLog {
    private let handle: FileHandle
    private let path: String

    /// Throws `FileError` where the file cannot be written.
    init(path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileError.system("write", path) }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        self.path = path
    }

    func add(_ report: StepReport) throws {
        let states = report.stateError.map { "\"state_error\": \($0), " } ?? ""
        let line =
            "{\"step\": \(report.step), \"loss\": \(report.loss), \(states)\"learning_rate\": \(report.learningRate), "
            + "\"gradient_norm\": \(report.gradientNorm), \"seconds\": \(report.elapsedSeconds)}\n"
        do { try handle.write(contentsOf: Data(line.utf8)) } catch {
            throw FileError("cannot write \(path): \(error.localizedDescription)")
        }
    }
}
