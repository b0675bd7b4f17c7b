import Catalog
import Coordination
import Environments
import Experience
import Foundation
import Histories
import Testing
import Wire

/// All tests with real processes, one after the other: they would only take the processors from each other.
@Suite("With real processes", .serialized) enum EndToEnd {}

extension EndToEnd {
    @Suite("A whole run", .serialized) struct WholeRunTests {
        @Test("ends well though the recorder is killed while Python holds a growing stream open")
        func killedRecorder() throws {
            let scratch = try Scratch()
            let run = scratch("run")
            let path = try scratch.write("small.yaml", experiment(episodes: 1500))
            let command = try RunningCommand(["run", path, "--out", run], in: scratch)
            let reader = try GrowingStreamReader(histories: run + "/histories", in: scratch)
            #expect(reader.isReading(), "\(reader.errors) \(command.standardError)")

            var killed: Int32?
            _ = try eventually {
                guard command.isRunning else { return true }
                guard let status = try status(of: run, in: scratch), status.phase == .collecting,
                    status.environmentSteps > 5000,
                    let recorder = status.nodes.first(where: { $0.role == .recorder })
                else { return false }
                killed = Int32(recorder.process)
                return true
            }
            let victim = try #require(
                killed, "the run ended before a recorder could be killed: \(command.standardError)")
            #expect(kill(victim, SIGKILL) == 0)

            #expect(command.wait() == 0, "\(command.standardError.suffix(3000))")
            reader.finish()
            #expect(reader.problems.isEmpty)
            #expect(command.survivors.isEmpty)
            #expect(!FileManager.default.fileExists(atPath: run + "/coordinator.endpoint"))
            try checkStreams(run, scratch)
            let logs = try FileManager.default.contentsOfDirectory(atPath: run + "/logs")
            #expect(logs.count { $0.hasPrefix("recorder") } >= 2, "\(logs)")
            try checkCheckpoint(of: run, scratch)
        }
    }
}

/// The run's checkpoint can be evaluated and can predict on its own.
private func checkCheckpoint(of folder: String, _ scratch: Scratch) throws {
    let store = CheckpointStore(folder: URL(filePath: folder + "/checkpoints/distiller"))
    let checkpoint = store.folder.appendingPathComponent(try #require(store.latest)).path
    let evaluation = try run(
        ["evaluate", checkpoint, "--episodes", "12", "--seeds", "2", "--json", "--out", scratch("evaluation")],
        in: scratch)
    let document = try #require(
        try JSONSerialization.jsonObject(with: Data(evaluation.standardOutput.utf8)) as? [String: Any])
    let curve = try #require(document["in_context"] as? [String: Any])
    #expect((curve["mean_returns"] as? [Double])?.count == 12)
    #expect(document["seeds"] as? Int == 2)
    try run(["histories", "replay", scratch("evaluation")], in: scratch)
    let stream = try #require(try StreamFolder(path: folder + "/histories").files.first)
    try run(["predict", checkpoint, "--stream", stream, "--out", scratch("logits.h5")], in: scratch)
    #expect(FileManager.default.fileExists(atPath: scratch("logits.h5")))
    // A run means its last checkpoint.
    try run(["evaluate", folder, "--episodes", "1", "--seeds", "1"], in: scratch)
}

/// Every stream is sealed, sound and repeatable, and the catalogue says the same of it.
func checkStreams(_ folder: String, _ scratch: Scratch) throws {
    try run(["histories", "verify", folder], in: scratch)
    try run(["histories", "replay", folder], in: scratch)
    let ledger = try Ledger(path: folder + "/catalog.sqlite", mode: .read)
    defer { try? ledger.close() }
    let known = Dictionary(uniqueKeysWithValues: try ledger.streams().map { ($0.path, $0) })
    let files = try StreamFolder(path: folder).files
    #expect(Set(files) == Set(known.keys.map { "\(folder)/\($0)" }))
    for file in files {
        let verification = StreamVerification(path: file)
        #expect(verification.isSealed && verification.isSound, "\(file)")
        let record = known[String(file.dropFirst(folder.count + 1))]
        #expect(record?.rows == verification.rows && record?.rollouts == verification.rollouts, "\(file)")
        #expect(record?.isSealed == true)
    }
}

/// Debian's Python, which holds a growing stream open and reads it again and again.
final class GrowingStreamReader {
    private let process = Process()
    private let input = Pipe()
    private let output: URL
    private let errorFile: URL

    init(histories: String, in scratch: Scratch) throws {
        output = URL(filePath: scratch("reader.out"))
        errorFile = URL(filePath: scratch("reader.err"))
        for file in [output, errorFile] { try Data().write(to: file) }
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-c", Self.script, histories]
        process.environment = ["HDF5_USE_FILE_LOCKING": "FALSE", "PATH": "/usr/bin"]
        process.standardInput = input
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var errors: String { (try? String(contentsOf: errorFile, encoding: .utf8)) ?? "" }
    private var lines: [String] {
        ((try? String(contentsOf: output, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    /// Waits until the reader has a stream open.
    func isReading() -> Bool { eventually { lines.contains("open") || !process.isRunning } && lines.contains("open") }

    /// Lets the reader go.
    func finish() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// What the reader saw that a growing stream must never show.
    var problems: [String] { lines.filter { $0 != "open" && $0 != "done" } + (lines.last == "done" ? [] : [errors]) }

    /// The last rollout's rows are always there, and none is ever taken back.
    private static let script = """
        import glob, os, select, sys, time, h5py
        def growing():
            for path in sorted(glob.glob(sys.argv[1] + '/task-*/lifetime-*/actor-*.h5')):
                try:
                    file = h5py.File(path, 'r', swmr=True)
                    if file.attrs['complete'] == 0: return file
                    file.close()
                except OSError: pass
        file = None
        while file is None:
            if select.select([sys.stdin], [], [], 0.02)[0]: sys.exit('no stream grew')
            file = growing()
        print('open', flush=True)
        seen = 0
        while not select.select([sys.stdin], [], [], 0.1)[0]:
            rollouts = file['rollouts']; rollouts.id.refresh()
            rows = int(rollouts[-1, 1:3].sum()) if len(rollouts) else 0
            if rows < seen: print('rows went back from', seen, 'to', rows, flush=True)
            for name in ('observations', 'actions', 'rewards'):
                file[name].id.refresh()
                if len(file[name]) < rows: print(name, 'has', len(file[name]), 'of', rows, flush=True)
            seen = rows
        print('done', flush=True)
        """
}
