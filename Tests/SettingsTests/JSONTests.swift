import Settings
import Testing

@Suite("JSON as a tree of settings")
struct JSONTests {
    private func tree(_ text: String) throws -> String { try SettingNode(json: text, name: "the text").json }

    @Test(
        "what is JSON is read, and written back on one line",
        arguments: [
            (
                " { \"a\" : [ 1 , -0.5e+10 , true ] ,\n\t\"b\" : { } , \"c\" : null }\r\n",
                #"{"a":[1,-0.5e+10,true],"b":{},"c":null}"#
            ),
            (#""""#, #""""#), ("0", "0"), ("-0", "-0"), ("[]", "[]"), ("18446744073709551615", "18446744073709551615"),
            (#""\u00fc\/\b\f\n\r\t\"\\""#, #""ü/\u0008\u000c\n\r\t\"\\""#),
            (#""\ud83d\ude00 and 😀""#, #""😀 and 😀""#),
        ])
    func reads(text: String, line: String) throws {
        #expect(try tree(text) == line)
        #expect(try tree(line) == line)
    }

    @Test(
        "what is not JSON is refused with the place and what should stand there",
        arguments: [
            ("", "at byte 0 there should be a value"), ("{\"a\":1", "at byte 6 there should be ',' or '}'"),
            ("[1,]", "at byte 3 there should be a value"), ("[1 2]", "at byte 3 there should be ',' or ']'"),
            ("{\"a\" 1}", "at byte 5 there should be ':'"), ("{a:1}", "at byte 1 there should be a key in quotes"),
            ("{} {}", "at byte 3 there should be the end"), ("{\"a\":1,\"a\":2}", "a key of another name"),
            ("01", "a value"), ("1.", "a value"), (".5", "a value"), ("+1", "a value"), ("1e", "a value"),
            ("nan", "a value"), ("True", "a value"), ("'a'", "a value"), ("\"a", "the string's end"),
            ("\"a\\", "the string's end"), ("\"\\x\"", "an escape that JSON has"), ("\"\\u12\"", "\\u and four digits"),
            ("\"\\u12g4\"", "\\u and four digits"), ("\"\\ud800\"", "\\u and four digits"),
            ("\"\\ud800\\u0041\"", "a low surrogate"), ("\"\\udc00\"", "a surrogate before this one"),
            ("\"a\nb\"", "before what cannot be printed"),
            (String(repeating: "[", count: 65), "at most 64 brackets inside each other"),
            (String(repeating: "{\"a\":", count: 65), "at most 64 brackets inside each other"),
            ("{\"\(String(repeating: "a", count: 257))\":1}", "at most 1024 keys of at most 256 bytes"),
            ("{\((0...1024).map { "\"\($0)\":1" }.joined(separator: ","))}", "at most 1024 keys of at most 256 bytes"),
        ])
    func refuses(text: String, expectation: String) {
        let error = #expect(throws: SettingsError.self) { try tree(text) }
        #expect(error?.description.contains("expected JSON, found") == true)
        #expect(error?.description.contains(expectation) == true, "\(error as Any)")
    }

    @Test("a text is cut off at every byte, and refused")
    func cutOff() throws {
        let text = #"{"a":[1,{"b":"c\u00fc"}],"d":-1.5e-3,"e":[true,null]}"#
        #expect(try tree(text).isEmpty == false)
        for length in 0..<text.utf8.count {
            let beginning = String(decoding: text.utf8.prefix(length), as: UTF8.self)
            #expect(throws: SettingsError.self, "\(beginning)") { try tree(beginning) }
        }
    }

    @Test("a text over the limit is not looked at")
    func limit() {
        let error = #expect(throws: SettingsError.self) {
            try SettingNode(json: "[0,0,0]", name: "the text", limit: 6)
        }
        #expect(error?.description == "the text: 7 bytes of JSON, expected at most 6")
    }

    @Test("a value is found and put in place by its path")
    func paths() throws {
        var node = try SettingNode(json: #"{"a":{"b":1}}"#, name: "the text")
        #expect(node.value(at: "a.b")?.json == "1")
        #expect(node.value(at: "a.c") == nil && node.value(at: "a.b.c") == nil && node.value(at: "b") == nil)
        node.set("a.c.d", to: try SettingNode(json: "[2]", name: "the text"))
        #expect(node.json == #"{"a":{"b":1,"c":{"d":[2]}}}"#)
    }

    @Test("the indented style is the same JSON, a line for each key of a section")
    func indented() throws {
        struct Part: SettingsGroup {
            var widths = [8, 8]
            static let entries: [Entry<Part>] = [
                .key("widths", \.widths, .list(of: .integer(1...64), count: 1...3), "How wide.")
            ]
        }
        struct Whole: SettingsGroup {
            var part = Part()
            var count = 3
            static let entries: [Entry<Whole>] = [
                .section("part", \.part, "Inside."), .key("count", \.count, .integer(1...9), "How many."),
            ]
        }
        let schema = Schema(Whole.entries)
        let text = schema.json(Whole(), defaults: Whole(), .all, .indented(depth: 0))
        #expect(text == "{\n  \"count\": 3,\n  \"part\": {\n    \"widths\": [8,8]\n  }\n}")
        #expect(try tree(text) == Whole().json(.all))
    }
}
