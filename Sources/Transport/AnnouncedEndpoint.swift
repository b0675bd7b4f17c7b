internal import Glibc

/// The endpoint under which others reach a server that is bound to `bound`.
///
/// Who binds to all addresses of a host has to name one of them: `host` where it is given, otherwise the address that
/// this host's packets to the coordinator carry, or, where the coordinator is on this host too, those to the world.
package func announcedEndpoint(bound: String, coordinator: String, host: String?) throws(TransportError) -> String {
    let endpoint = try Endpoint(bound)
    guard endpoint.scheme == "tcp" else { return bound }
    if let host { return "tcp://\(host):\(endpoint.port)" }
    guard endpoint.host == "0.0.0.0" || endpoint.host == "[::]" else { return bound }
    let other = try Endpoint(coordinator)
    // An address of the documentation: nothing is sent, only the route is looked up.
    let target = other.isLocal || other.host == "0.0.0.0" ? "198.51.100.1" : String(other.host)
    return "tcp://\(sourceAddress(towards: target) ?? "127.0.0.1"):\(endpoint.port)"
}

/// The address that packets of this host to `host` carry; nil without a route, or where `host` has no IPv4 address.
private func sourceAddress(towards host: String) -> String? {
    var hints = addrinfo()
    hints.ai_family = AF_INET
    hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, "9", &hints, &found) == 0, let found else { return nil }
    defer { freeaddrinfo(found) }
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    guard connect(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else { return nil }
    let status = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard status == 0 else { return nil }
    let bytes = withUnsafeBytes(of: address.sin_addr.s_addr) { Array($0) }
    return bytes.map(String.init).joined(separator: ".")
}
