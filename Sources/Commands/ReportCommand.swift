import ArgumentParser
import Foundation
import Reporting

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Make a run's report.html, and the numbers behind it, again.",
        discussion: """
            Example: distillery report runs/quickstart
            With a run of RL2 on the same tasks as lines beside its own:
            distillery report runs/fig-04-dark-room --beside runs/rl2-dark-room
            Runs beside each other, with what they come to and which of their settings differ:
            distillery report --compare runs/first runs/second --out runs/first-or-second
            """)

    @Argument(help: ArgumentHelp("The run's folder; several with --compare.", valueName: "run"))
    var folders: [String]

    @Flag(help: "Put the runs beside each other, on the tasks that all of them were evaluated on.")
    var compare = false

    @Option(
        help: "Folder for the report, for a run that cannot be written into; by default the run's, or runs/comparison.")
    var out: String?

    @Option(help: "Another run, whose policies are drawn on the tasks that both have; may be given several times.")
    var beside: [String] = []

    func validate() throws {
        if compare, folders.count < 2 { throw ValidationError("--compare: expected two runs or more") }
        if compare, !beside.isEmpty { throw ValidationError("--beside and --compare: expected one of the two") }
        if !compare, folders.count != 1 {
            throw ValidationError("expected one run, not \(folders.count); several go with --compare")
        }
    }

    func run() throws {
        print(
            compare
                ? try writeComparison(of: folders, into: out ?? "runs/comparison")
                : try writeReport(of: folders[0], into: out, beside: beside))
    }
}

/// Writes the report of several runs beside each other into `out`; gives the page's path.
private func writeComparison(of runs: [String], into out: String) throws -> String {
    var line = ProgressLine()
    let contents = try runs.map { run in
        let folder = URL(fileURLWithPath: run, isDirectory: true)
        return (
            folder: folder.standardizedFileURL.lastPathComponent,
            contents: try RunContents(folder: folder) { done, total in
                line.show("report: read \(done)/\(total) streams of \(run)", phase: run)
            }
        )
    }
    let report = try Report(comparing: contents)
    let target = URL(fileURLWithPath: out, isDirectory: true)
    try report.write(into: target)
    line.finish()
    for remark in report.remarks { printError(remark) }
    return target.appendingPathComponent("report.html").path
}

/// Writes `report.html` and `report/*.csv` into `out`, by default the run's folder; gives the page's path. `beside`:
/// folders of other runs.
func writeReport(of run: String, into out: String? = nil, beside: [String] = []) throws -> String {
    let folder = URL(fileURLWithPath: run, isDirectory: true)
    var line = ProgressLine()
    var contents = try RunContents(folder: folder) { done, total in
        line.show("report: read \(done)/\(total) streams", phase: "report")
    }
    contents.beside = try beside.map { try RunBeside(folder: URL(fileURLWithPath: $0, isDirectory: true)) }
    let report = Report(contents)
    let target = out.map { URL(fileURLWithPath: $0, isDirectory: true) } ?? folder
    try report.write(into: target)
    line.finish()
    for remark in report.remarks { printError(remark) }
    return target.appendingPathComponent("report.html").path
}
