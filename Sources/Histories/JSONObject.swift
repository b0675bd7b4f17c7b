import FoundationEssentials

/// A JSON object of any content as a part of another one: as text, with sorted keys, so that equal objects are equal
/// texts.
struct JSONObject: Codable, Hashable, Sendable {
    private let members: [String: Value]

    /// Throws what decoding throws for a text that is no object.
    init(_ text: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(text.utf8)) }

    init(from decoder: any Decoder) throws {
        members = try decoder.singleValueContainer().decode([String: Value].self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(members)
    }

    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    private indirect enum Value: Codable, Hashable, Sendable {
        case nothing
        case flag(Bool)
        case integer(Int)
        case number(Double)
        case text(String)
        case list([Value])
        case object([String: Value])

        init(from decoder: any Decoder) throws {
            let found = try decoder.singleValueContainer()
            if found.decodeNil() {
                self = .nothing
            } else if let flag = try? found.decode(Bool.self) {
                self = .flag(flag)
            } else if let integer = try? found.decode(Int.self) {
                self = .integer(integer)
            } else if let number = try? found.decode(Double.self) {
                self = .number(number)
            } else if let text = try? found.decode(String.self) {
                self = .text(text)
            } else if let list = try? found.decode([Value].self) {
                self = .list(list)
            } else {
                self = .object(try found.decode([String: Value].self))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .nothing: try container.encodeNil()
            case .flag(let flag): try container.encode(flag)
            case .integer(let integer): try container.encode(integer)
            case .number(let number): try container.encode(number)
            case .text(let text): try container.encode(text)
            case .list(let list): try container.encode(list)
            case .object(let object): try container.encode(object)
            }
        }
    }
}
