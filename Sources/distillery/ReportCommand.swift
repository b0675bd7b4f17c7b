import ArgumentParser
import Foundation
import Reporting

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Make a run's report.html, and the numbers behind it, again.",
        discussion: "Example: distillery report runs/quickstart")

    @Argument(help: "The run's folder.")
    var run: String

    func run() throws {
        let folder = URL(fileURLWithPath: run, isDirectory: true)
        var progress = LineOfProgress("reading streams")
        let contents = try RunContents(folder: folder) { progress.update($0, of: $1) }
        let report = Report(contents)
        try report.write(into: folder)
        for remark in report.remarks { FileHandle.standardError.write(Data("\(remark)\n".utf8)) }
        print(folder.appendingPathComponent("report.html").path)
    }
}
