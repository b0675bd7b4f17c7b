import Foundation
import Glibc
import Nodes
import Processes

/// `python -m distillery.distil` at work in a folder: started, its steps read as they come, ended with this value. Belongs to
/// one thread, which never waits for it.
final class PyTorchProcess {
    /// A line of its log (docs/pytorch.md).
    struct Step: Decodable {
        let step: Int
        /// Mean of the step's windows in nats, an action.
        let loss: Double
        let learningRate: Double
        let gradientNorm: Double
        /// Of training, those of earlier starts among them.
        let seconds: Double

        private enum CodingKeys: String, CodingKey {
            case step, loss, seconds
            case learningRate = "learning_rate"
            case gradientNorm = "gradient_norm"
        }
    }

    private let child: ChildProcess
    private let python: String
    private let folder: PyTorchFolder
    private var read = 0
    /// The beginning of a line whose end was not written yet.
    private var rest = Data()

    /// The log is emptied where it has become larger, so that a long training fills no disk.
    private static let longestLogBytes = 16 << 20
    /// Of it the child keeps so many checkpoints: one may be read while the next is written.
    private static let keptCheckpoints = 2

    /// Throws `ClusterError` where nothing can be started; that there is no such Python is seen by its `exit`. `device`: as
    /// `python -m distillery.distil` has it.
    init(python: String, device: String, folder: PyTorchFolder, histories: String) throws {
        self.python = python
        self.folder = folder
        for path in [folder.steps, folder.output] { unlink(path) }
        // It looks for the program as a shell does.
        child = try ChildProcess(
            executable: "/usr/bin/env",
            arguments: [
                python, "-m", "distillery.distil", folder.prepared, "--histories", histories, "--out",
                folder.checkpoints, "--resume", "--keep", "\(Self.keptCheckpoints)", "--device", device, "--log",
                folder.steps,
            ], log: folder.output)
    }

    private static let advice = """
        : --python or $DISTILLERY_PYTHON names one that has PyTorch and the package `distillery`, which \
        `pip install "./scripts/python[distil]"` installs (docs/pytorch.md)
        """

    var identifier: Int32 { child.identifier }
    /// Nil while it runs.
    var exit: ExitStatus? { child.exitStatus }
    /// Asks it to end with a checkpoint.
    func terminate() { child.terminate() }
    func kill() { child.kill() }

    /// The steps that it has made since the last call. Throws `ClusterError` for a line that says none.
    func newSteps() throws -> [Step] {
        guard let file = FileHandle(forReadingAtPath: folder.steps) else { return [] }
        defer { try? file.close() }
        try file.seek(toOffset: UInt64(read))
        let new = try file.readToEnd() ?? Data()
        read += new.count
        if read > Self.longestLogBytes {
            // A step that is added at this moment is not told; its checkpoint is.
            truncate(folder.steps, 0)
            read = 0
        }
        rest += new
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = Data(lines.popLast() ?? Data())
        return try lines.map { line in
            do { return try JSONDecoder().decode(Step.self, from: Data(line)) } catch {
                throw ClusterError(
                    "PyTorch says of a step: \(String(decoding: line.prefix(200), as: UTF8.self)); expected a line of "
                        + "JSON with step, loss, learning_rate, gradient_norm and seconds: is its package distillery "
                        + "of another version?")
            }
        }
    }

    /// Why it has ended, with the end of what it said. Precondition: it has ended.
    func reason(_ status: ExitStatus) -> String {
        let lines = child.lastLines(Self.linesOfOutput)
        let words = String(lines.joined(separator: " | ").suffix(Self.charactersOfOutput))
        // What matters comes first: a status shows the first lines of a reason.
        if Self.cannotStart.contains(status) { return "Python cannot be started (\(words))\(Self.advice)" }
        if let missing = lines.last(where: { $0.contains("No module named") }) {
            return "Python lacks PyTorch or its distiller (\(missing.suffix(200)); \(python))\(Self.advice)"
        }
        return "PyTorch \(status)" + (words.isEmpty ? "" : "; it said last: \(words)")
    }

    /// What `env` ends with.
    private static let cannotStart: [ExitStatus] = [.exited(code: 126), .exited(code: 127)]
    private static let linesOfOutput = 3
    private static let charactersOfOutput = 600
}
