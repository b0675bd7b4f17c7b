import Coordination
import Distilling
import Foundation
import Logging
import Nodes
import Simulation
import Testing
import Wire

/// What stands in for Python: a script that is started as Python would be, says steps as it would, and has the checkpoints
/// of a whole training to give away.
private final class ScriptedPython {
    let path: String
    private let folder: String

    /// `body`: what it does. `step N` says a step, `save N` makes its checkpoint there is to take, `newest` is the step that
    /// it goes on from.
    init(_ body: String) throws {
        folder = try makeTemporaryFolder()
        path = folder + "/python"
        let script = """
            #!/bin/bash
            echo "$@" >>"\(folder)/starts"
            while (($#)); do
                case $1 in --out) out=$2 ;; --log) log=$2 ;; esac
                shift
            done
            step() {
                echo "{\\"step\\": $1, \\"loss\\": 1.5, \\"learning_rate\\": 0.01, \\"gradient_norm\\": 2, \\"seconds\\": $1}" >>"$log"
            }
            save() {
                cp -r "\(try CollectedRun.shared.get().folder)/checkpoints/distiller/step-0000000$1" "$out/.partial"
                mv "$out/.partial" "$out/step-0000000$1"
            }
            newest=$(ls "$out" | tail -n 1)
            newest=${newest: -1}
            \(body)
            """
        try Data(script.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The arguments of each start.
    var starts: [String] {
        ((try? String(contentsOfFile: folder + "/starts", encoding: .utf8)) ?? "").split(separator: "\n").map(
            String.init)
    }

    func distiller(checkpoints: [String] = []) throws -> LoneDistiller {
        try LoneDistiller(checkpoints: checkpoints, engine: engine(path))
    }
}

private func engine(_ python: String) -> PyTorchEngine {
    PyTorchEngine(python: python, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
}

extension LoneDistiller {
    /// Takes turns as a coordinator would answer them, with time for the other process, until it comes true. Gives what was
    /// sent.
    @discardableResult
    fileprivate func until(_ isSo: ([Message]) throws -> Bool) throws -> [Message] {
        var sent: [Message] = []
        for _ in 0..<6000 {
            var waiting = try turn(after: 20)
            while !waiting.isEmpty {
                let envelope = waiting.removeFirst()
                sent.append(envelope.message)
                if case .checkpointPiece(let piece) = envelope.message {
                    _ = try store.write(piece)
                    waiting += try hear(.acknowledgement, request: envelope.request)
                }
            }
            if try isSo(sent) { return sent }
            usleep(10_000)
        }
        Issue.record("it never came true; it waits for \(role.waiting(now: now)?.why ?? "nothing")")
        return sent
    }

    fileprivate func untilFinished() throws -> [Message] {
        try until { $0.contains { if case .distillationFinished = $0 { true } else { false } } }
    }
}

extension [Message] {
    fileprivate var finalCheckpoints: [String] {
        compactMap { if case .distillationFinished(let finished) = $0 { finished.checkpoint } else { nil } }
    }

    fileprivate var complaints: [String] {
        compactMap { if case .failure(let reason) = $0 { reason } else { nil } }
    }

    fileprivate var losses: [Double] {
        compactMap { if case .metrics(let metrics) = $0 { metrics.numbers["loss"] } else { nil } }
    }
}

@Suite("A distiller that trains with PyTorch") struct PyTorchEngineTests {
    @Test("sends the checkpoints and the losses of the process, and says that training is over") func wholeTraining()
        throws
    {
        let python = try ScriptedPython("step 1; step 2; save 2; step 3; save 3")
        let lone = try python.distiller()
        try lone.hear(.distil(Distil(resumeFrom: "")))
        let sent = try lone.untilFinished()
        #expect(sent.finalCheckpoints == [CollectedRun.last])
        #expect(lone.store.latest == CollectedRun.last)
        #expect(sent.losses.allSatisfy { $0 == 1.5 } && !sent.losses.isEmpty)
        #expect(lone.role.numbers["steps"] == 3)
        #expect(python.starts.count == 1)
        #expect(python.starts[0].contains("--histories \(lone.folder)/histories --out "), "\(python.starts)")
        let models = try [lone.folder, CollectedRun.shared.get().folder].map {
            try Data(contentsOf: URL(filePath: "\($0)/checkpoints/distiller/\(CollectedRun.last)/model.safetensors"))
        }
        #expect(models[0] == models[1])
    }

    @Test("goes on from the coordinator's checkpoint, and sends it no second time") func resumed() throws {
        let python = try ScriptedPython("step $((newest + 1)); save 3")
        let lone = try python.distiller(checkpoints: [CollectedRun.first])
        try lone.hear(.distil(Distil(resumeFrom: CollectedRun.first)))
        let sent = try lone.untilFinished()
        #expect(sent.finalCheckpoints == [CollectedRun.last])
        #expect(
            sent.allSatisfy {
                if case .checkpointPiece(let piece) = $0 { piece.checkpoint == CollectedRun.last } else { true }
            })
    }

    @Test("says at once that training is over where the coordinator's checkpoint is its end") func overAlready() throws
    {
        let python = try ScriptedPython("exit 1")
        let lone = try python.distiller(checkpoints: [CollectedRun.last])
        try lone.hear(.distil(Distil(resumeFrom: CollectedRun.last)))
        #expect(try lone.untilFinished().finalCheckpoints == [CollectedRun.last])
        #expect(python.starts.isEmpty)
    }

    @Test("starts a process that was killed again, from its last checkpoint") func killed() throws {
        let python = try ScriptedPython(
            "if ((newest == 0)); then step 1; step 2; save 2; kill -9 $$; fi; step 3; save 3")
        let lone = try python.distiller()
        try lone.hear(.distil(Distil(resumeFrom: "")))
        let sent = try lone.untilFinished()
        #expect(sent.finalCheckpoints == [CollectedRun.last])
        #expect(python.starts.count == 2)
        #expect(sent.complaints.count == 1 && sent.complaints[0].contains("SIGKILL"), "\(sent.complaints)")
    }

    @Test(
        "tells of a process that fails, tries again after rests, and ends after a bound",
        arguments: [
            ("echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1", "pip install"),
            (
                "echo 'Error: the streams are of another environment' >&2; exit 1",
                "the streams are of another environment"
            ),
            ("echo '[]' >>\"$log\"; sleep 100", "expected a line of JSON"),
            ("exit 0", "before training was over"),
        ])
    func fails(body: String, words: String) throws {
        let python = try ScriptedPython(body)
        let lone = try python.distiller()
        try lone.hear(.distil(Distil(resumeFrom: "")))
        var complaints: [String] = []
        var begun: [UInt64] = []
        let error = #expect(throws: ClusterError.self) {
            _ = try lone.until { sent in
                complaints = sent.complaints
                if begun.count < complaints.count { begun.append(lone.now) }
                if !complaints.isEmpty, complaints.count == python.starts.count {
                    #expect(lone.role.waiting(now: lone.now)?.why.contains(words) == true)
                }
                return false
            }
        }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        #expect(complaints.count == PyTorchEngine.failureLimit - 1 && complaints.allSatisfy { $0.contains(words) })
        #expect(python.starts.count == PyTorchEngine.failureLimit)
        // No busy loop: 1 s and 2 s lie between the first three.
        let rests = zip(begun, begun.dropFirst()).map { ($1 - $0) / 1_000_000_000 }
        #expect(rests.count == 2 && rests[0] >= 1 && rests[1] >= 2, "\(rests)")
    }

    @Test("names a Python that is not there") func missing() throws {
        let lone = try LoneDistiller(engine: engine("no-such-python-as-this"))
        try lone.hear(.distil(Distil(resumeFrom: "")))
        let sent = try lone.until { !$0.complaints.isEmpty }
        let words = try #require(sent.complaints.first)
        #expect(
            words.contains("cannot be started") && words.contains("no-such-python-as-this")
                && words.contains("--python"), "\(words)")
        #expect(lone.role.waiting(now: lone.now)?.why.contains("failure 1 of 4") == true)
    }

