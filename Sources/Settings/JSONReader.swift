/// Reads a JSON text (RFC 8259) into a tree, in one pass whose time and memory grow with the text's length and no
/// faster: texts come from files and peers that nothing vouches for.
///
/// It is stricter than Foundation's decoder: a key that a section has twice is refused, and so is nesting deeper than
/// `deepest`, and what is no key of a setting by its length or number. Numbers keep their digits, so that 64-bit seeds and shortest decimals come through as they were written.
struct JSONReader {
    /// What was expected instead of what stands at `offset`, in bytes from the beginning.
    struct Failure: Error {
        let expected: String
        let offset: Int
    }

    /// Sections and lists inside each other; the stack holds this many calls.
    static let deepest = 64
    /// Keys of a section: readers compare an unknown one with every key that there is.
    static let mostKeys = 1_024
    /// Of a key, in bytes.
    static let longestKeyBytes = 256

    private let bytes: [UInt8]
    private let origin: Origin
    private var next = 0

    /// `origin`: of every node.
    init(_ text: String, origin: Origin) {
        bytes = Array(text.utf8)
        self.origin = origin
    }

    /// The one value that the text is.
    mutating func document() throws(Failure) -> SettingNode {
        let value = try value(depth: 0)
        guard peek() == nil else { throw failure("the end") }
        return value
    }

    private mutating func value(depth: Int) throws(Failure) -> SettingNode {
        guard depth < Self.deepest else { throw failure("at most \(Self.deepest) brackets inside each other") }
        switch peek() {
        case UInt8(ascii: "{"): return try node(.section(section(depth)))
        case UInt8(ascii: "["): return try node(.list(list(depth)))
        case UInt8(ascii: "\""): return try node(.scalar(string(), isQuoted: true))
        default: return try node(.scalar(word(), isQuoted: false))
        }
    }

    private func node(_ content: SettingNode.Content) -> SettingNode { SettingNode(content, origin: origin) }

    private mutating func section(_ depth: Int) throws(Failure) -> [SettingNode.Member] {
        var members: [SettingNode.Member] = []
        var names: Set<String> = []
        next += 1
        if skip(UInt8(ascii: "}")) { return members }
        repeat {
            guard peek() == UInt8(ascii: "\"") else { throw failure("a key in quotes") }
            let beginning = next
            let name = try string()
            guard name.utf8.count <= Self.longestKeyBytes, names.count < Self.mostKeys else {
                let expected = "at most \(Self.mostKeys) keys of at most \(Self.longestKeyBytes) bytes"
                throw Failure(expected: expected, offset: beginning)
            }
            guard names.insert(name).inserted else {
                throw Failure(expected: "a key of another name", offset: beginning)
            }
            guard skip(UInt8(ascii: ":")) else { throw failure("':'") }
            members.append(SettingNode.Member(name: name, origin: origin, value: try value(depth: depth + 1)))
        } while skip(UInt8(ascii: ","))
        guard skip(UInt8(ascii: "}")) else { throw failure("',' or '}'") }
        return members
    }

    private mutating func list(_ depth: Int) throws(Failure) -> [SettingNode] {
        var items: [SettingNode] = []
        next += 1
        if skip(UInt8(ascii: "]")) { return items }
        repeat { items.append(try value(depth: depth + 1)) } while skip(UInt8(ascii: ","))
        guard skip(UInt8(ascii: "]")) else { throw failure("',' or ']'") }
        return items
    }

    /// A number, `true`, `false` or `null`.
    private mutating func word() throws(Failure) -> String {
        let beginning = next
        while next < bytes.count, Self.isPartOfWord(bytes[next]) { next += 1 }
        let text = String(decoding: bytes[beginning..<next], as: UTF8.self)
        guard Self.isNumber(bytes[beginning..<next]) || text == "true" || text == "false" || text == "null" else {
            throw Failure(expected: "a value", offset: beginning)
        }
        return text
    }

    private static func isPartOfWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "E")
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Whether the bytes are a number as JSON has it: no leading zero, a digit on both sides of the point.
    private static func isNumber(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        func takeDigits() -> Int {
            let digits = rest.prefix(while: isDigit).count
            rest = rest.dropFirst(digits)
            return digits
        }
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        let leadsWithZero = rest.first == UInt8(ascii: "0")
        let whole = takeDigits()
        guard whole == 1 || whole > 1 && !leadsWithZero else { return false }
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard takeDigits() > 0 else { return false }
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
            guard takeDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }

    // MARK: - Strings

    private mutating func string() throws(Failure) -> String {
        next += 1
        var text: [UInt8] = []
        while next < bytes.count, bytes[next] != UInt8(ascii: "\"") {
            guard bytes[next] >= 0x20 else { throw failure("'\\' before what cannot be printed") }
            if bytes[next] == UInt8(ascii: "\\") {
                text += try escape().utf8
            } else {
                text.append(bytes[next])
                next += 1
            }
        }
        guard next < bytes.count else { throw failure("the string's end") }
        next += 1
        return String(decoding: text, as: UTF8.self)
    }

    /// What a backslash and the letter behind it stand for.
    private mutating func escape() throws(Failure) -> String {
        guard next + 1 < bytes.count else { throw failure("the string's end") }
        let letter = bytes[next + 1]
        if letter == UInt8(ascii: "u") { return String(Character(try scalar())) }
        guard let meaning = Self.meaning(ofEscaped: letter) else { throw failure("an escape that JSON has") }
        next += 2
        return meaning
    }

    private static func meaning(ofEscaped letter: UInt8) -> String? {
        switch letter {
        case UInt8(ascii: "\""): "\""
        case UInt8(ascii: "\\"): "\\"
        case UInt8(ascii: "/"): "/"
        case UInt8(ascii: "b"): "\u{8}"
        case UInt8(ascii: "f"): "\u{c}"
        case UInt8(ascii: "n"): "\n"
        case UInt8(ascii: "r"): "\r"
        case UInt8(ascii: "t"): "\t"
        default: nil
        }
    }

    /// `\u00fc`, or two of them for what lies beyond 16 bits (UTF-16).
    private mutating func scalar() throws(Failure) -> Unicode.Scalar {
        let first = try unit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard (0xd800..<0xdc00).contains(first) else { throw failure("a surrogate before this one") }
        let second = try unit()
        guard (0xdc00..<0xe000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
        else { throw failure("a low surrogate before this") }
        return scalar
    }

    /// The number in one `\uXXXX`.
    private mutating func unit() throws(Failure) -> UInt32 {
        guard next + 6 <= bytes.count, bytes[next] == UInt8(ascii: "\\"), bytes[next + 1] == UInt8(ascii: "u") else {
            throw failure("\\u and four digits")
        }
        var value: UInt32 = 0
        for byte in bytes[(next + 2)..<(next + 6)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("\\u and four digits")
            }
            value = value << 4 | UInt32(digit)
        }
        next += 6
        return value
    }

    // MARK: - Bytes

    /// The next byte that is no white space; nil at the end.
    private mutating func peek() -> UInt8? {
        while next < bytes.count, Self.isSpace(bytes[next]) { next += 1 }
        return next < bytes.count ? bytes[next] : nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 }

    /// Whether `byte` comes next; it is passed then.
    private mutating func skip(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        next += 1
        return true
    }

    private func failure(_ expected: String) -> Failure { Failure(expected: expected, offset: next) }
}
