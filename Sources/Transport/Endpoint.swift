/// An endpoint in libzmq's notation, looked at for whether other hosts can reach it.
struct Endpoint {
    let text: String
    /// `tcp`, `ipc`, `inproc`.
    let scheme: Substring
    /// For tcp, the host without the port; otherwise everything after `://`.
    let host: Substring
    /// For tcp, what follows the last colon.
    let port: Substring

    init(_ text: String) throws(TransportError) {
        self.text = text
        guard let separator = text.firstRange(of: "://"), separator.lowerBound > text.startIndex,
            separator.upperBound < text.endIndex
        else { throw Self.malformed(text) }
        scheme = text[..<separator.lowerBound]
        let address = text[separator.upperBound...]
        guard scheme == "tcp" else {
            (host, port) = (address, "")
            return
        }
        guard let colon = address.lastIndex(of: ":"), colon > address.startIndex else { throw Self.malformed(text) }
        host = address[..<colon]
        port = address[address.index(after: colon)...]
        guard port == "*" || UInt16(port) != nil else { throw Self.malformed(text) }
    }

    /// Whether nothing outside this host can connect.
    var isLocal: Bool {
        switch scheme {
        case "inproc", "ipc": true
        case "tcp": host == "localhost" || host == "[::1]" || host == "::1" || host == "lo" || isLoopbackAddress
        default: false
        }
    }

    /// 127.0.0.0/8, and not a host name that happens to begin with 127.
    private var isLoopbackAddress: Bool {
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return numbers.count == 4 && numbers[0] == 127 && !numbers.contains(nil)
    }

    private static func malformed(_ text: String) -> TransportError {
        TransportError(
            .address, attempt: "use the endpoint \"\(text)\"",
            reason: "expected tcp://HOST:PORT with a port of 0 to 65535 or *",
            remedy: "write for example tcp://127.0.0.1:5555")
    }
}