    @Test("that is asked to leave has the process leave a checkpoint, sends it, and leaves") func drain() throws {
        let python = try ScriptedPython("trap 'save 2; exit 143' TERM; step 1; step 2; while :; do sleep 0.02; done")
        let lone = try python.distiller()
        try lone.hear(.distil(Distil(resumeFrom: "")))
        try lone.until { _ in lone.role.numbers["steps"] == 2 }
        lone.role.drain(now: lone.now)
        #expect(!lone.role.isFinished)
        try lone.until { _ in lone.role.isFinished }
        #expect(lone.store.names == [CollectedRun.first])
    }

    @Test("waits for streams that still grow, and says so") func growing() throws {
        let python = try ScriptedPython("step 3; save 3")
        let lone = try python.distiller()
        try lone.hear(.distil(Distil(resumeFrom: "", isGrowing: true)))
        for _ in 0..<50 { _ = try lone.turn() }
        #expect(python.starts.isEmpty)
        #expect(lone.role.waiting(now: lone.now)?.why.contains("the histories to be complete") == true)
        try lone.hear(.distil(Distil(resumeFrom: "")))
        #expect(try lone.untilFinished().finalCheckpoints == [CollectedRun.last])
        #expect(lone.role.waiting(now: lone.now) == nil)
    }

