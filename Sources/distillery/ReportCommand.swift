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

    func run() throws { print(try writeReport(of: folder)) }
}

/// Writes `report.html` and `report/*.csv` into the run's folder; gives the page's path.
func writeReport(of run: String) throws -> String {
    let folder = URL(fileURLWithPath: run, isDirectory: true)
    var line = ProgressLine()
    let contents = try RunContents(folder: folder) { done, total in
        line.show("report: read \(done)/\(total) streams", phase: "report")
    }
    let report = Report(contents)
    try report.write(into: folder)
    line.finish()
    for remark in report.remarks { printError(remark) }
    return folder.appendingPathComponent("report.html").path
}
