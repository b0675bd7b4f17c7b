import Testing
import Transport

@Suite("Keys") struct KeyTests {
    /// From the documentation of zmq_curve_public and RFC 26.
    @Test("a public key follows from its secret one") func derivation() throws {
        let secret = try SecretKey("JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6")
        #expect(secret.publicKey.text == "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7")
        #expect(try PublicKey(secret.publicKey.text) == secret.publicKey)
        #expect(PublicKey(bytes: secret.publicKey.bytes) == secret.publicKey)
        #expect(PublicKey(bytes: Array(secret.publicKey.bytes.dropLast())) == nil)
    }

    @Test("each new pair is another") func generation() throws {
        let keys = try (0..<20).map { _ in try SecretKey.generate() }
        #expect(Set(keys.map(\.publicKey)).count == 20)
        for key in keys { #expect(try SecretKey(key.text).publicKey == key.publicKey) }
    }

    @Test("a secret key is not printed") func silence() throws {
        let key = try SecretKey.generate()
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), dumped] { #expect(!text.contains(key.text)) }
    }

    @Test(
        "what is not a key is refused without being repeated",
        arguments: [
            "", "short", String(repeating: "a", count: 39), String(repeating: "a", count: 41),
            String(repeating: "\"", count: 40), String(repeating: "ü", count: 20), String(repeating: "\0", count: 40),
            String(repeating: "#", count: 40),
        ])
    func malformed(_ text: String) throws {
        let error = try #require(throws: TransportError.self) { try PublicKey(text) }
        #expect(error.kind == .key)
        #expect(error.description.contains("40 characters"))
        #expect(text.isEmpty || !error.description.contains(text))
        #expect(throws: TransportError.self) { try SecretKey(text) }
    }
}
