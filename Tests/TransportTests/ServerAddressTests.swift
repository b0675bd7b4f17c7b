import Testing
import Transport

@Suite("Addresses of servers") struct ServerAddressTests {
    @Test("an address with a key survives its text, whatever the key") func roundTrip() throws {
        for _ in 0..<100 {
            let address = ServerAddress(endpoint: "tcp://192.0.2.7:40123", key: try SecretKey.generate().publicKey)
            #expect(try ServerAddress("\(address)") == address)
        }
        let plain = try ServerAddress("tcp://127.0.0.1:5")
        #expect(plain.key == nil && plain.endpoint == "tcp://127.0.0.1:5")
    }

    @Test(
        "what is no address is refused",
        arguments: ["", "?key=", "tcp://127.0.0.1:5?key=", "tcp://127.0.0.1:5?key=short", "nowhere", "tcp://h:99999"])
    func malformed(_ text: String) { #expect(throws: TransportError.self) { try ServerAddress(text) } }

    @Test("a server that listens on all addresses announces one that others can use") func announced() throws {
        func announce(_ bound: String, _ coordinator: String, _ host: String? = nil) throws -> String {
            try announcedEndpoint(bound: bound, coordinator: coordinator, host: host)
        }
        #expect(try announce("tcp://192.0.2.7:5", "tcp://192.0.2.1:9") == "tcp://192.0.2.7:5")
        #expect(try announce("tcp://127.0.0.1:5", "tcp://127.0.0.1:9") == "tcp://127.0.0.1:5")
        #expect(try announce("tcp://0.0.0.0:5", "tcp://192.0.2.1:9", "gate.example") == "tcp://gate.example:5")
        // A route to another loopback address begins at the first.
        #expect(try announce("tcp://0.0.0.0:5", "tcp://198.51.100.7:9").hasSuffix(":5"))
        #expect(try !announce("tcp://0.0.0.0:5", "tcp://127.0.0.1:9").contains("0.0.0.0"))
        #expect(try announce("ipc:///tmp/x", "tcp://127.0.0.1:9") == "ipc:///tmp/x")
    }
}
