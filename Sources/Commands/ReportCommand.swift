import ArgumentParser
import Foundation
import Reporting

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Make a run's report.html, and the numbers behind it, again.",
        discussion: "Example: distillery report runs/quickstart")

    @Argument(help: ArgumentHelp("The run's folder.", valueName: "run"))
    var folder: String

    @Option(help: "Folder for the report, for a run that cannot be written into; by default the run's.")
    var out: String?

    func run() throws { print(try writeReport(of: folder, into: out)) }
}

/// Writes `report.html` and `report/*.csv` into `out`, by default the run's folder; gives the page's path.
func writeReport(of run: String, into out: String? = nil) throws -> String {
    let folder = URL(fileURLWithPath: run, isDirectory: true)
    var line = ProgressLine()
    let contents = try RunContents(folder: folder) { done, total in
        line.show("report: read \(done)/\(total) streams", phase: "report")
    }
    let report = Report(contents)
    let target = out.map { URL(fileURLWithPath: $0, isDirectory: true) } ?? folder
    try report.write(into: target)
    line.finish()
    for remark in report.remarks { printError(remark) }
    return target.appendingPathComponent("report.html").path
}
