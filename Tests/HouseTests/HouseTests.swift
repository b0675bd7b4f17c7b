import Foundation
import Testing

@Suite("The house") struct HouseTests {
    @Test("a module imports only what stands above it") func direction() {
        var above: Set<String> = []
        for (module, imports) in House.allowed {
            #expect(imports.isSubset(of: above), "\(module): \(imports.subtracting(above).sorted())")
            above.insert(module)
        }
    }

    @Test("the table has every Swift module under Sources, and no other") func completeness() throws {
        let sources = House.root.appending(path: "Sources")
        let found = try FileManager.default.contentsOfDirectory(atPath: sources.path)
            .filter { !House.files(of: $0).isEmpty }
        #expect(Set(found) == House.modules)
    }

    @Test("sources import what the table allows, and all of it", arguments: House.allowed.map(\.module))
    func imports(module: String) throws {
        let allowed = House.allowed.first { $0.module == module }?.imports ?? []
        var imported: Set<String> = []
        for file in House.files(of: module) {
            let names = Set(try Self.imports(of: file)).intersection(House.modules)
            #expect(names.isSubset(of: allowed), "\(file.lastPathComponent): \(names.subtracting(allowed).sorted())")
            imported.formUnion(names)
        }
        #expect(imported == allowed, "not needed: \(allowed.subtracting(imported).sorted())")
    }

    @Test("Package.swift gives a module what the table allows", arguments: House.allowed.map(\.module))
    func package(module: String) throws {
        let text = try String(contentsOf: House.root.appending(path: "Package.swift"), encoding: .utf8)
        let pattern = try Regex("(?:module|executableTarget)\\(\\s*(?:name: )?\"\(module)\"(?<rest>[^\\]]*)\\]")
        let declaration = try #require(text.firstMatch(of: pattern), "no target \(module)")
        let rest = try #require(declaration["rest"]?.substring)
        let named = Set(rest.matches(of: /"(\w+)"/).map { String($0.1) })
        let allowed = House.allowed.first { $0.module == module }?.imports ?? []
        #expect(named.intersection(House.modules) == allowed)
    }

    /// The modules that a file's `import` lines name, whatever stands before or behind, inside `#if` too.
    private static func imports(of file: URL) throws -> [String] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { line in
            // Most lines are none, and a regular expression takes long to say so.
            guard line.contains("import ") else { return nil }
            return line.prefixMatch(
                of: /\ *(?:[\w@]+ )*import (?:(?:struct|class|enum|protocol|func|let|var|typealias) )?(\w+)/
            )
            .map { String($0.1) }
        }
    }
}
