import Foundation
import Testing

/// What a kind is that comes from outside: one file, and one line where an executable begins.
@Suite("A toy of each kind") struct ToyTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct Toy: Sendable {
        let file: String
        let type: String
        let name: String
    }

    static let toys = [
        Toy(file: "Corridor", type: "CorridorTasks", name: "corridor"),
        Toy(file: "TabularQ", type: "TabularQ", name: "tabular-q"),
        Toy(file: "ToyModel", type: "ToyKind", name: "toy"),
    ]

    @Test("is one file", arguments: toys) func file(toy: Toy) throws {
        let files = Self.swiftFiles(below: "Tests/Toys")
        #expect(Set(files.map(\.lastPathComponent)) == Set(Self.toys.map { "\($0.file).swift" }))
        let naming = try files.filter { try Self.text($0).contains(Self.word(toy.type)) }
        #expect(naming.map(\.lastPathComponent) == ["\(toy.file).swift"])
        #expect(try Self.text(naming[0]).contains("static let name = \"\(toy.name)\""))
    }

    @Test("is one line of an executable", arguments: toys) func line(toy: Toy) throws {
        let files = Self.swiftFiles(below: "Tests/DistilleryWithToys")
        #expect(files.count == 1)
        let lines = try Self.text(files[0]).split(separator: "\n").filter { $0.contains(toy.type) }
        #expect(lines.count == 1)
        #expect(lines.allSatisfy { $0.contains("registry.add(") })
    }

    @Test("is named by nothing that ships", arguments: toys) func unnamed(toy: Toy) throws {
        let files = ["Sources", "proto", "deploy", "scripts"].flatMap(Self.files)
        #expect(files.count > 300)
        for file in files where file.pathExtension != "md" {
            guard let text = try? Self.text(file) else { continue }
            #expect(try !text.contains(Self.word(toy.type)), "\(file.path)")
            #expect(!text.contains("\"\(toy.name)\""), "\(file.path)")
        }
    }

    private static func word(_ name: String) throws -> Regex<AnyRegexOutput> { try Regex("\\b\(name)\\b") }

    private static func text(_ file: URL) throws -> String { try String(contentsOf: file, encoding: .utf8) }

    private static func swiftFiles(below folder: String) -> [URL] {
        files(below: folder).filter { $0.pathExtension == "swift" }
    }

    private static func files(below folder: String) -> [URL] {
        let all = FileManager.default.enumerator(at: root.appending(path: folder), includingPropertiesForKeys: nil)
        return (all?.compactMap { $0 as? URL } ?? []).filter { !$0.hasDirectoryPath }
    }
}
