import Distillation
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

    @Test("every test and every event that docs/cluster.md names exists") func namedTests() throws {
        let page = try String(contentsOf: Self.root.appendingPathComponent("docs/cluster.md"), encoding: .utf8)
        let sources = try Self.sources(below: "Tests")
        let tables = page.components(separatedBy: "## How it is tested").last ?? ""
        let named = tables.matches(of: /`([A-Z][A-Za-z]*Tests)\.([a-zA-Z]+)`/)
        #expect(named.count >= 30)
        for name in named {
            let isThere = sources.contains { $0.contains("struct \(name.1)") && $0.contains("func \(name.2)(") }
            #expect(isThere, "\(name.0)")
        }
        let events = sources.first { $0.contains("enum Event: String") && $0.contains("struct Trouble") } ?? ""
        for row in tables.split(separator: "\n") where row.hasPrefix("|") {
            #expect(!row.contains("|  |") && !row.contains("| |"), "an empty cell: \(row)")
            for brackets in row.matches(of: /\((`[a-zA-Z`, ]+)[):]/) {
                for event in brackets.1.matches(of: /`([a-zA-Z]+)`/) {
                    #expect(events.contains(event.1), "\(event.1)")
                }
            }
        }
    }

    @Test("every row of what docs/security.md trusts names a test that exists, or says why there is none")
    func trust() throws {
        let page = try String(contentsOf: Self.root.appendingPathComponent("docs/security.md"), encoding: .utf8)
        let section = page.components(separatedBy: "## Who is trusted with what").last ?? ""
        let rows = section.components(separatedBy: "\n\n").first { $0.contains("| who |") } ?? ""
        let sources = try Self.sources(below: "Tests")
        let lines = rows.split(separator: "\n").filter { $0.hasPrefix("|") }.dropFirst(2)
        #expect(lines.count >= 12)
        for row in lines {
            let cells = row.split(separator: "|", omittingEmptySubsequences: false)
            let tests = String(try #require(cells.count == 6 ? cells[4] : nil, "\(row)"))
            let named = tests.matches(of: /`([A-Z][A-Za-z]*Tests)\.([a-zA-Z]+)`/)
            #expect(!named.isEmpty || tests.contains("none: ") || tests.contains("the same"), "\(row)")
            for name in named {
                let isThere = sources.contains {
                    ($0.contains("struct \(name.1)") || $0.contains("class \(name.1)"))
                        && $0.contains("func \(name.2)(")
                }
                #expect(isThere, "\(name.0)")
            }
        }
    }

    @Test("README's table has every module, and Package.swift every module of the table") func modules() throws {
        func text(_ file: String) throws -> String {
            try String(contentsOf: Self.root.appendingPathComponent(file), encoding: .utf8)
        }
        let house = try text("Package.swift").components(separatedBy: "// Tests.")[0]
        let targets = house.matches(
            of:
                /(?:systemLibrary\(name|\.target\(name|executableTarget\(\s*name): "([A-Za-z0-9]+)"|module\(\s*"([A-Za-z0-9]+)"/
        )
        let expected = Set(targets.compactMap { ($0.1 ?? $0.2).map(String.init) })
        #expect(expected.count > 18)
        let table = try text("README.md").components(separatedBy: "| module | what it holds |")[1]
            .components(separatedBy: "\n\n")[0]
        let named = table.split(separator: "\n").compactMap { $0.split(separator: "|").first }
            .flatMap { $0.matches(of: /`([A-Za-z0-9]+)`/).map { String($0.1) } }
        #expect(Set(named) == expected)
        #expect(named.count == Set(named).count)
    }

    @Test("every file and folder that docs/architecture.md and CONTRIBUTING.md name exists")
    func namedFiles() throws {
        for page in ["docs/architecture.md", "CONTRIBUTING.md"] {
            let text = try String(contentsOf: Self.root.appendingPathComponent(page), encoding: .utf8)
            let paths = text.matches(of: /`(?:\.\/)?((?:Sources|Tests|proto|scripts|docs)\/[A-Za-z0-9+_.\/-]+)/).map {
                String($0.1)
            }
            #expect(paths.count > (page == "CONTRIBUTING.md" ? 3 : 40))
            for path in paths {
                #expect(
                    FileManager.default.fileExists(atPath: Self.root.appendingPathComponent(path).path),
                    "\(page) names \(path)")
            }
            let links = text.matches(of: /\]\(([A-Za-z0-9\/_.-]+\.md)\)/).map { String($0.1) }
            let folder = Self.root.appendingPathComponent(page).deletingLastPathComponent()
            for link in links {
                #expect(
                    FileManager.default.fileExists(atPath: folder.appendingPathComponent(link).path), "\(page): \(link)"
                )
            }
        }
    }

    @Test("docs/architecture.md has every module") func architecture() throws {
        let text = try String(contentsOf: Self.root.appendingPathComponent("docs/architecture.md"), encoding: .utf8)
        let modules = try FileManager.default.contentsOfDirectory(
            atPath: Self.root.appendingPathComponent("Sources").path
        ).filter { !$0.hasPrefix("C") || ["Catalog", "Collecting", "Commands", "Coordination"].contains($0) }
        #expect(modules.count > 15)
        for module in modules { #expect(text.contains("| `Sources/\(module)` |"), "\(module)") }
    }

    private static func sources(below folder: String) throws -> [String] {
        let files = FileManager.default.enumerator(
            at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)
        return try (files?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }
            .map { try String(contentsOf: $0, encoding: .utf8) }
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

    @Test("docs/paper.md is what ./scripts/paper makes of the results in docs/paper")
    func paperPage() throws {
        let process = Process()
        process.executableURL = Self.root.appendingPathComponent("scripts/paper")
        process.arguments = ["--check"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    @Test("every experiment of the paper's figures can be run at each size; all but the small ones claim something")
    func paper() throws {
        let folder = Self.root.appendingPathComponent("deploy/experiments/paper")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "yaml" }
        #expect(files.count >= 13)
        for file in files {
            let name = file.deletingPathExtension().lastPathComponent
            let laptop = try Experiment(path: file.path)
            #expect(laptop.name == name && !laptop.claims.isEmpty, "\(name)")
            let paper = try Experiment(path: file.path, size: "paper")
            #expect(paper.name == "\(name)-paper" && !paper.claims.isEmpty, "\(name)")
            let small = try Experiment(path: file.path, size: "small")
            #expect(small.name == "\(name)-small", "\(name)")
            #expect(small.distil.seeds == 0 || small.distil.training.steps <= 100, "\(name)")
        }
    }
}
