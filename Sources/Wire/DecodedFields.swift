import CProtobufC
import CWire
import Experience
import Foundation

// What is in a decoded message, checked as it is taken over.

func present<C>(_ pointer: UnsafeMutablePointer<C>?) throws -> C {
    guard let pointer else { throw WireError("an envelope whose body is missing") }
    return pointer.pointee
}

func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String {
    pointer.map { String(cString: $0) } ?? ""
}

/// What is kept for as long as a node is there must not be long: host names, endpoints, folders.
func short(_ pointer: UnsafeMutablePointer<CChar>?, _ what: String) throws -> String {
    guard let pointer else { return "" }
    guard strnlen(pointer, WireProtocol.textLimitBytes + 1) <= WireProtocol.textLimitBytes else {
        throw WireError("a \(what) of more than \(WireProtocol.textLimitBytes) bytes")
    }
    guard let text = String(validatingCString: pointer) else { throw WireError("a \(what) that is not UTF-8") }
    return text
}

/// What people read may be cut off, but is not refused for its length.
func beginning(of pointer: UnsafeMutablePointer<CChar>?) -> String {
    guard let pointer else { return "" }
    let length = strnlen(pointer, WireProtocol.textLimitBytes)
    let repaired = pointer.withMemoryRebound(to: UInt8.self, capacity: length) {
        String(decoding: UnsafeBufferPointer(start: $0, count: length), as: UTF8.self)
    }
    // What is not UTF-8 becomes longer when it is repaired, and a character must not be cut in two.
    var kept = repaired.utf8.prefix(WireProtocol.textLimitBytes)
    while !kept.isEmpty {
        if let text = String(kept) { return text }
        kept = kept.dropLast()
    }
    return ""
}

func keys(_ data: [ProtobufCBinaryData]) throws -> [[UInt8]] {
    guard data.count <= WireProtocol.allowedKeyLimit else {
        throw WireError("\(data.count) allowed keys; at most \(WireProtocol.allowedKeyLimit) are accepted")
    }
    return try data.map { bytes in
        try equal(WireProtocol.keyBytes, bytes.len, "bytes of a key")
        return array(bytes)
    }
}

/// What each of the keys may be; a bit that is none of ours says nothing.
func roles(_ allowed: Distillery__AllowedKeys) throws -> [KeyRoles] {
    guard allowed.n_roles > 0 else { return [] }
    try equal(allowed.n_key, allowed.n_roles, "keys' roles")
    return array(allowed.roles, allowed.n_roles).map { KeyRoles(rawValue: $0).intersection(.any) }
}

/// A ticket, or the secret of tickets; empty where there is none.
func ticket(_ bytes: ProtobufCBinaryData) throws -> [UInt8] {
    guard bytes.len > 0 else { return [] }
    try equal(WireProtocol.ticketBytes, bytes.len, "bytes of a ticket")
    return array(bytes)
}

/// Names become parts of paths: ASCII letters, digits, `-`, `_` and inner dots, at most 64.
func name(_ pointer: UnsafeMutablePointer<CChar>?, _ what: String) throws -> String {
    let name = text(pointer)
    guard isAcceptableName(name) else {
        throw WireError(
            "the \(what) \(name.prefix(80).debugDescription); expected 1 to 64 letters, digits, '-', '_' and inner dots"
        )
    }
    return name
}

/// Whether a name from outside may become a part of a path.
package func isAcceptableName(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count) && !name.hasPrefix(".")
        && name.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
        }
}

func role(_ name: String) throws -> RoleName {
    guard let role = RoleName(rawValue: name) else {
        throw WireError(
            "the role \(name.prefix(80).debugDescription); expected one of "
                + RoleName.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return role
}

func lifetime(_ pointer: UnsafeMutablePointer<Distillery__LifetimeIdentifier>?) throws -> LifetimeIdentifier {
    let lifetime = try present(pointer)
    let evaluation = text(lifetime.evaluation)
    return LifetimeIdentifier(
        collection: evaluation.isEmpty ? .histories : .evaluation(try name(lifetime.evaluation, "evaluation")),
        task: Int(lifetime.task), repetition: Int(lifetime.repetition))
}

func actors(_ first: UInt32, _ count: UInt32) throws -> Range<Int> {
    guard Int(first) + Int(count) <= WireProtocol.actorLimit else {
        throw WireError(
            "actors \(first) to \(Int(first) + Int(count)); at most \(WireProtocol.actorLimit) are accepted")
    }
    return Int(first)..<(Int(first) + Int(count))
}

func numbers(
    _ count: Int, _ pointers: UnsafeMutablePointer<UnsafeMutablePointer<Distillery__NamedNumber>?>?
) throws -> [String: Double] {
    guard count <= 1024 else { throw WireError("\(count) numbers; at most 1024 are accepted") }
    var numbers: [String: Double] = [:]
    for index in 0..<count {
        let number = try present(pointers?[index])
        guard number.value.isFinite else { throw WireError("a number that is none among \(count) numbers") }
        numbers[try short(number.name, "number's name")] = number.value
    }
    return numbers
}

func state(_ value: Distillery__StreamState) throws -> StreamState {
    guard let state = StreamState(rawValue: value.rawValue) else {
        throw WireError("a stream's state of \(value.rawValue)")
    }
    return state
}

/// What is counted from 0 never comes near the end of its type, where adding one would trap.
func count(_ value: UInt64, _ what: String) throws -> UInt64 {
    guard value < 1 << 62 else { throw WireError("a \(what) of \(value)") }
    return value
}

func array(_ bytes: ProtobufCBinaryData) -> [UInt8] {
    guard let data = bytes.data else { return [] }
    return Array(UnsafeBufferPointer(start: data, count: bytes.len))
}

func array<Element>(_ pointer: UnsafeMutablePointer<Element>?, _ count: Int) -> [Element] {
    guard let pointer else { return [] }
    return Array(UnsafeBufferPointer(start: pointer, count: count))
}

func floats(_ bytes: ProtobufCBinaryData, _ what: String) throws -> [Float] {
    guard bytes.len % 4 == 0 else { throw WireError("\(what) of \(bytes.len) bytes; expected a multiple of 4") }
    guard let data = bytes.data else { return [] }
    return [Float](unsafeUninitializedCapacity: bytes.len / 4) { buffer, count in
        UnsafeMutableRawBufferPointer(buffer).copyMemory(from: UnsafeRawBufferPointer(start: data, count: bytes.len))
        count = bytes.len / 4
    }
}

func equal(_ expected: Int, _ found: Int, _ what: String) throws {
    guard expected == found else { throw WireError("\(found) \(what); expected \(expected)") }
}
