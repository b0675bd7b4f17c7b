import Foundation
import Testing

@Suite("The size of what is read at a time") struct SizeTests {
    private static let longestFile = 400
    private static let longestFunction = 60
    private static let keywords = ["func ", "init", "subscript"]

    @Test("a file of Sources has at most 400 lines, a function 60", arguments: House.allowed.map(\.module))
    func sizes(module: String) throws {
        for file in House.files(of: module) {
            let lines = try String(contentsOf: file, encoding: .utf8).split(
                separator: "\n", omittingEmptySubsequences: false)
            // The last one is what follows the last line's end.
            #expect(lines.count - 1 <= Self.longestFile, "\(file.lastPathComponent) has \(lines.count - 1) lines")
            for function in Self.functions(lines) where function.count > Self.longestFunction {
                Issue.record("\(file.lastPathComponent):\(function.lowerBound + 1) has \(function.count) lines")
            }
        }
    }

    @Test("the lines of a function are those from its signature to its closing brace")
    func counts() {
        let source = """
            protocol P {
                func required() -> Int
                init(_ other: Int)
            }
            extension Int {
                package static func long(
                    _ one: Int, _ two: Int
                ) -> Int where Int: P {
                    func inner() {
                        print("}")
                    }
                    return one
                }
                private init?(_ text: String) { return nil }
                let closure = { (x: Int) in x }
            }
            """
        let found = Self.functions(source.split(separator: "\n", omittingEmptySubsequences: false))
        #expect(found == [5..<13, 8..<11, 13..<14])
    }

    /// Indices of the lines of every function with a body. Sources are formatted: a closing brace stands below the
    /// beginning of what it closes.
    private static func functions(_ lines: [Substring]) -> [Range<Int>] {
        lines.indices.compactMap { first in
            guard isFunction(lines[first]) else { return nil }
            let margin = lines[first].prefix { $0 == " " }
            var last = first
            while !lines[last].contains("{"), last + 1 < lines.count, goesOn(lines[last + 1], margin) { last += 1 }
            guard lines[last].contains("{") else { return nil }
            if lines[last].hasSuffix("}") { return first..<(last + 1) }
            let end = lines[(last + 1)...].firstIndex { $0.hasPrefix(margin + "}") }
            return end.map { first..<($0 + 1) }
        }
    }

    private static func isFunction(_ line: Substring) -> Bool {
        // Most lines are none, and a regular expression takes long to say so.
        guard keywords.contains(where: line.contains) else { return false }
        return line.prefixMatch(
            of: /\ *(?:(?:@\w+(?:\([^)]*\))?|\w+(?:\(set\))?)\ )*(?:func\b|init[?(<]|deinit\b|subscript[(<])/)
            != nil
    }

    /// Whether a line belongs to the signature that begins above it with this margin.
    private static func goesOn(_ line: Substring, _ margin: Substring) -> Bool {
        guard line.hasPrefix(margin) else { return false }
        return line.dropFirst(margin.count).prefixMatch(of: /\ |\)|->|where|\{/) != nil
    }
}
