import Experiments
import Foundation
import Testing

@Suite("Files that come with the program")
struct DocumentationTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// `DISTILLERY_WRITE_DOCUMENTATION=1 swift test --filter DocumentationTests` writes the page anew.
    @Test("docs/experiments.md lists exactly the keys that the program has")
    func documentation() throws {
        let page = Self.root.appendingPathComponent("docs/experiments.md")
        if ProcessInfo.processInfo.environment["DISTILLERY_WRITE_DOCUMENTATION"] == "1" {
            try Experiment.documentation.write(to: page, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: page, encoding: .utf8) == Experiment.documentation)
    }

    @Test("every experiment in deploy/experiments can be run")
    func experiments() throws {
        let folder = Self.root.appendingPathComponent("deploy/experiments")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "yaml" }
        #expect(files.count >= 2)
        for file in files {
            let experiment = try Experiment(path: file.path)
            #expect(experiment.name == file.deletingPathExtension().lastPathComponent)
        }
    }
}
