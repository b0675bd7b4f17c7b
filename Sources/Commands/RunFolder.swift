import Environments
import Experiments
import Files
import Foundation
import Nodes
import Processes
import Supervision

/// The folder of one run: made once, taken up again only on request.
struct RunFolder {
    let path: String

    /// `out`: where the caller wants it; by default `runs/NAME`.
    init(out: String?, experiment: Experiment) {
        path = URL(fileURLWithPath: out ?? "runs/\(experiment.name)").standardizedFileURL.path
    }

    private var experimentPath: String { path + "/experiment.yaml" }

    /// Makes the folder, or checks that the run in it is of the same experiment. Throws `ClusterError`, before anything
    /// is changed, where that cannot be, or where the run is at work. Nothing else takes up the run while the caller
    /// has the lock.
    func prepare(_ experiment: Experiment, resume: Bool) throws -> RunLock {
        try check(resume: resume)
        let lock = try RunLock(folder: path)
        // Another command may have made a run of it before the lock was ours.
        try check(resume: resume)
        if resume, FileManager.default.fileExists(atPath: experimentPath) {
            let before = try Experiment(path: experimentPath)
            let differences =
                before.workingDifferences(from: experiment) + otherEvaluations(than: before, in: experiment)
            guard differences.isEmpty else {
                throw ClusterError(
                    "\(experimentPath) is not the experiment that was given: there \(differences.joined(separator: "; "))"
                        + "; resume with the same file and the same --set, or choose another folder by --out")
            }
        }
        try Folder.create(path)
        try AtomicFile.write(experiment.yaml, to: experimentPath)
        try AtomicFile.write(try provenance(), to: path + "/provenance.json")
        return lock
    }

    /// Evaluations that are others than they were when their streams were recorded. New ones are no harm.
    private func otherEvaluations(than before: Experiment, in experiment: Experiment) -> [String] {
        let recorded = (try? FileManager.default.contentsOfDirectory(atPath: path + "/evaluations")) ?? []
        return experiment.changedEvaluations(since: before).filter { name in
            recorded.contains { $0.hasSuffix("-\(name)") }
        }.map { "the evaluation \($0) is another; give the changed one another name" }
    }

    /// A folder that holds something is taken up on request only, and only where what it holds is a run.
    private func check(resume: Bool) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? ["?"]
        guard !RunLock.fileNames.isSuperset(of: names) else { return }
        guard resume else {
            throw ClusterError("\(path) exists: go on with it by --resume, or choose another folder by --out")
        }
        guard FileManager.default.fileExists(atPath: experimentPath) else {
            throw ClusterError(
                "\(path) is not a run: it has no experiment.yaml; give the folder of a run, or choose another by --out")
        }
    }

    /// Free space of the file system that the run is on, in bytes.
    var freeBytes: Int {
        var parent = URL(fileURLWithPath: path)
        while !FileManager.default.fileExists(atPath: parent.path), parent.path != "/" {
            parent.deleteLastPathComponent()
        }
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: parent.path)
        return (attributes?[.systemFreeSize] as? NSNumber)?.intValue ?? .max
    }

    /// What the run has on the disk already.
    var usedBytes: Int {
        guard
            let files = FileManager.default.enumerator(
                at: URL(fileURLWithPath: path), includingPropertiesForKeys: [.fileSizeKey])
        else { return 0 }
        return files.reduce(0) { sum, file in
            sum + ((try? (file as? URL)?.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0)
        }
    }

    private func provenance() throws -> Data {
        let info = ProcessInfo.processInfo
        let values: [String: String] = [
            "software": "distillery \(softwareVersion)", "commit": commit ?? "unknown",
            "system": info.operatingSystemVersionString, "processor": processorName,
            "processors": "\(info.activeProcessorCount)", "memory_bytes": "\(info.physicalMemory)",
            "host": info.hostName, "started": Date().formatted(.iso8601),
        ]
        return try JSONSerialization.data(withJSONObject: values, options: [.sortedKeys, .prettyPrinted])
    }

    /// The commit that this program was built from: what the build was told, otherwise that of the checkout in whose
    /// `.build` it lies.
    private var commit: String? {
        if let commit = Build.commit { return commit }
        guard let executable = try? ChildProcess.ownExecutable(), executable.contains("/.build/") else { return nil }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let folder = URL(fileURLWithPath: executable).deletingLastPathComponent().path
        process.arguments = ["git", "-C", folder, "rev-parse", "HEAD"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return nil }
        return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// As the system names it.
var processorName: String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
}
