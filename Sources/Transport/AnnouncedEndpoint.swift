internal import Glibc

/// The endpoint under which others reach a server that is bound to `bound`.
///
/// A server that binds to all addresses of a host has to name one of them: `host` where it is given, otherwise the
/// address that this host's packets to the coordinator carry, or, where the coordinator is on this host too, those to
/// the world. No packet is sent to find that out. Without any route it is the loopback address.
/// - Parameter coordinator: the endpoint by which this node reaches it
///
/// Throws `address` where an endpoint cannot be understood. Looks the coordinator's name up where it has one, which may
/// take seconds; called once, before a server says hello.
package func announcedEndpoint(bound: String, coordinator: String, host: String?) throws(TransportError) -> String {
    let endpoint = try Endpoint(bound)
    guard endpoint.scheme == "tcp" else { return bound }
    if let host { return "tcp://\(NumericHost(host)?.text ?? host):\(endpoint.port)" }
    guard endpoint.host == "0.0.0.0" || endpoint.host == "[::]" else { return bound }
    let other = try Endpoint(coordinator)
    // Addresses of the documentation: nothing is sent, only the route is looked up.
    var targets = ["198.51.100.1"]
    if endpoint.host == "[::]" { targets.append("2001:db8::1") }
    let isElsewhere = !other.isLocal && other.host != "0.0.0.0" && other.host != "[::]"
    if isElsewhere { targets = [other.host.trimmed] }
    let source = targets.lazy.compactMap { sourceAddress(towards: $0, mayBeIPv6: endpoint.host == "[::]") }.first
    return "tcp://\(source ?? (endpoint.host == "[::]" ? "[::1]" : "127.0.0.1")):\(endpoint.port)"
}

/// The address that packets of this host to `host` carry; nil without a route, or where `host` has only addresses that
/// cannot be used.
///
/// The addresses of `host` are tried in the order of the name service.
private func sourceAddress(towards host: String, mayBeIPv6: Bool) -> String? {
    guard let found = NumericHost.addresses(of: host) else { return nil }
    defer { freeaddrinfo(found) }
    for entry in sequence(first: found, next: { $0.pointee.ai_next })
    where entry.pointee.ai_family == AF_INET || mayBeIPv6 {
        if let source = sourceAddress(towards: entry.pointee) { return source }
    }
    return nil
}

/// A UDP socket that is connected has a source address without a packet being sent.
private func sourceAddress(towards entry: addrinfo) -> String? {
    let descriptor = socket(entry.ai_family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    // Packets to port 0 have a route like any others, but a connection needs a number.
    var target = sockaddr_storage()
    withUnsafeMutableBytes(of: &target) {
        $0.copyMemory(from: UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen)))
        // The port has the same place in both kinds of address.
        $0.storeBytes(of: UInt16(9).bigEndian, toByteOffset: 2, as: UInt16.self)
    }
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &target) { storage in
        storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            guard connect(descriptor, address, entry.ai_addrlen) == 0,
                getsockname(descriptor, address, &length) == 0
            else { return nil }
            return NumericHost(address, length)?.text
        }
    }
}

extension Substring {
    /// A host without the brackets of IPv6.
    ///
    /// `[::1]` becomes `::1`, which is what a look-up of names takes.
    fileprivate var trimmed: String { hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : String(self) }
}
