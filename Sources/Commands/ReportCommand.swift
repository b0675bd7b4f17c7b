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
            """)

    @Argument(help: ArgumentHelp("The run's folder.", valueName: "run"))
    var folder: String

    @Option(help: "Folder for the report, for a run that cannot be written into; by default the run's.")
    var out: String?

    @Option(help: "Another run, whose policies are drawn on the tasks that both have; may be given several times.")
    var beside: [String] = []

    func run() throws { print(try writeReport(of: folder, into: out, beside: beside)) }
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
