import FoundationEssentials

extension SettingNode {
    /// Longest JSON that is looked at, in bytes: texts come from stream files and peers that nothing vouches for.
    ///
    /// A settings text of today has a few hundred bytes.
    package static let longestJSONBytes = 65_536

    /// The tree of a JSON text. Every node has the origin `name`: what to call the text in errors. Members are sorted
    /// by name. Throws `SettingsError` for what is not JSON, or too long.
    ///
    /// Numbers keep at most what a Double holds; whole ones up to 64 bits stay exact.
    package init(json: String, name: String) throws(SettingsError) {
        let origin = Origin.text(name)
        guard json.utf8.count <= Self.longestJSONBytes else {
            throw SettingsError([
                Problem(
                    origin: origin, key: "",
                    message: "\(json.utf8.count) bytes of JSON, expected at most \(Self.longestJSONBytes)")
            ])
        }
        guard let value = try? JSONDecoder().decode(DecodedJSON.self, from: Data(json.utf8)) else {
            throw SettingsError([
                Problem(origin: origin, key: "", message: "expected JSON, found \(excerpt(json))")
            ])
        }
        self = value.node(origin)
    }
}

/// The first 80 characters of `text` in quotes, escaped, for an error message.
///
/// Short enough for one line of a log, and free of control characters, since the text may come from a stranger.
package func excerpt(_ text: String) -> String {
    let limit = 80
    let beginning = String(text.prefix(limit)).debugDescription
    return text.count > limit ? "\(beginning)..." : beginning
}

/// Any JSON, as the decoder gives it.
private indirect enum DecodedJSON: Decodable {
    case plain(String)
    case text(String)
    case list([DecodedJSON])
    /// Members without an order, as JSON has them.
    case section([String: DecodedJSON])

    /// An object is tried before a list, a list before a scalar.
    init(from decoder: any Decoder) throws {
        if let members = try? decoder.container(keyedBy: Name.self) {
            var section: [String: DecodedJSON] = [:]
            for key in members.allKeys { section[key.stringValue] = try members.decode(DecodedJSON.self, forKey: key) }
            self = .section(section)
        } else if var items = try? decoder.unkeyedContainer() {
            var list: [DecodedJSON] = []
            while !items.isAtEnd { list.append(try items.decode(DecodedJSON.self)) }
            self = .list(list)
        } else {
            self = try Self.scalar(try decoder.singleValueContainer())
        }
    }

    /// Order matters: a Bool would also decode as a number, and 64-bit numbers would lose digits as a Double.
    private static func scalar(_ value: any SingleValueDecodingContainer) throws -> DecodedJSON {
        if value.decodeNil() { return .plain("null") }
        if let truth = try? value.decode(Bool.self) { return .plain(truth ? "true" : "false") }
        if let text = try? value.decode(String.self) { return .text(text) }
        if let integer = try? value.decode(Int64.self) { return .plain(String(integer)) }
        if let integer = try? value.decode(UInt64.self) { return .plain(String(integer)) }
        return .plain(shortest(try value.decode(Double.self)))
    }

    /// Every node gets the same origin, because the decoder does not tell where a value stood.
    func node(_ origin: Origin) -> SettingNode {
        switch self {
        case .plain(let text): SettingNode(.scalar(text, isQuoted: false), origin: origin)
        case .text(let text): SettingNode(.scalar(text, isQuoted: true), origin: origin)
        case .list(let items): SettingNode(.list(items.map { $0.node(origin) }), origin: origin)
        case .section(let members):
            SettingNode(
                .section(
                    members.sorted { $0.key < $1.key }.map {
                        SettingNode.Member(name: $0.key, origin: origin, value: $0.value.node(origin))
                    }), origin: origin)
        }
    }

    /// Any key at all: whether a schema has it is decided later.
    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