    @Test("leaves its own training where another distiller has come further, and keeps it where none has")
    func overtaken() throws {
        let python = try ScriptedPython("if ((newest == 0)); then step 1; sleep 100; fi; step 3; save 3")
        let lone = try python.distiller(checkpoints: [CollectedRun.first])
        try lone.hear(.distil(Distil(resumeFrom: "")))
        try lone.until { _ in lone.role.numbers["steps"] == 1 }
        lone.role.forgetLeases(now: lone.now)
        try lone.begin()
        try lone.hear(.distil(Distil(resumeFrom: "")))
        _ = try lone.turn()
        #expect(python.starts.count == 1 && lone.role.numbers["steps"] == 1)
        lone.role.forgetLeases(now: lone.now)
        try lone.begin()
        try lone.hear(.distil(Distil(resumeFrom: CollectedRun.first)))
        #expect(try lone.untilFinished().finalCheckpoints == [CollectedRun.last])
        #expect(python.starts.count == 2)
    }

    @Test("ends a process that makes no step any more, and tries again") func still() throws {
        let python = try ScriptedPython(
            "if ((newest == 0)); then save 2; step 2; sleep 1000; fi; step 3; save 3")
        let lone = try python.distiller()
        try lone.hear(.distil(Distil(resumeFrom: "")))
        try lone.until { _ in lone.role.numbers["steps"] == 2 }
        lone.now += 300_000_000_000
        let sent = try lone.untilFinished()
        #expect(
            sent.complaints.count == 1 && sent.complaints[0].contains("cluster.work_limit_seconds"),
            "\(sent.complaints)")
        #expect(sent.finalCheckpoints == [CollectedRun.last] && python.starts.count == 2)
    }

    @Test("leaves no folder behind") func folder() throws {
        let python = try ScriptedPython("step 3; save 3")
        var lone: LoneDistiller? = try python.distiller()
        try lone?.hear(.distil(Distil(resumeFrom: "")))
        _ = try lone?.untilFinished()
        let words = python.starts[0].split(separator: " ")
        let prepared = String(try #require(words.first { $0.hasSuffix("/prepared.json") }))
        #expect(FileManager.default.fileExists(atPath: prepared))
        lone = nil
        #expect(!FileManager.default.fileExists(atPath: URL(filePath: prepared).deletingLastPathComponent().path))
    }
}
