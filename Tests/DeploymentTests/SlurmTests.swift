import Foundation
import TestSupport
import Testing

/// The batch scripts of deploy/slurm, as the command prints them, and as they do on a Slurm of several nodes.
@Suite("Slurm") struct SlurmTests {
    /// Why this machine cannot do the drill; nil where it can.
    private static let lack: String? = {
        let answer = try? ProgramOutput(of: deployed("slurm/drill"), [distillery, "--check"])
        return answer?.code == 0 ? nil : answer?.text ?? "the drill needs Python"
    }()

    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The built executable: beside the test bundle, or where DISTILLERY says.
    private static let distillery: String = {
        if let path = ProcessInfo.processInfo.environment["DISTILLERY"] { return path }
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("distillery").path
    }()

    private static func deployed(_ name: String) -> String { repository.appendingPathComponent("deploy/\(name)").path }

    private func printed(_ arguments: [String]) throws -> String {
        let found = try ProgramOutput(
            of: Self.distillery, ["slurm"] + arguments + ["--print-only"])
        #expect(found.code == 0, "\(found.text)")
        return found.text
    }

    /// From the line on that begins what is the same for every run.
    private func body(_ script: String) throws -> Substring {
        let start = try #require(script.range(of: "\n# ---- The script"))
        return script[start.lowerBound...]
    }

    /// The script is one of bash, and ends as the file of deploy/slurm does.
    private func check(_ script: String, against name: String) throws {
        let found = try ProgramOutput(
            of: "/bin/bash", ["-n"], input: script)
        #expect(found.code == 0 && found.text.isEmpty, "\(found.text)")
        let file = try String(contentsOfFile: Self.deployed("slurm/\(name)"), encoding: .utf8)
        #expect(try body(script) == body(file), "./scripts/embed-slurm takes deploy/slurm/\(name) over")
    }

    @Test("a run's script has the experiment, its processes and the options of the job") func runScript() throws {
        let script = try printed([
            Self.deployed("experiments/smoke.yaml"), "--nodes", "3", "--time", "60", "--partition", "short",
            "--sbatch", "--mem=8G", "--set", "cluster.actor_processes=7", "--out", "/shared/a run",
        ])
        for line in [
            "#SBATCH --nodes=3", "#SBATCH --time=60", "#SBATCH --partition=short", "#SBATCH --mem=8G",
            "#SBATCH --requeue", "#SBATCH --signal=B:USR2@90", "LEARNERS='2'", "ACTOR_PROCESSES='7'",
            "EVALUATORS='2'", "GOAL='all'", "RUN='/shared/a run'", "name: smoke",
        ] {
            #expect(script.contains("\n\(line)\n"), "\(line)")
        }
        try check(script, against: "run.sbatch")
        #expect(!FileManager.default.fileExists(atPath: "/shared/a run"))
    }

    @Test("histories alone need neither distillers nor evaluators") func collecting() throws {
        let script = try printed([Self.deployed("experiments/smoke.yaml"), "--nodes", "1", "--goal", "collect"])
        #expect(script.contains("\nDISTILLERS='0'\nEVALUATORS='0'\n"))
    }

    @Test("a script of workers that join knows the run") func joinScript() throws {
        let run = FileManager.default.temporaryDirectory.appendingPathComponent("distillery-slurm-\(UUID())")
        try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: run) }
        let arguments = ["join", "--role", "actor", "--array", "8", "--coordinator", run.path]
        let found = try ProgramOutput(
            of: Self.distillery, ["slurm"] + arguments + ["--print-only"])
        #expect(found.code == 1 && found.text.contains("experiment.yaml"), "\(found.text)")
        try Data().write(to: run.appendingPathComponent("experiment.yaml"))
        let script = try printed(arguments)
        #expect(script.contains("\n#SBATCH --array=1-8\n") && script.contains("\nROLE='actor'\n"))
        try check(script, against: "join.sbatch")
    }

    @Test("wrong options are refused", arguments: [["--nodes", "0"], ["--nodes", "1", "--cpus", "0"], []])
    func refusals(options: [String]) throws {
        let found = try ProgramOutput(
            of: Self.distillery, ["slurm", Self.deployed("experiments/smoke.yaml")] + options)
        #expect(found.code == 2, "\(found.text)")
    }

    @Test("a folder that Slurm cannot write a log into is refused") func logs() throws {
        let found = try ProgramOutput(
            of:
                Self.distillery,
            ["slurm", Self.deployed("experiments/smoke.yaml"), "--nodes", "1", "--out", "/shared/100%", "--print-only"])
        #expect(found.code == 1 && found.text.contains("%"), "\(found.text)")
    }

    /// Two nodes; a node that is lost; USR2, requeue and TERM; arrays that join. About three minutes.
    @Test(
        "on a Slurm of three nodes every run ends whole", .enabled(if: lack == nil, Comment(rawValue: lack ?? "")))
    func drill() throws {
        let found = try ProgramOutput(
            of: Self.deployed("slurm/drill"), [Self.distillery])
        #expect(found.code == 0, "\(found.text)")
    }
}
