internal import Glibc

/// An address of IPv4 or IPv6 in numbers, as it stands in an endpoint: `192.0.2.7`, `[2001:db8::7]`.
struct NumericHost {
    /// IPv6 in brackets.
    let text: String
    /// Endpoints need the library's IPv6 option for it.
    let isIPv6: Bool
    /// 127.0.0.0/8 or ::1, which no other host reaches.
    let isLoopback: Bool

    /// Nil for what is no address in numbers. Brackets may be missing.
    ///
    /// A name of a host is not looked up: it gives nil.
    init?(_ host: some StringProtocol) {
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
        self.init(bare: bare)
    }

    /// An address of the host with this name, of IPv4 where it has one; nil where it has none.
    ///
    /// Blocks while the name service is asked.
    init?(resolving name: some StringProtocol) {
        guard let found = Self.addresses(of: String(name)) else { return nil }
        defer { freeaddrinfo(found) }
        let all = Array(sequence(first: found) { $0.pointee.ai_next })
        guard let chosen = all.first(where: { $0.pointee.ai_family == AF_INET }) ?? all.first else { return nil }
        self.init(chosen.pointee.ai_addr, chosen.pointee.ai_addrlen)
    }

    /// What a socket's address says.
    ///
    /// For descriptors' own and peers' addresses.
    init?(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else {
            return nil
        }
        self.init(bare: String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    /// All addresses of a name, to be freed by the caller; nil where there is none.
    ///
    /// Of UDP, so that each address comes once.
    static func addresses(of name: String) -> UnsafeMutablePointer<addrinfo>? {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        return getaddrinfo(name, nil, &hints, &found) == 0 ? found : nil
    }

    /// Recognises an address by the system's parser, never by its look alone.
    private init?(bare: String) {
        var four = in_addr()
        var six = in6_addr()
        // An address of one link names its interface behind a percent sign.
        let unscoped = String(bare.prefix { $0 != "%" })
        if inet_pton(AF_INET, bare, &four) == 1 {
            (text, isIPv6) = (bare, false)
            isLoopback = UInt32(bigEndian: four.s_addr) >> 24 == 127
        } else if inet_pton(AF_INET6, unscoped, &six) == 1 {
            (text, isIPv6) = ("[\(bare)]", true)
            isLoopback = withUnsafeBytes(of: six) { $0.dropLast().allSatisfy { $0 == 0 } && $0.last == 1 }
        } else {
            return nil
        }
    }
}
