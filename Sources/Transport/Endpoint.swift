internal import Glibc

/// An endpoint in libzmq's notation, taken apart to find out whether other hosts can reach it. `tcp://192.0.2.7:5555`
/// has the scheme `tcp`, the host `192.0.2.7` and the port `5555`.
struct Endpoint {
    /// As it was given: what the library is told, and errors repeat.
    let text: String
    /// `tcp`, `ipc`, `inproc`.
    let scheme: Substring
    /// For tcp, the host without the port; otherwise everything after `://`.
    let host: Substring
    /// For tcp, what follows the last colon.
    let port: Substring

    /// Throws `address` for what is no endpoint. A host's name is not looked up yet.
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
        case "tcp": host == "localhost" || host == "lo" || NumericHost(host)?.isLoopback == true
        default: false
        }
    }

    /// Whether only IPv6 reaches it. A name that has both kinds of address is reached by IPv4. Looks the name up, which
    /// may take seconds.
    var isIPv6: Bool {
        guard scheme == "tcp", host != "*" else { return false }
        return (NumericHost(host) ?? NumericHost(resolving: host))?.isIPv6 ?? false
    }

    /// The same with an address in place of a host's name, since the library binds to addresses and interfaces alone.
    ///
    /// The wildcard `*`, an interface and an address in numbers stay as they are.
    func resolved() throws(TransportError) -> Endpoint {
        guard scheme == "tcp", host != "*", NumericHost(host) == nil, if_nametoindex(String(host)) == 0,
            let address = NumericHost(resolving: host)
        else { return self }
        return try Endpoint("tcp://\(address.text):\(port)")
    }

    /// `reason` and `remedy` are for tcp, the only transport that a user of a cluster chooses.
    private static func malformed(_ text: String) -> TransportError {
        TransportError(
            .address, attempt: "use the endpoint \"\(text)\"",
            reason: "expected tcp://HOST:PORT with a port of 0 to 65535 or *",
            remedy: "write for example tcp://127.0.0.1:5555")
    }
}

/// Why a server of a cluster cannot listen at this endpoint; nil where it can be tried. Of the library's transports
/// only tcp is one that other processes on all systems reach.
///
/// For settings and flags, before anything is started: the answer becomes a setting's error.
package func problemOfListening(at text: String) -> String? {
    do throws(TransportError) {
        let endpoint = try Endpoint(text)
        return endpoint.scheme == "tcp"
            ? nil : "\"\(text)\": expected tcp://ADDRESS:PORT, for example tcp://127.0.0.1:5555"
    } catch { return "\(error)" }
}
