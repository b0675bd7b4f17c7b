import Settings
import Testing

/// One field of every form.
private struct Everything: SettingsGroup {
    enum Colour: String, CaseIterable, Sendable { case red, green }

    var count = 3
    var share = 0.5
    var isOn = false
    var colour = Colour.red
    var name = "here"
    var widths = [8, 8]
    var limit: Int?
    var seed: UInt64 = 0
    var inner = Inner()
    var extra: Inner?

    static let entries: [Entry<Everything>] = [
        .key("count", \.count, .integer(1...9), stated: true, "How many."),
        .key("share", \.share, .number(0, below: 1), "How much."),
        .key("is_on", \.isOn, .boolean, "Whether."),
        .key("colour", \.colour, .choice, "Which."),
        .key("name", \.name, .text("a word"), "Who."),
        .key("widths", \.widths, .list(of: .integer(1...64), count: 1...3), "How wide."),
        .key("limit", \.limit, .optional(.integer(1...100), "none"), "At most."),
        .key("seed", \.seed, .seed, "Draws."),
        .section("inner", \.inner, "Inside."),
        .optionalSection("extra", \.extra, absent: "none", "Beside."),
    ]

    func contradictions() -> [Contradiction] {
        guard let limit, limit < count else { return [] }
        return [Contradiction(["limit", "count"], "the limit \(limit) is below the count \(count)")]
    }
}

private struct Inner: SettingsGroup {
    var depth = 2
    var height = 4

    static let entries: [Entry<Inner>] = [
        .key("depth", \.depth, .integer(0...9), "How deep."),
        .key("height", \.height, .integer(0...9), "How high."),
    ]

    func contradictions() -> [Contradiction] {
        depth > height ? [Contradiction(["depth", "height"], "\(depth) is deeper than \(height) is high")] : []
    }
}

@Suite("A group of settings")
struct SettingsGroupTests {
    private func random(_ generator: inout SystemRandomNumberGenerator) -> Everything {
        var one = Everything()
        one.count = .random(in: 1...9, using: &generator)
        one.share = .random(in: 0..<1, using: &generator)
        one.isOn = .random(using: &generator)
        one.colour = Bool.random(using: &generator) ? .red : .green
        one.name = ["a b", "\"quoted\"", "tab\there", "none", "\u{1}", "ü/€"].randomElement(using: &generator) ?? ""
        one.widths = (0..<Int.random(in: 1...3, using: &generator)).map { _ in .random(in: 1...64, using: &generator) }
        one.limit = Bool.random(using: &generator) ? nil : .random(in: 9...100, using: &generator)
        one.seed = .random(in: 0...UInt64.max, using: &generator)
        one.inner.depth = .random(in: 0...4, using: &generator)
        one.extra = Bool.random(using: &generator) ? nil : Inner()
        if Bool.random(using: &generator) { one.extra?.height = 9 }
        return one
    }

    @Test("what JSON has written reads back as it was, with all keys and with the changed ones alone")
    func roundTrip() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            let one = random(&generator)
            try one.validate()
            for json in [one.json, one.json(.all)] {
                #expect(try Everything(json: json, name: "the text") == one, "\(json)")
            }
        }
    }

    @Test("JSON leaves defaults out, but for what is stated, and can have all keys")
    func extents() throws {
        #expect(Everything().json == #"{"count":3}"#)
        var one = Everything()
        one.inner.height = 7
        one.limit = 10
        #expect(one.json == #"{"count":3,"inner":{"height":7},"limit":10}"#)
        #expect(one.json(.all).contains(#""extra":null,"inner":{"depth":2,"height":7},"is_on":false,"limit":10"#))
        #expect(try Everything(json: "{}", name: "the text") == Everything())
    }

    @Test(
        "JSON that does not fit is refused with the key, what was expected and what came",
        arguments: [
            (#"{"count":0}"#, "the text: count: expected integer, 1 to 9; 0 came (out of range)"),
            (#"{"count":true}"#, "count: expected integer, 1 to 9; 'true' came"),
            (#"{"count":"3"}"#, "count: expected integer, 1 to 9; the quoted text \"3\" came"),
            (#"{"share":1e400}"#, "the text"),
            (#"{"inner":[1]}"#, "inner: expected a section with the keys depth, height"),
            (#"{"inner":{"dept":1}}"#, "inner.dept: there is no such key; did you mean 'depth'?"),
            (#"{"limit":2}"#, "limit and count: the limit 2 is below the count 3"),
            (#"{"inner":{"depth":9}}"#, "inner.depth and inner.height: 9 is deeper than 4 is high"),
            ("[1,2]", "expected a section"), ("", "expected JSON"), ("{\"a\":", "expected JSON"),
            (String(repeating: "[", count: 60_000), "expected JSON"),
            (String(repeating: " ", count: 70_000), "70000 bytes"),
        ])
    func refused(json: String, message: String) throws {
        let error = #expect(throws: SettingsError.self) { try Everything(json: json, name: "the text") }
        #expect(error?.description.contains(message) == true, "\(error as Any)")
    }

    @Test("a value that was set by hand is checked by the same ranges")
    func validated() throws {
        var one = Everything()
        one.count = 10
        one.share = .nan
        one.extra = Inner()
        one.extra?.depth = -1
        let error = #expect(throws: SettingsError.self) { try one.validate() }
        #expect(error?.problems.map(\.key) == ["count", "share", "extra.depth"])
        one = Everything()
        one.extra = Inner()
        one.extra?.depth = 5
        let together = #expect(throws: SettingsError.self) { try one.validate() }
        #expect(together?.problems.map(\.key) == ["extra.depth and extra.height"])
    }
}
